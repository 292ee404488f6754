package showpad

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fullPersonal sets every member that an upload into My Files takes.
func fullPersonal() PersonalFile {
	return PersonalFile{
		FileName: "intro.pdf", Folder: "/", Name: Some("Intro"), Description: Some("for John"), IsShareable: Some(false), IsAnnotatable: Some(true),
		IsDownloadable: Some(true), IsSensitive: Some(false), OnlyShareEntireDocument: Some(true), UseOptimized: Some(false),
	}
}

// parts are the names and contents of a form, and the name of its file.
func parts(t *testing.T, r *http.Request, body string) (names []string, values map[string]string, file string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" {
		t.Fatalf("content type %q: %v", r.Header.Get("Content-Type"), err)
	}
	values = map[string]string{}
	for mr := multipart.NewReader(strings.NewReader(body), params["boundary"]); ; {
		p, err := mr.NextPart()
		if err == io.EOF {
			return names, values, file
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		names, values[p.FormName()] = append(names, p.FormName()), string(b)
		if p.FileName() != "" {
			file = p.FileName()
		}
	}
}

func TestPersonalUploadIsAFormOfExactlyItsLength(t *testing.T) {
	for name, tc := range map[string]struct{ file, folder, content, wantPath string }{
		"at the top":  {"Übersicht \"Q3\".pdf", "/", "hello", `{"materialisedPath":"/"}`},
		"in a folder": {"a.pdf", "/f1/f2/", strings.Repeat("x", 3<<20), `{"materialisedPath":"/f1/f2/"}`},
		"empty":       {"a.pdf", "/", "", `{"materialisedPath":"/"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(says(http.StatusCreated, fixture(t, "v3-personal-asset.json")))
			var moved int64
			a, err := newClient(t, s).UploadPersonal(t.Context(), MyFiles, PersonalFile{FileName: tc.file, Folder: tc.folder}, int64(len(tc.content)), opener(tc.content), func(n int64) { moved += n })
			if err != nil {
				t.Fatal(err)
			}
			if a != (Accepted{AssetID: "a9000000000000000000000000000002"}) {
				t.Errorf("answer %+v", a)
			}
			r := s.seen[0]
			if r.URL.Path != "/api/v3/divisions/mine/assets.json" || r.ContentLength != int64(len(s.sent[0])) || len(r.TransferEncoding) > 0 {
				t.Errorf("%s, Content-Length %d for %d bytes, coding %q", r.URL.Path, r.ContentLength, len(s.sent[0]), r.TransferEncoding)
			}
			names, values, file := parts(t, r, s.sent[0])
			if diff := cmp.Diff([]string{"isPersonal", "postProcessingInstructions", "file"}, names); diff != "" {
				t.Error(diff)
			}
			if values["isPersonal"] != "true" || values["postProcessingInstructions"] != tc.wantPath || values["file"] != tc.content || file != tc.file {
				t.Errorf("file %q of %d bytes, %v %v", file, len(values["file"]), values["isPersonal"], values["postProcessingInstructions"])
			}
			if moved != int64(len(tc.content)) {
				t.Errorf("progress of %d bytes, want %d", moved, len(tc.content))
			}
			if got := r.Header.Get("Expect"); (got != "") != (len(tc.content) > 1<<20) {
				t.Errorf("Expect %q", got)
			}
		})
	}
}

func TestPersonalUploadCannotBe(t *testing.T) {
	for name, f := range map[string]PersonalFile{
		"no name":        {Folder: "/"},
		"a path":         {FileName: "a/b.pdf", Folder: "/"},
		"no folder":      {FileName: "a.pdf"},
		"half a folder":  {FileName: "a.pdf", Folder: "/x"},
		"a line in it":   {FileName: "a\nb.pdf", Folder: "/"},
		"other division": {FileName: "a.pdf", Folder: "/"},
	} {
		division := "d2"
		if name == "other division" {
			division = ".."
		}
		s := newScript(says(201, "{}"))
		_, err := newClient(t, s).UploadPersonal(t.Context(), division, f, 1, opener("x"), nil)
		if err == nil || Classify(KindCreate, err) != StopItem || s.count() != 0 {
			t.Errorf("%s: %v, %d requests", name, err, s.count())
		}
	}
}

// TestAPersonalUploadThatMayHaveArrivedIsNotRepeated: what was sent whole is of unknown
// outcome; what was not, is sent again.
func TestAPersonalUploadThatMayHaveArrivedIsNotRepeated(t *testing.T) {
	ticket := fixture(t, "v3-personal-ticket.json")
	half := func(r *http.Request) (*http.Response, error) { return nil, errReset }
	for name, tc := range map[string]struct {
		first   func(*http.Request) (*http.Response, error)
		unread  bool // the first attempt's body is left alone
		unknown bool
	}{
		"reset after the last byte":   {first: breaks(errReset), unknown: true},
		"reset in the middle":         {first: half, unread: true},
		"500":                         {first: says(500, `{"response":{"code":500,"name":"X","message":"y"}}`), unknown: true},
		"503 of a proxy":              {first: says(503, "<html>"), unknown: true},
		"an answer that is none":      {first: says(201, `{"response":{"id":"x"}}`), unknown: true},
		"half an answer":              {first: says(201, ticket[:40]), unknown: true},
		"429":                         {first: says(429, `{}`, "Retry-After", "1")},
		"no Expect":                   {first: says(417, ``)},
		"refused inside a 200":        {first: says(200, `{"meta":{"code":503},"response":{"name":"X","message":"y"}}`), unknown: true},
		"a time-out of the service's": {first: says(408, ``), unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int32
				base := roundTrip(func(r *http.Request) (*http.Response, error) {
					first := n.Add(1) == 1
					if !first || !tc.unread {
						if _, err := io.Copy(io.Discard, r.Body); err != nil {
							return nil, err
						}
					}
					if first {
						return tc.first(r)
					}
					return answer(201, ticket), nil
				})
				var moved atomic.Int64
				content := strings.Repeat("x", 2<<20)
				a, err := newClient(t, base).UploadPersonal(t.Context(), "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, int64(len(content)), opener(content), func(n int64) { moved.Add(n) })
				if got := errors.Is(err, ErrUnknownOutcome); got != tc.unknown || (n.Load() == 1) != tc.unknown {
					t.Fatalf("%d requests, %v", n.Load(), err)
				}
				if tc.unknown {
					if moved.Load() != 0 {
						t.Errorf("%d bytes of progress are left", moved.Load())
					}
					return
				}
				if a.TicketID != "71a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7" || moved.Load() != int64(len(content)) {
					t.Errorf("%+v, %d bytes", a, moved.Load())
				}
			})
		})
	}
}

func TestRefusalsOfAPersonalUpload(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		want   Verdict
		exists bool
	}{
		"there already": {409, `{"response":{"code":4009,"name":"NotUniqueValidationError","message":"exists"}}`, StopItem, true},
		"too big":       {400, `{"response":{"code":4004,"name":"FileTooBigValidationError","message":"too big"}}`, StopItem, false},
		"no right":      {403, `{"response":{"code":403,"name":"ForbiddenError","message":"no"}}`, StopDivision, false},
		"no Division":   {404, `{"response":{"code":3004,"name":"ResourceNotFoundError","message":"no"}}`, StopItem, false},
		"no credential": {401, `{}`, StopRun, false},
	} {
		s := newScript(says(tc.status, tc.body))
		_, err := newClient(t, s).UploadPersonal(t.Context(), "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, 5, opener("hello"), nil)
		if err == nil || Classify(KindCreate, err) != tc.want || errors.Is(err, ErrExists) != tc.exists || s.count() != 1 {
			t.Errorf("%s: %v, %d requests", name, err, s.count())
		}
	}
}

// TestASourceThatChangesMakesNoPersonalFile: the end of the form stays here.
func TestASourceThatChangesMakesNoPersonalFile(t *testing.T) {
	for name, size := range map[string]int64{"shorter": 9, "longer": 3, "no longer empty": 0} {
		s := newScript()
		s.steps = append(s.steps, func(*http.Request) (*http.Response, error) { return nil, errReset })
		var whole atomic.Bool
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			n, err := io.Copy(io.Discard, r.Body)
			whole.Store(n == r.ContentLength)
			if err != nil {
				return nil, err
			}
			return answer(201, fixture(t, "v3-personal-asset.json")), nil
		})
		_, err := newClient(t, base).UploadPersonal(t.Context(), "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, size, opener("hello"), nil)
		if _, ok := errors.AsType[*SourceError](err); !ok || !errors.Is(err, ErrSourceChanged) || whole.Load() {
			t.Errorf("%s: %v, whole: %v", name, err, whole.Load())
		}
	}
}

// TestACancelledPersonalUpload: cut off in the middle it made nothing; after its last
// byte nobody knows.
func TestACancelledPersonalUpload(t *testing.T) {
	for name, read := range map[string]bool{"in the middle": false, "after the last byte": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := roundTrip(func(r *http.Request) (*http.Response, error) {
					if read {
						if _, err := io.Copy(io.Discard, r.Body); err != nil {
							return nil, err
						}
					}
					<-r.Context().Done()
					return nil, context.Cause(r.Context())
				})
				stop := errors.New("stop")
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				time.AfterFunc(time.Second, func() { cancel(stop) })
				_, err := newClient(t, base).UploadPersonal(ctx, "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, 5, opener("hello"), nil)
				if !errors.Is(err, stop) || errors.Is(err, ErrUnknownOutcome) != read {
					t.Error(err)
				}
			})
		})
	}
}

func TestAPersonalUploadThatStandsStillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		})
		begin := time.Now()
		_, err := newClient(t, base).UploadPersonal(t.Context(), "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, 5, opener("hello"), nil)
		if !errors.Is(err, ErrUnknownOutcome) || time.Since(begin) != time.Minute {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
	})
}

// TestAPersonalUploadLeavesRoomInTheGate: it holds no slot while its bytes flow.
func TestAPersonalUploadLeavesRoomInTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uploading := make(chan struct{})
		goOn := make(chan struct{})
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet {
				return answer(200, fixture(t, "v3-user.json")), nil
			}
			close(uploading)
			<-goOn
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			return answer(201, fixture(t, "v3-personal-asset.json")), nil
		})
		c := newClient(t, base, func(cfg *Config) { cfg.Gate = NewGate(1) })
		done := make(chan error)
		go func() {
			_, err := c.UploadPersonal(t.Context(), "d2", PersonalFile{FileName: "a.pdf", Folder: "/"}, 5, opener("hello"), nil)
			done <- err
		}()
		<-uploading
		if _, err := c.Account(t.Context(), "u1"); err != nil {
			t.Error(err)
		}
		close(goOn)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAccounts(t *testing.T) {
	list, err := collect(newClient(t, newScript(says(200, fixture(t, "v3-users.json")))).Accounts(t.Context(), "john.q@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	john := Account{ID: "a1000000000000000000000000000003", Email: "john.q@example.com", FileLimit: 1 << 30, TotalLimit: 5368709121, Used: 17, HasQuota: true}
	if diff := cmp.Diff([]Account{john}, list); diff != "" {
		t.Error(diff)
	}
	s := newScript(says(200, fixture(t, "v3-user.json")))
	one, err := newClient(t, s).Account(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	john.MyFiles, john.Unlimited = "d2000000000000000000000000000003", true
	if diff := cmp.Diff(john, one); diff != "" {
		t.Error(diff)
	}
	if q := s.seen[0].URL.Query().Get("fields"); !strings.Contains(q, "myUploadsDivisionId") {
		t.Errorf("fields %s", q)
	}
	// Nothing told is nothing known.
	one, err = newClient(t, newScript(says(200, `{"response":{"isActive":false,"personalContentFileSizeUsed":null}}`))).Account(t.Context(), "a1")
	if diff := cmp.Diff(Account{ID: "a1", Inactive: true, FileLimit: -1, TotalLimit: -1, Used: -1}, one); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestTickets(t *testing.T) {
	at := func(sec int) Time { return Time{time.Date(2026, 3, 10, 15, 43, sec, 0, time.UTC)} }
	want := Ticket{
		ID: "71a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7", Status: TicketProcessing, Type: "asset", Provisional: "a9000000000000000000000000000001", FileName: "intro.pdf",
		Folder: "/", DivisionID: "d2000000000000000000000000000003", QueuedAt: at(30), StartedAt: at(31), ResourceType: "Ticket",
	}
	s := newScript(says(200, fixture(t, "v3-tickets.json")))
	list, err := collect(newClient(t, s).Tickets(t.Context(), true))
	if diff := cmp.Diff([]Ticket{want}, list); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if q := s.seen[0].URL.RawQuery; q != "limit=1000&onlyUnfinished=true" {
		t.Errorf("query %s", q)
	}
	one, err := newClient(t, newScript(says(200, fixture(t, "v3-ticket.json")))).Ticket(t.Context(), "t1")
	want.Status, want.AssetID, want.CompletedAt = TicketCompleted, want.Provisional, at(40)
	if diff := cmp.Diff(want, one); diff != "" || err != nil || !one.Finished() {
		t.Error(diff, err)
	}
	for raw, want := range map[string]string{
		`"https://acme.showpad.biz/api/v3/assets/a9.json?x=1"`: "a9", `"/assets/a9.json"`: "a9", `"a9"`: "a9", `{"id":"a9","href":"x"}`: "a9", `null`: "", `""`: "", `{}`: "", `"/"`: "", `7`: "7",
	} {
		one, err := newClient(t, newScript(says(200, `{"response":{"status":"Completed","asset":`+raw+`,"message":"why"}}`))).Ticket(t.Context(), "t1")
		if err != nil || one.AssetID != want || one.ID != "t1" || one.Status != TicketCompleted || one.Reason != "why" {
			t.Errorf("%s: %+v %v", raw, one, err)
		}
	}
}

func TestExportedDivisionsAndUsers(t *testing.T) {
	gone := time.Date(2020, 4, 18, 8, 16, 10, 0, time.UTC)
	divisions, err := collect(newClient(t, newScript(says(200, fixture(t, "v3-export-divisions.json")))).ExportDivisions(t.Context()))
	if diff := cmp.Diff([]ExportedDivision{
		{ID: "d1", Name: "Marketing"}, {ID: "d2", Name: "My Files", Personal: true, OwnerID: "u2"}, {ID: "d3", Name: "My Files", Personal: true, OwnerID: "u3", DeletedAt: gone},
	}, divisions); diff != "" || err != nil {
		t.Error(diff, err)
	}
	users, err := collect(newClient(t, newScript(says(200, fixture(t, "v3-export-users.json")))).ExportUsers(t.Context()))
	if diff := cmp.Diff([]ExportedUser{
		{ID: "u1", Email: "jane@example.com", FirstName: "Jane", LastName: "Example", Role: "Admin", Active: true},
		{ID: "u2", Email: "john.q@example.com", FirstName: "John", LastName: "Example", Role: "User", ExternalID: "E-2", Active: true, DeletedAt: gone},
	}, users); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
