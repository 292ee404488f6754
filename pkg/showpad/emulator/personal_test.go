package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

const (
	johnsFiles = "d2000000000000000000000000000003"
	toJohn     = v3Base + "/divisions/" + johnsFiles + "/assets.json"
)

// personal is a form for My Files: changes replace a text, or with a nil value take it away.
func personal(t testing.TB, fileName, content string, changes map[string]*string) (body, kind string) {
	t.Helper()
	texts := map[string]*string{"isPersonal": new("true"), "postProcessingInstructions": new(`{"materialisedPath":"/"}`)}
	maps.Copy(texts, changes)
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, v := range texts {
		if v != nil {
			if err := w.WriteField(name, *v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fileName != "" {
		part, err := w.CreateFormFile("file", fileName)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, content) // a buffer takes everything
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// give puts a file into John's My Files, and wants a status and, unless it is empty, a text in the answer.
func give(t testing.TB, s http.RoundTripper, status int, says, fileName, content string, changes map[string]*string) map[string]any {
	t.Helper()
	body, kind := personal(t, fileName, content, changes)
	r := want(t, status, s, "POST", toJohn, body, "Content-Type", kind)
	if !strings.Contains(string(r.body), says) {
		t.Errorf("%q is not in the answer %s", says, r.body)
	}
	m, _ := r.json["response"].(map[string]any)
	return m
}

func ticketIs(t testing.TB, s http.RoundTripper, id any) map[string]any {
	t.Helper()
	return want(t, 200, s, "GET", v3Base+"/tickets/"+id.(string)+".json", "").json["response"].(map[string]any)
}

func TestMyFilesTakeForms(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true, Users: []emulator.User{
		{Email: "jane@example.com"}, {Email: "left@example.com", Inactive: true}, {Email: "john.q@example.com", FileLimit: 10, TotalLimit: 20},
	}})
	for name, tc := range map[string]struct {
		status  int
		says    string
		file    string
		changes map[string]*string
	}{
		"no file":               {400, "4008", "", nil},
		"no extension":          {400, "4013", "intro", nil},
		"not personal":          {400, "4008", "a.pdf", map[string]*string{"isPersonal": nil}},
		"personal: false":       {400, "4008", "a.pdf", map[string]*string{"isPersonal": new("false")}},
		"quoted":                {400, "4001", "a.pdf", map[string]*string{"isPersonal": new(`"true"`)}},
		"no instructions":       {400, "4006", "a.pdf", map[string]*string{"postProcessingInstructions": nil}},
		"with z":                {400, "4006", "a.pdf", map[string]*string{"postProcessingInstructions": new(`{"materializedPath":"/"}`)}},
		"no JSON":               {400, "4006", "a.pdf", map[string]*string{"postProcessingInstructions": new(`{materialisedPath:"/"}`)}},
		"half a folder":         {400, "4006", "a.pdf", map[string]*string{"postProcessingInstructions": new(`{"materialisedPath":"/x"}`)}},
		"an unknown part":       {400, "2001", "a.pdf", map[string]*string{"tags": new("x")}},
		"a name that is empty":  {400, "4010", "a.pdf", map[string]*string{"name": new(" ")}},
		"a name that is long":   {400, "4011", "a.pdf", map[string]*string{"name": new(strings.Repeat("x", 256))}},
		"a flag that is no one": {400, "4001", "a.pdf", map[string]*string{"isShareable": new("yes")}},
	} {
		t.Run(name, func(t *testing.T) { give(t, s, tc.status, tc.says, tc.file, "hello", tc.changes) })
	}
	give(t, s, 400, "4004", "a.pdf", strings.Repeat("x", 11), nil)
	body, kind := personal(t, "a.pdf", "hello", nil)
	for path, status := range map[string]int{
		"/divisions/nothing/assets.json": 404, "/divisions/" + emulator.DivisionMarketing + "/assets.json": 400, "/divisions/d2000000000000000000000000000002/assets.json": 400,
	} {
		want(t, status, s, "POST", v3Base+path, body, "Content-Type", kind)
	}
	want(t, 415, s, "POST", toJohn, "{}")
	want(t, 401, s, "POST", toJohn, body, "Content-Type", kind, "Authorization", "")
	want(t, 400, s, "POST", toJohn, body[:40], "Content-Type", kind)
	if got := s.PersonalFiles(); len(got) != 0 {
		t.Fatalf("files: %+v", got)
	}

	give(t, s, 201, "Ticket", "a.pdf", "hello", map[string]*string{"description": new("d"), "isShareable": new("false"), "postProcessingInstructions": new(`{"materialisedPath":"/f1/"}`)})
	give(t, s, 409, "4009", "a.pdf", "other", nil)
	give(t, s, 201, "Asset", "b.zip", "1234567890", map[string]*string{"name": new("Archive.zip")}) // nothing to process
	give(t, s, 400, "5 bytes are left", "c.pdf", "123456", nil)
	want(t, 201, s, "POST", v3Base+"/divisions/mine/assets.json", body, "Content-Type", kind)
	var got []emulator.PersonalFile
	for _, p := range s.PersonalFiles() {
		r, err := s.Open(p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); int64(len(b)) != p.Size || err != nil {
			t.Errorf("%s: %q %v", p.Name, b, err)
		}
		p.ID, p.Ticket, p.MD5, p.CreatedAt = "", strconv.FormatBool(p.Ticket != ""), p.MD5[:4], time.Time{}
		got = append(got, p)
	}
	if diff := cmp.Diff([]emulator.PersonalFile{
		{Owner: "john.q@example.com", By: "jane@example.com", Name: "a.pdf", FileName: "a.pdf", Folder: "/f1/", Description: "d",
			Flags: map[string]bool{"isPersonal": true, "isShareable": false}, MD5: "5d41", Size: 5, Ticket: "true", Status: "completed"},
		{Owner: "john.q@example.com", By: "jane@example.com", Name: "Archive.zip", FileName: "b.zip", Folder: "/", Flags: map[string]bool{"isPersonal": true}, MD5: "e807", Size: 10, Ticket: "false", Status: "completed"},
		{Owner: "jane@example.com", By: "jane@example.com", Name: "a.pdf", FileName: "a.pdf", Folder: "/", Flags: map[string]bool{"isPersonal": true}, MD5: "5d41", Size: 5, Ticket: "true", Status: "completed"},
	}, got); diff != "" {
		t.Error(diff)
	}
	b := s.Books()
	if b.PersonalFiles != 3 || b.PersonalConflicts != 1 || len(b.PersonalTwins) != 0 {
		t.Errorf("books: %d files, %d conflicts, twins %v", b.PersonalFiles, b.PersonalConflicts, b.PersonalTwins)
	}
	s.Switch(func(sw *emulator.Switches) { sw.TwinPersonalFiles = true })
	give(t, s, 201, "", "a.pdf", "hello", nil)
	if b := s.Books(); len(b.PersonalTwins[`john.q@example.com "a.pdf"`]) != 2 {
		t.Errorf("twins %v", b.PersonalTwins)
	}
}

// TestNobodyReadsWhatIsInAnothersMyFiles: an administrator may put something there, and no more.
func TestNobodyReadsWhatIsInAnothersMyFiles(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := give(t, s, 201, "Asset", "a.zip", "hello", nil)["id"].(string)
	body, kind := personal(t, "a.zip", "mine", nil)
	own := want(t, 201, s, "POST", v3Base+"/divisions/mine/assets.json", body, "Content-Type", kind).json["response"].(map[string]any)["id"].(string)
	want(t, 403, s, "GET", v3Base+"/assets/"+id+".json", "")
	if m := want(t, 200, s, "GET", v3Base+"/assets/"+own+".json", "").json["response"].(map[string]any); m["isPersonal"] != true {
		t.Errorf("one's own: %v", m)
	}
	want(t, 404, s, "GET", "/v4/assets/"+id, "")
	want(t, 404, s, "POST", "/v4/assets/"+id, `{"description":"d"}`)
	want(t, 404, s, "DELETE", "/v4/assets/"+id, "")
	want(t, 404, s, "GET", "/v4/divisions/"+johnsFiles, "")
	want(t, 405, s, "GET", toJohn, "")
	if n := want(t, 200, s, "GET", "/v4/assets?divisionIds="+johnsFiles, "").json["count"]; n != 0.0 {
		t.Errorf("v4 lists %v", n)
	}
	rows := want(t, 200, s, "GET", v3Base+"/exports/assets.json", "").json["response"].(map[string]any)["items"].([]any)
	if len(rows) != 2 || rows[0].(map[string]any)["source"] != "personal" {
		t.Errorf("export: %v", rows)
	}
}

func TestTicketsFollowTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, emulator.Options{Processing: time.Hour, Switches: emulator.Switches{FailProcessing: "bad*", StuckProcessing: "stuck*"}})
		ids := map[string]any{}
		for _, name := range []string{"good.pdf", "bad.pdf", "stuck.pdf"} {
			m := give(t, s, 201, `"status":"queued"`, name, "hello", nil)
			ids[name] = m["id"]
		}
		state := func(name string) string { return ticketIs(t, s, ids[name])["status"].(string) }
		list := func(query string) (names []string) {
			for _, v := range want(t, 200, s, "GET", v3Base+"/tickets.json"+query, "").json["response"].(map[string]any)["items"].([]any) {
				names = append(names, v.(map[string]any)["assetFilename"].(string))
			}
			return names
		}
		give(t, s, 409, "", "good.pdf", "hello", nil) // a name is taken while it is worked on
		s.Advance(16 * time.Minute)
		if state("good.pdf") != "processing" || len(list("?onlyUnfinished=true&limit=1000")) != 3 {
			t.Errorf("%s, unfinished %v", state("good.pdf"), list("?onlyUnfinished=true"))
		}
		s.Advance(44 * time.Minute)
		if got := list("?onlyUnfinished=true"); len(got) != 1 || got[0] != "stuck.pdf" || state("bad.pdf") != "failed" {
			t.Errorf("unfinished %v, bad is %s", got, state("bad.pdf"))
		}
		done := ticketIs(t, s, ids["good.pdf"])
		if done["asset"] != v3Base+"/assets/"+done["provisionalAssetId"].(string)+".json" || done["completedAt"] == nil {
			t.Errorf("completed: %v", done)
		}
		if got := list("?status=failed&sort=-queuedAt&fields=assetFilename"); len(got) != 1 || got[0] != "bad.pdf" {
			t.Errorf("failed: %v", got)
		}
		if got := list("?limit=1&offset=1&divisionId=" + johnsFiles); len(got) != 1 || got[0] != "bad.pdf" {
			t.Errorf("the second: %v", got)
		}
		for query, code := range map[string]string{"?status=x": "2001", "?limit=1001": "4018", "?limit=x": "2003", "?offset=-1": "2002", "?nonsense=1": "2001"} {
			if r := want(t, 400, s, "GET", v3Base+"/tickets.json"+query, ""); !strings.Contains(string(r.body), code) {
				t.Errorf("%s: %s", query, r.body)
			}
		}
		act := func(status int, name, action string) {
			t.Helper()
			want(t, status, s, "POST", v3Base+"/tickets/"+ids[name].(string)+"/"+action, "")
		}
		act(400, "good.pdf", "cancel")
		act(400, "stuck.pdf", "force-use")
		act(200, "stuck.pdf", "cancel")
		act(400, "stuck.pdf", "force-use")
		act(200, "bad.pdf", "force-use")
		if state("stuck.pdf") != "failed" || state("bad.pdf") != "completed" {
			t.Errorf("%s %s", state("stuck.pdf"), state("bad.pdf"))
		}
		want(t, 404, s, "GET", v3Base+"/tickets/nothing.json", "")
		want(t, 404, s, "POST", v3Base+"/tickets/nothing/cancel", "")
		give(t, s, 201, "", "stuck.pdf", "hello", nil) // the name of what failed is free
		s.Switch(func(sw *emulator.Switches) { sw.TicketAssetObject = true })
		if _, ok := ticketIs(t, s, ids["good.pdf"])["asset"].(map[string]any); !ok {
			t.Error("the asset is no object")
		}
		s.Switch(func(sw *emulator.Switches) { sw.TicketsWithoutAsset = "good*" })
		if got := ticketIs(t, s, ids["good.pdf"])["asset"]; got != nil {
			t.Errorf("asset %v", got)
		}
	})
}

func TestFaultsOfMyFiles(t *testing.T) {
	const op = "post_divisions_id_assets"
	for name, tc := range map[string]struct {
		fault emulator.Fault
		files int // after it
		later int // an hour later
	}{
		"reset":          {emulator.Fault{Kind: emulator.KindReset}, 0, 0},
		"reset, halfway": {emulator.Fault{Kind: emulator.KindResetMid}, 0, 0},
		"lost":           {emulator.Fault{Kind: emulator.KindLost}, 1, 1},
		"late":           {emulator.Fault{Kind: emulator.KindLate, Delay: emulator.Duration(time.Minute)}, 0, 1},
		"cut":            {emulator.Fault{Kind: emulator.KindTruncated}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, emulator.Options{KeepBytes: true})
				tc.fault.Op = op
				s.Fail(tc.fault)
				body, kind := personal(t, "a.zip", strings.Repeat("x", 1<<20), nil)
				if r, err := send(t, s, "POST", toJohn, body, "Content-Type", kind); err == nil {
					t.Fatalf("answer %d %s", r.status, r.body)
				}
				if n := len(s.PersonalFiles()); n != tc.files {
					t.Errorf("%d files", n)
				}
				<-time.After(time.Hour)
				files := s.PersonalFiles()
				if len(files) != tc.later {
					t.Fatalf("later %d files", len(files))
				}
				for _, f := range files {
					r, err := s.Open(f.ID)
					if err != nil {
						t.Fatal(err)
					}
					if b, err := io.ReadAll(r); len(b) != 1<<20 || err != nil {
						t.Errorf("%d bytes %v", len(b), err)
					}
				}
			})
		})
	}
	for name, fault := range map[string]emulator.Fault{"failed": {Kind: emulator.KindProcessingFails, Code: "why"}, "processing": {Kind: emulator.KindProcessingStuck}} {
		s := newServer(t, emulator.Options{})
		fault.Op = op
		s.Fail(fault)
		if got := ticketIs(t, s, give(t, s, 201, "", "a.pdf", "x", nil)["id"])["status"]; got != name && !(name == "processing" && got == "queued") {
			t.Errorf("%s: %v", name, got)
		}
	}
	// The same twice: one is refused, or there are twins.
	s := newServer(t, emulator.Options{})
	s.Fail(emulator.Fault{Op: op, Kind: emulator.KindDuplicate})
	give(t, s, 201, "", "a.pdf", "x", nil)
	if b := s.Books(); b.PersonalFiles != 1 || b.PersonalConflicts != 1 {
		t.Errorf("%d files, %d conflicts", b.PersonalFiles, b.PersonalConflicts)
	}
}

// TestMyFilesOverASocket: as with a real client, and held at its commit.
func TestMyFilesOverASocket(t *testing.T) {
	s := newServer(t, emulator.Options{})
	web := httptest.NewServer(s)
	defer web.Close()
	if err := s.Hold(emulator.Hold{Op: "post_divisions_id_assets", When: emulator.After}); err != nil {
		t.Fatal(err)
	}
	body, kind := personal(t, "a.pdf", strings.Repeat("x", 3<<20), nil)
	done := make(chan error)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), "POST", web.URL+"/api/v3/divisions/mine/assets.json", strings.NewReader(body))
		if err == nil {
			req.Header.Set("Content-Type", kind)
			req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
			var res *http.Response
			if res, err = web.Client().Do(req); err == nil {
				err = errors.Join(errors.New("there is an answer"), res.Body.Close())
			}
		}
		done <- err
	}()
	if state, _ := s.Held(t.Context()); state != emulator.HoldHeld {
		t.Fatal(state)
	}
	s.Release(context.WithoutCancel(t.Context()), true)
	if err := <-done; err == nil || strings.Contains(err.Error(), "there is an answer") {
		t.Error(err)
	}
	if b := s.Books(); b.PersonalFiles != 1 || b.Unanswered["post_divisions_id_assets"] != 1 {
		t.Errorf("books: %+v", b)
	}
}

func TestUsersOfV3(t *testing.T) {
	s := newServer(t, emulator.Options{Users: []emulator.User{{Email: "jane@example.com"}, {Email: "left@example.com", Inactive: true, TotalLimit: 7}}})
	items := func(query string) []any {
		return want(t, 200, s, "GET", v3Base+"/users.json"+query, "").json["response"].(map[string]any)["items"].([]any)
	}
	if got := items("?email=LEFT@example.com"); len(got) != 1 || got[0].(map[string]any)["isActive"] != false || got[0].(map[string]any)["myUploadsDivisionId"] != nil {
		t.Errorf("%v", got)
	}
	if got := items("?email=nobody@example.com"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := items("?limit=1&offset=1&fields=email"); len(got) != 1 || len(got[0].(map[string]any)) != 1 {
		t.Errorf("%v", got)
	}
	one := want(t, 200, s, "GET", v3Base+"/users/a1000000000000000000000000000002.json?fields=myUploadsDivisionId,personalContentTotalFileSizeLimit,isPersonalContentTotalUnlimited", "").json["response"]
	if diff := cmp.Diff(map[string]any{"myUploadsDivisionId": "d2000000000000000000000000000002", "personalContentTotalFileSizeLimit": 7.0, "isPersonalContentTotalUnlimited": false}, one); diff != "" {
		t.Error(diff)
	}
	want(t, 404, s, "GET", v3Base+"/users/nobody.json", "")
	want(t, 400, s, "GET", v3Base+"/users.json?nonsense=1", "")
	s.Switch(func(sw *emulator.Switches) { sw.MyFilesInLists = true })
	if got := items("?email=jane@example.com")[0].(map[string]any)["myUploadsDivisionId"]; got != "d2000000000000000000000000000001" {
		t.Errorf("%v", got)
	}
	rows := want(t, 200, s, "GET", v3Base+"/exports/divisions.json?limit=100000&offset=2", "").json["response"].(map[string]any)
	last := rows["items"].([]any)[1].(map[string]any)
	if rows["count"] != 4.0 || last["isPersonal"] != true || last["ownerUserId"] != "a1000000000000000000000000000002" {
		t.Errorf("%v", rows)
	}
	people := want(t, 200, s, "GET", v3Base+"/exports/users.json", "").json["response"].(map[string]any)
	if left := people["items"].([]any)[1].(map[string]any); left["emailAddress"] != "left@example.com" || left["isActive"] != false {
		t.Errorf("%v", people)
	}
}
