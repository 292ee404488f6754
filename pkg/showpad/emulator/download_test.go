package emulator_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// links are the two links to an asset's bytes; "" is null.
func links(t *testing.T, s *emulator.Server, id string) (short, own string) {
	t.Helper()
	r := want(t, 200, s, "GET", v3Base+"/assets/"+id+".json?fields=downloadLink,shortLivedDownloadLink", "")
	m := r.json["response"].(map[string]any)
	if len(m) != 2 {
		t.Errorf("members that were not asked for: %s", r.body)
	}
	short, _ = m["shortLivedDownloadLink"].(string)
	own, _ = m["downloadLink"].(string)
	return short, own
}

func TestBytesComeBack(t *testing.T) {
	for name, opts := range map[string]emulator.Options{"memory": {KeepBytes: true}, "disk": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, opts)
			id := create(t, s, "a.pdf", "A", "")
			if short, own := links(t, s, id); short != "" || own != "" {
				t.Errorf("links before there are bytes: %q %q", short, own)
			}
			upload(t, s, id, "hello, first")
			short, own := links(t, s, id)
			upload(t, s, id, "hello, second")
			want(t, 200, s, "GET", "/v4/assets/"+id, "")
			if r := want(t, 200, s, "GET", short, ""); string(r.body) != "hello, first" || r.header.Get("Content-Type") == "" {
				t.Errorf("a short link leads to its version: %q", r.body)
			}
			if r := want(t, 200, s, "GET", own, "", "Authorization", "Bearer "+emulator.DefaultToken); string(r.body) != "hello, second" {
				t.Errorf("the other to the current one: %q", r.body)
			}
			r := want(t, 200, s, "GET", v3Base+"/assets/"+id+".json", "")
			m := r.json["response"].(map[string]any)
			if m["fileSize"] != 13.0 || m["md5Checksum"] != "e07d82a531c60f497c9608d11aadba27" || m["extension"] != "pdf" || m["isDownloadable"] != true {
				t.Errorf("%s", r.body)
			}
			if b := s.Books(); b.Requests["get"] != 2 || b.API != b.Requests["get_assets_id"]+b.Requests["getAsset"]+b.Requests["postAssets"]+b.Requests["postAssetFiles"] {
				t.Errorf("books %+v", b)
			}
			want(t, 204, s, "DELETE", "/v4/assets/"+id, "")
			if r := want(t, 404, s, "GET", short, ""); r.s3Code() != "NoSuchKey" {
				t.Errorf("%s", r.body)
			}
			want(t, 404, s, "GET", own, "", "Authorization", "Bearer "+emulator.DefaultToken)
			want(t, 404, s, "GET", v3Base+"/assets/"+id+".json", "")
		})
	}
}

func TestWhatADownloadRefuses(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	id := create(t, s, "a.pdf", "A", "")
	k := upload(t, s, id, "hello")
	short, own := links(t, s, id)
	for name, tc := range map[string]struct {
		status int
		code   string
		url    string
		header []string
	}{
		"a token at storage":      {400, "InvalidArgument", short, []string{"Authorization", "Bearer " + emulator.DefaultToken}},
		"another signature":       {403, "SignatureDoesNotMatch", strings.Replace(short, "X-Amz-Signature=", "X-Amz-Signature=0", 1), nil},
		"no signature":            {403, "AccessDenied", short[:strings.Index(short, "?")], nil},
		"an upload URL":           {403, "SignatureDoesNotMatch", k.url, k.header},
		"a header of its own":     {403, "AccessDenied", short, []string{"X-Amz-Meta-Own", "1"}},
		"no token":                {401, "", own, nil},
		"the wrong token":         {401, "", own, []string{"Authorization", "Bearer x"}},
		"what it does not know":   {400, "", v3Base + "/assets/" + id + ".json?nonsense=1", nil},
		"an asset without number": {404, "", v3Base + "/assets/nope.json", nil},
	} {
		if r := want(t, tc.status, s, "GET", tc.url, "", tc.header...); r.s3Code() != tc.code {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	if b := s.Books(); b.TokensAtStorage != 1 || b.Unknown != 1 {
		t.Errorf("%d tokens at storage, %d unknown", b.TokensAtStorage, b.Unknown)
	}
	s.Advance(24*time.Hour + time.Second)
	if r := want(t, 403, s, "GET", short, ""); !strings.Contains(string(r.body), "expired") {
		t.Errorf("%s", r.body)
	}

	s.Switch(func(sw *emulator.Switches) { sw.NoShortLinks = true })
	if short, own := links(t, s, id); short != "" || own == "" {
		t.Errorf("links %q %q", short, own)
	}
	s.Switch(func(sw *emulator.Switches) { sw.NotDownloadable = "*.pdf" })
	if short, own := links(t, s, id); short != "" || own != "" {
		t.Errorf("links %q %q", short, own)
	}
	want(t, 404, s, "GET", own, "", "Authorization", "Bearer "+emulator.DefaultToken)

	forgets := newServer(t, emulator.Options{})
	id = create(t, forgets, "a.pdf", "A", "")
	upload(t, forgets, id, "hello")
	short, _ = links(t, forgets, id)
	if r := want(t, 404, forgets, "GET", short, ""); !strings.Contains(string(r.body), "keeps no bytes") {
		t.Errorf("%s", r.body)
	}
}

func TestFaultsOfDownloads(t *testing.T) {
	s := newServer(t, emulator.Options{KeepBytes: true})
	content := strings.Repeat("0123456789", 1000)
	id := create(t, s, "a.bin", "A", "")
	upload(t, s, id, content)
	short, _ := links(t, s, id)
	socket, url := serve(t, s)
	overSocket, err := send(t, socket, "GET", url+"/api/v3/assets/"+id+".json", "")
	if err != nil {
		t.Fatal(err)
	}
	there := overSocket.json["response"].(map[string]any)["shortLivedDownloadLink"].(string)
	for name, get := range map[string]func() (reply, error){
		"in memory":     func() (reply, error) { return send(t, s, "GET", short, "") },
		"over a socket": func() (reply, error) { return send(t, socket, "GET", there, "") },
	} {
		for kind, tc := range map[emulator.Kind]struct {
			status, got int
			err         bool
		}{
			emulator.KindStatus:    {503, -1, false},
			emulator.KindExpired:   {403, -1, false},
			emulator.KindTruncated: {200, 5000, true},
			emulator.KindCut:       {200, 5000, false},
			emulator.KindSlow:      {200, 10000, false},
			emulator.KindReset:     {0, 0, true},
			emulator.KindLost:      {0, 0, true},
		} {
			// All of them: net/http sends a GET again when an old connection breaks.
			s.Fail(emulator.Fault{Op: emulator.OpGet, Count: -1, Kind: kind, Delay: emulator.Duration(8 * time.Millisecond)})
			r, err := get()
			s.ClearFaults()
			if (err != nil) != tc.err || r.status != tc.status || tc.got >= 0 && string(r.body) != content[:tc.got] {
				t.Errorf("%s, %s: status %d, %d bytes, %v", name, kind, r.status, len(r.body), err)
			}
			if kind == emulator.KindTruncated && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if r, err := get(); err != nil || string(r.body) != content {
			t.Errorf("%s: %d bytes, %v", name, len(r.body), err)
		}
	}
	s.Chaos(1, emulator.Rates{StorageReset: 1})
	if _, err := send(t, s, "GET", short, ""); err == nil {
		t.Error("chaos let a download through")
	}
}
