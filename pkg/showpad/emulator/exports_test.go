package emulator_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// export is a line for each row of the export, and its count.
func export(t *testing.T, s *emulator.Server, query string) (lines string, count int) {
	t.Helper()
	r := want(t, 200, s, "GET", v3Base+"/exports/assets.json"+query, "")
	m := r.json["response"].(map[string]any)
	for _, item := range m["items"].([]any) {
		row := item.(map[string]any)
		lines += fmt.Sprintf("%v %v %v", row["displayName"], row["externalId"], row["status"])
		for _, name := range []string{"archivedAt", "deletedAt"} {
			if row[name] != nil {
				lines += " " + name
			}
		}
		lines += "\n"
	}
	return lines, int(m["count"].(float64))
}

func TestExportOfAssets(t *testing.T) {
	dir := t.TempDir()
	s, err := emulator.New(emulator.Options{Dir: dir, Divisions: []emulator.Division{{ID: emulator.DivisionMarketing, Name: "Marketing"}, {ID: "h", Name: "H", Hidden: true}}})
	if err != nil {
		t.Fatal(err)
	}
	a := create(t, s, "a.pdf", "A", "")
	upload(t, s, a, "hello")
	b, c := create(t, s, "b.pdf", "B", ""), create(t, s, "c.pdf", "C", "")
	want(t, 200, s, "POST", "/v4/assets/"+b, `{"isArchived":true}`)
	archived := want(t, 200, s, "GET", v3Base+"/assets/"+b+".json", "").json["response"].(map[string]any)["archivedAt"]
	if archived == nil {
		t.Error("v3 does not tell when an asset was archived")
	}
	want(t, 204, s, "DELETE", "/v4/assets/"+c, "")
	all := "a.pdf A active\nb.pdf B prepared archivedAt\nc.pdf C prepared deletedAt\n"
	if got, n := export(t, s, ""); got != all || n != 3 {
		t.Errorf("%d:\n%s", n, got)
	}
	if got, n := export(t, s, "?limit=1&offset=1"); got != "b.pdf B prepared archivedAt\n" || n != 3 {
		t.Errorf("%d:\n%s", n, got)
	}
	if got, n := export(t, s, "?limit=100000&offset=3"); got != "" || n != 3 {
		t.Errorf("%d:\n%s", n, got)
	}
	want(t, 200, s, "POST", "/v4/assets/"+b, `{"isArchived":false,"name":"d.pdf"}`)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newServer(t, emulator.Options{Dir: dir}) // twice: the journal has been written anew
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newServer(t, emulator.Options{Dir: dir})
	if got, n := export(t, s, ""); got != "a.pdf A active\nd.pdf B prepared\nc.pdf C prepared deletedAt\n" || n != 3 {
		t.Errorf("after a restart, %d:\n%s", n, got)
	}
	if b := s.Books(); b.Assets != 2 || len(s.Assets()) != 2 || len(b.Orphans) != 1 {
		t.Errorf("a deleted asset is alive: %+v", b)
	}
	if r := want(t, 200, s, "GET", "/v4/assets", ""); r.json["count"] != 2.0 {
		t.Errorf("%s", r.body)
	}
	for query, name := range map[string]string{
		"?limit=0": "BelowMinimumValidationError", "?limit=100001": "AboveMaximumValidationError", "?offset=-1": "NegativeParameterError",
		"?limit=x": "NotNumericParameterError", "?fields=assetId": "InvalidParameterError",
	} {
		if r := want(t, 400, s, "GET", v3Base+"/exports/assets.json"+query, ""); !strings.Contains(string(r.body), name) {
			t.Errorf("%s: %s", query, r.body)
		}
	}
	if b := s.Books(); b.Unknown != 1 {
		t.Errorf("%d requests that the specification does not know: %q", b.Unknown, b.UnknownNotes)
	}
	want(t, 401, s, "GET", v3Base+"/exports/assets.json", "", "Authorization", "")
}

func TestExportsLagBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		opts emulator.Options
		lag  time.Duration
	}{
		"as lists do":      {emulator.Options{ListLag: time.Minute}, time.Minute},
		"longer than they": {emulator.Options{ListLag: time.Minute, ExportLag: time.Hour}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, tc.opts)
				id := create(t, s, "a.pdf", "A", "")
				<-time.After(tc.lag - time.Second)
				if got, n := export(t, s, ""); got != "" || n != 0 {
					t.Errorf("too early: %s", got)
				}
				<-time.After(time.Second)
				want(t, 204, s, "DELETE", "/v4/assets/"+id, "")
				if got, _ := export(t, s, ""); got != "a.pdf A prepared\n" {
					t.Errorf("right after the deletion: %s", got)
				}
				<-time.After(tc.lag)
				if got, _ := export(t, s, ""); got != "a.pdf A prepared deletedAt\n" {
					t.Errorf("later: %s", got)
				}
			})
		})
	}
}

func TestArchivedAssetsMayBeHiddenFromLists(t *testing.T) {
	s := newServer(t, emulator.Options{})
	id := create(t, s, "a.pdf", "A", `,"isArchived":true`)
	count := func() any { return want(t, 200, s, "GET", "/v4/assets?ids="+id, "").json["count"] }
	if count() != 1.0 {
		t.Error("an archived asset is not listed")
	}
	s.Switch(func(sw *emulator.Switches) { sw.HideArchived = true })
	if count() != 0.0 {
		t.Error("an archived asset is listed")
	}
	want(t, 200, s, "GET", "/v4/assets/"+id, "")
}

// TestStampsOfExports: an asset's updatedAt is the same in its answer and in the export,
// and moves with every change, unless a switch says otherwise.
func TestStampsOfExports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, emulator.Options{})
		a := create(t, s, "a.pdf", "A", "")
		stamp := func() string {
			t.Helper()
			asset, _ := want(t, 200, s, "GET", "/v4/assets/"+a, "").json["updatedAt"].(string)
			rows := want(t, 200, s, "GET", v3Base+"/exports/assets.json", "").json["response"].(map[string]any)["items"].([]any)
			if row := rows[0].(map[string]any)["updatedAt"]; row != asset || asset == "" {
				t.Errorf("the asset says %v, its row %v", asset, row)
			}
			return asset
		}
		last := stamp()
		update := func(body string) func() { return func() { want(t, 200, s, "POST", "/v4/assets/"+a, body) } }
		for _, tc := range []struct {
			what   string
			change func()
			moves  bool
		}{
			{"bytes", func() { upload(t, s, a, "hello") }, true},
			{"a field", update(`{"description":"x"}`), true},
			{"tags", update(`{"tags":[]}`), true},
			{"the trash", update(`{"isArchived":true}`), true},
			{"out of it", update(`{"isArchived":false}`), true},
			{"nothing", func() {}, false},
			{"a field, with still stamps", func() {
				s.Switch(func(sw *emulator.Switches) { sw.StillStamps = true })
				update(`{"description":"y"}`)()
			}, false},
		} {
			<-time.After(time.Minute)
			tc.change()
			if now := stamp(); (now != last) != tc.moves {
				t.Errorf("%s: it was %s and is %s", tc.what, last, now)
			} else {
				last = now
			}
		}
	})
}

func TestExportsThatStandStill(t *testing.T) {
	s := newServer(t, emulator.Options{})
	create(t, s, "a.pdf", "A", "")
	b := create(t, s, "b.pdf", "B", "")
	s.Switch(func(sw *emulator.Switches) { sw.FrozenExports, sw.ExportRows = true, 1 })
	create(t, s, "c.pdf", "C", "")
	want(t, 200, s, "POST", "/v4/assets/"+b, `{"name":"d.pdf"}`)
	for query, rows := range map[string]string{"": "a.pdf A prepared\n", "?limit=5&offset=1": "b.pdf B prepared\n", "?limit=5&offset=2": ""} {
		if got, n := export(t, s, query); got != rows || n != 2 {
			t.Errorf("%s: %d:\n%s", query, n, got)
		}
	}
	s.Switch(func(sw *emulator.Switches) { sw.FrozenExports, sw.ExportRows = false, 0 })
	if got, n := export(t, s, "?limit=5&offset=1"); got != "d.pdf B prepared\nc.pdf C prepared\n" || n != 3 {
		t.Errorf("%d:\n%s", n, got)
	}
}
