package export

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/showpad-migrate/migrate/pkg/manifest"
	"github.com/showpad-migrate/migrate/pkg/showpad"
)

// TestWhatRowsSay: each field comes as the service has it, in the plainest form that
// says it exactly; what cannot be said is listed.
func TestWhatRowsSay(t *testing.T) {
	for name, tc := range map[string]struct {
		more  string // members of the asset's document
		cells map[string]string
		exact string   // what the line of NDJSON holds, where CSV cannot say it
		left  []string // part and reason
	}{
		"texts":             {more: `"description": "=1+1, \"quoted\"\nnext"`, cells: map[string]string{"description": "=1+1, \"quoted\"\nnext"}},
		"blanks around":     {more: `"description": " x "`, cells: map[string]string{"description": " x "}},
		"nothing but blank": {more: `"description": "  "`, exact: `"description":"  "`},
		"the word null":     {more: `"description": "null"`, exact: `"description":"null"`},
		"line ends":         {more: `"description": "a\r\nb"`, exact: `"description":"a\r\nb"`},
		"a control":         {more: `"description": "a\u0007b"`, exact: `"description":"a\u0007b"`},
		"a date":            {more: `"releasedAt": "2026-03-10T15:43:25.000Z"`, cells: map[string]string{"releasedAt": "2026-03-10T15:43:25Z"}},
		"a date elsewhere":  {more: `"expiresAt": "2026-03-10T15:43:25+01:00"`, cells: map[string]string{"expiresAt": "2026-03-10T14:43:25Z"}},
		"a fraction":        {more: `"draftedAt": "2026-03-10T15:43:25.5Z"`, cells: map[string]string{"draftedAt": "2026-03-10T15:43:25Z"}, left: []string{"draftedAt adjusted"}},
		"no date":           {more: `"draftedAt": "soon"`, left: []string{"draftedAt cannot-say"}},
		"dates that cross":  {more: `"releasedAt": "2027-01-01T00:00:00Z", "expiresAt": "2026-01-01T00:00:00Z"`, left: []string{"asset refused"}},
		"tags":              {more: `"tags": [{"id": "t1"}, {"id": "t4"}]`, cells: map[string]string{"tags": "Sales; Shared"}, left: []string{"tags shared-tag"}},
		"tags of one name":  {more: `"tags": [{"id": "t1"}, {"id": "t2"}]`, cells: map[string]string{"tags": "Sales"}, left: []string{"tags twin"}},
		"a tag in parts":    {more: `"tags": [{"id": "t1"}, {"id": "t3"}]`, exact: `"tags":["Sales","a; b"]`},
		"an unknown tag":    {more: `"tags": [{"id": "t9"}]`, exact: `"tags":[{"id":"t9"}]`, left: []string{"tags unknown"}},
		"authors":           {more: `"authors": [{"id": "u2"}, {"id": "u1"}, {"id": "u9"}]`, cells: map[string]string{"authors": "jane@example.com; john.q@example.com"}, left: []string{"authors unknown"}},
		"codes":             {more: `"languages": [{"code": "pt-BR"}, {"code": "de"}], "countries": [{"code": "UK"}]`, cells: map[string]string{"languages": "de; pt-BR", "countries": "UK"}},
		"permissions": {more: `"permissions": {"isShareable": false, "isAnnotatable": true, "isEditable": false}`,
			cells: map[string]string{"permissions.isShareable": "false", "permissions.isAnnotatable": "true", "permissions.isEditable": "false"}},
		"renditions":   {more: `"downloadableExternal": ["pdf", "original"]`, cells: map[string]string{"downloadableExternal": "original; pdf"}},
		"a new one":    {more: `"downloadableInternal": ["hologram"]`, exact: `"downloadableInternal":null`, left: []string{"downloadableInternal cannot-say"}},
		"not told":     {more: `"languages": null`, cells: map[string]string{"languages": "null"}},
		"pages":        {more: `"lockedPages": [{"start": 1, "end": 2}, {"start": 5, "end": 5}]`, cells: map[string]string{"lockedPages": "1-2; 5-5"}},
		"page zero":    {more: `"lockedPages": [{"start": 0, "end": 2}]`, exact: `"lockedPages":null`, left: []string{"lockedPages cannot-say"}},
		"enforced":     {more: `"enforcedPages": {"prepend": [{"start": 1, "end": 1}], "append": null}`, cells: map[string]string{"enforcedPages.prepend": "1-1;"}},
		"not enforced": {more: `"enforcedPages": null, "description": null, "releasedAt": null`},
		"flags": {more: `"isSensitive": true, "isArchived": null, "isDivisionShared": false, "isRenderExternalAllowed": true`,
			cells: map[string]string{"isSensitive": "true", "isArchived": "false", "isDivisionShared": "false"}},
		"competencies": {more: `"competencies": ["5e0e4ed4-0000-4000-8000-000000000000"]`, left: []string{"competencies cannot-say"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant()
			s.file("a1", "Deck.pptx", "bytes", tc.more+`, "externalId": "A"`)
			dir := t.TempDir()
			export(t, s, options(dir))
			var left []string
			for _, l := range rowsOf(t, filepath.Join(dir, NotExportedFile)) {
				left = append(left, l["part"]+" "+l["reason"])
			}
			if !slices.Equal(left, tc.left) {
				t.Errorf("left out %q, want %q", left, tc.left)
			}
			row := rowsOf(t, filepath.Join(dir, TableFile))["A"]
			line, _ := os.ReadFile(filepath.Join(dir, ExactFile))
			switch {
			case slices.Contains(tc.left, "asset refused"):
				if row != nil || len(line) > 0 {
					t.Errorf("a row all the same: %q %s", row, line)
				}
				return
			case tc.exact != "":
				if row != nil || !strings.Contains(string(line), tc.exact) {
					t.Errorf("row %q, line %s, want %s", row, line, tc.exact)
				}
				return
			}
			want := map[string]string{"externalId": "A", "file": "files:Marketing/Deck.pptx", "name": "Deck.pptx", "division": "Marketing"}
			maps.Copy(want, tc.cells)
			sameMap(t, "row", row, want)
		})
	}
}

// TestKindsOfAssets: what comes, what stays, and what counts as a failure.
func TestKindsOfAssets(t *testing.T) {
	s := newTenant()
	s.file("a1", "Deck.pptx", "bytes", `"externalId": "A"`)
	s.file("a2", "empty.txt", "", `"externalId": "B"`)
	add := func(format string, args ...any) { s.docs = append(s.docs, fmt.Sprintf(format, args...)) }
	add(`{"id": "a3", "name": "Prices.url", "type": "url", "status": "active", "division": {"id": "d2"}, "externalId": "C", "url": "https://www.example.com/p", "isRenderExternalAllowed": false}`)
	add(`{"id": "a4", "name": "Prices", "type": "url", "status": "active", "division": {"id": "d2"}, "externalId": "D", "url": "https://www.example.com/p"}`)
	add(`{"id": "a5", "name": "Mail.url", "type": "url", "status": "active", "division": {"id": "d2"}, "url": "mailto:jane@example.com"}`)
	for i, kind := range []string{"page", "scorm", "webapp", "personal-video-recording"} {
		add(`{"id": "k%d", "name": "k", "type": %q, "status": "active", "currentFile": {"id": "f"}, "division": {"id": "d1"}}`, i, kind)
	}
	add(`{"id": "a6", "name": "half.pdf", "type": "document", "status": "processing", "division": {"id": "d1"}}`)
	add(`{"id": "a7", "name": "trash.pdf", "type": "document", "status": "active", "isArchived": true, "division": {"id": "d1"}}`)
	dir := t.TempDir()
	sum := export(t, s, options(dir))
	if sum.Assets != 11 || sum.Exported != 4 || sum.Archived != 1 || sum.Left[ReasonKind] != 4 || sum.Left[ReasonInactive] != 1 || sum.Left[ReasonRefused] != 1 || sum.Failed() != 2 {
		t.Errorf("%+v", sum)
	}
	rows := rowsOf(t, filepath.Join(dir, TableFile))
	if rows["B"]["allowEmpty"] != "true" || rows["C"]["isRenderExternalAllowed"] != "false" || rows["C"]["file"] != "" || rows["C"]["division"] != "Sales" || rows["D"]["name"] != "Prices.url" {
		t.Errorf("%q", rows)
	}
	sameMap(t, "files", files(t, dir), map[string]string{"files/Marketing/Deck.pptx": "bytes", "files/Marketing/empty.txt": ""})
	if slices.Contains(s.fetched, "a2") {
		t.Error("an empty file was fetched")
	}
}

// TestASecondExport fetches what is new or has changed, and touches nothing that
// somebody else wrote.
func TestASecondExport(t *testing.T) {
	s := newTenant()
	s.file("a1", "one.txt", "one", `"externalId": "A"`)
	s.file("a2", "two.txt", "two", `"externalId": "B"`)
	s.file("a3", "three.txt", "three", `"externalId": "C"`)
	dir := t.TempDir()
	export(t, s, options(dir))
	path := func(name string) string { return filepath.Join(dir, filesFolder, "Marketing", name) }
	put := func(name, content string) {
		if err := os.WriteFile(path(name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	s.docs, s.fetched = nil, nil
	s.file("a1", "one.txt", "one", `"externalId": "A"`)
	s.file("a2", "two.txt", "two, changed", `"externalId": "B"`) // at the service
	s.file("a3", "three.txt", "three", `"externalId": "C"`)
	s.file("a4", "four.txt", "four", `"externalId": "D"`)
	s.file("a5", "five.txt", "five", `"externalId": "E"`)
	put("three.txt", "three, by hand")
	put("four.txt", "a note of mine")
	put("five.txt", "five") // the right bytes, from somewhere else
	sum := export(t, s, options(dir))
	if !slices.Equal(s.fetched, []string{"a2"}) || sum.Left[ReasonInTheWay] != 2 || sum.Exported != 3 || sum.Failed() != 2 {
		t.Errorf("fetched %q, %+v", s.fetched, sum)
	}
	sameMap(t, "files", files(t, dir), map[string]string{
		"files/Marketing/one.txt": "one", "files/Marketing/two.txt": "two, changed", "files/Marketing/three.txt": "three, by hand",
		"files/Marketing/four.txt": "a note of mine", "files/Marketing/five.txt": "five",
	})

	// A log that was cut off, as by a kill, costs at most a look at the files.
	log := filepath.Join(dir, filepath.FromSlash(journalFile))
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, b[:len(b)-5], 0o644); err != nil {
		t.Fatal(err)
	}
	s.fetched = nil
	for range 2 {
		if sum = export(t, s, options(dir)); len(s.fetched) > 0 || sum.Exported != 3 {
			t.Errorf("fetched %q, %+v", s.fetched, sum)
		}
	}

	// What was changed by hand stands in the way of the whole table.
	table := filepath.Join(dir, TableFile)
	if err := os.WriteFile(table, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), s, options(dir))
	if _, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(err.Error(), "assets.csv was changed") {
		t.Errorf("%v", err)
	}
	if b, _ := os.ReadFile(table); string(b) != "mine" {
		t.Errorf("overwritten: %s", b)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	s := newTenant()
	dir := t.TempDir()
	export(t, s, options(dir))
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"holds something else":  {Dir: other, Tenant: "acme"},
		"not of other":          {Dir: dir, Tenant: "other"},
		"this is one of Divis":  {Dir: dir, Tenant: "acme", Divisions: []string{"sales"}},
		"with the trash (":      {Dir: dir, Tenant: "acme", Archived: true},
		`you mean "Marketing"?`: {Dir: filepath.Join(other, "x"), Tenant: "acme", Divisions: []string{"Marketin"}},
		`no tag "Nope"`:         {Dir: filepath.Join(other, "x"), Tenant: "acme", Tags: []string{"Nope"}},
	} {
		o.NewTable = options("").NewTable
		if _, err := Run(t.Context(), s, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if entries, err := os.ReadDir(other); err != nil || len(entries) != 1 {
		t.Errorf("left something behind: %v %v", entries, err)
	}
	f, err := openFolder(dir, "acme", "everything")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, options(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("two at once: %v", err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
	export(t, s, options(dir))
}

func TestBytesThatCannotBeHad(t *testing.T) {
	s := newTenant()
	for _, id := range []string{"ok", "link", "gone", "denied", "changed", "damaged"} {
		s.file(id, id+".txt", "bytes of "+id, fmt.Sprintf(`"externalId": %q`, id))
	}
	s.refuse["link"] = fmt.Errorf("asset: %w", showpad.ErrNotDownloadable)
	s.refuse["gone"] = &showpad.Error{Op: "v3 get_assets_id", Status: 404}
	s.refuse["denied"] = &showpad.Error{Op: "v3 get_assets_id", Status: 403}
	s.shown["changed"] = "00000000000000000000000000000000"
	s.bytes["damaged"] = "bytes of damageD"
	s.shown["damaged"] = "" // v3 tells no checksum
	dir := t.TempDir()
	sum := export(t, s, options(dir))
	want := map[string]int{ReasonNoLink: 1, ReasonUnread: 1, ReasonForbidden: 1, ReasonChanged: 1, ReasonChecksum: 1}
	if !maps.Equal(sum.Left, want) || sum.Exported != 1 || sum.Failed() != 5 {
		t.Errorf("%+v", sum)
	}
	sameMap(t, "files", files(t, dir), map[string]string{"files/Marketing/ok.txt": "bytes of ok"})
	if slices.Contains(s.fetched, "changed") {
		t.Error("bytes were fetched that nobody needs")
	}
	if n := len(rowsOf(t, filepath.Join(dir, TableFile))); n != 1 {
		t.Errorf("%d rows", n)
	}
	if n := len(rowsOf(t, filepath.Join(dir, NotExportedFile))); n != 5 {
		t.Errorf("%d rows of what was left out", n)
	}

	// A credential that is refused ends the export; what is there stays.
	s.refuse["link"] = &showpad.Error{Op: "v3 get_assets_id", Status: 401}
	if _, err := Run(t.Context(), s, options(dir)); !errors.Is(err, showpad.ErrNotSignedIn) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("interrupted")
	cancel(why)
	if _, err := Run(ctx, s, options(dir)); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// TestRoomIsLookedAtFirst: before a byte is fetched.
func TestRoomIsLookedAtFirst(t *testing.T) {
	s := newTenant()
	s.docs = append(s.docs, `{"id": "a1", "name": "huge.bin", "type": "raw", "status": "active", "currentFile": {"id": "f"}, "division": {"id": "d1"}, "size": 4611686018427387904}`)
	_, err := Run(t.Context(), s, options(t.TempDir()))
	if _, ok := errors.AsType[*FolderError](err); !ok || !strings.Contains(err.Error(), "has room for") || len(s.fetched) > 0 {
		t.Errorf("%v, fetched %q", err, s.fetched)
	}
}

// TestListsThatMove: what a list keeps back is asked for again, and told when it does
// not come.
func TestListsThatMove(t *testing.T) {
	for name, tc := range map[string]struct {
		keepBack                []int
		lists, exported, missed int
	}{
		"still":    {nil, 1, 3, 0},
		"once":     {[]int{1}, 2, 3, 0},
		"always":   {[]int{2, 1, 2}, 3, 2, 1},
		"the last": {[]int{1, 1, 0}, 3, 3, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant()
			for _, id := range []string{"a1", "a2", "a3"} {
				s.file(id, id+".txt", id, "")
			}
			s.keepBack = tc.keepBack
			sum := export(t, s, options(t.TempDir()))
			if s.lists != tc.lists || sum.Exported != tc.exported || sum.Missed != tc.missed || (sum.Failed() > 0) != (tc.missed > 0) {
				t.Errorf("%d lists, %+v", s.lists, sum)
			}
		})
	}
}

// TestDivisionsOfOneName are named by their ids, and have folders of their own.
func TestDivisionsOfOneName(t *testing.T) {
	s := newTenant()
	s.divisions = append(s.divisions, showpad.Division{ID: "d3", Name: "marketing"}, showpad.Division{ID: "d4", Name: "a/b: c."})
	s.file("a1", "one.txt", "one", `"externalId": "A"`)
	s.file("a2", "one.txt", "two", `"externalId": "B", "division": {"id": "d3"}`)
	s.file("a3", "one.txt", "three", `"externalId": "C", "division": {"id": "d4"}`)
	dir := t.TempDir()
	export(t, s, options(dir))
	rows := rowsOf(t, filepath.Join(dir, TableFile))
	if rows["A"]["division"] != "d1" || rows["B"]["division"] != "d3" || rows["C"]["division"] != "a/b: c." || strings.EqualFold(rows["A"]["file"], rows["B"]["file"]) {
		t.Errorf("%q", rows)
	}
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files", n)
	}
	if _, err := Run(t.Context(), s, Options{Dir: t.TempDir(), Divisions: []string{"Marketing"}}); err == nil || !strings.Contains(err.Error(), "several Divisions") {
		t.Errorf("%v", err)
	}
}

// TestNothingIsWrittenByADryRun: it counts, and lists what would come.
func TestNothingIsWrittenByADryRun(t *testing.T) {
	s := newTenant()
	s.file("a1", "one.txt", "one", "")
	o := options(filepath.Join(t.TempDir(), "x"))
	o.DryRun = true
	var listed []Item
	o.List = func(it Item) error { listed = append(listed, it); return nil }
	sum := export(t, s, o)
	if len(listed) != 1 || listed[0].Size != 3 || len(sum.Divisions) != 1 || sum.Divisions[0].Bytes != 3 || len(s.fetched) > 0 {
		t.Errorf("%+v, %+v", listed, sum)
	}
	if _, err := os.Stat(o.Dir); err == nil {
		t.Error("the folder is there")
	}
}

// TestTheTrashAndWhatIsPersonal: the one comes when it is asked for, whatever lists
// show; the other never does.
func TestTheTrashAndWhatIsPersonal(t *testing.T) {
	for name, tc := range map[string]struct {
		hide, noScope, archived  bool
		exported, left, warnings int
	}{
		"not asked for":         {archived: false, exported: 1, left: 1},
		"in the lists":          {archived: true, exported: 2},
		"in the export alone":   {archived: true, hide: true, exported: 2},
		"not to be seen":        {archived: true, hide: true, noScope: true, exported: 2, warnings: 2},
		"a list with all of it": {archived: true, noScope: true, exported: 3, warnings: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTenant()
			s.divisions = append(s.divisions, showpad.Division{ID: "mine", Name: "My Files"})
			s.hide, s.noScope = tc.hide, tc.noScope
			s.file("a1", "one.txt", "one", "")
			s.file("a2", "two.txt", "two", `"isArchived": true`)
			s.file("a3", "three.txt", "three", `"division": {"id": "mine"}`)
			o := options(t.TempDir())
			o.Archived = tc.archived
			sum := export(t, s, o)
			if sum.Exported != tc.exported || sum.Archived != tc.left || len(sum.Warnings) != tc.warnings {
				t.Errorf("%+v", sum)
			}
		})
	}
}

// TestEveryFieldIsHeard: what a manifest makes of a column is compared with what was
// written into it, for each column that there is.
func TestEveryFieldIsHeard(t *testing.T) {
	c, err := newChecker("version: 1\ndivision: D\nroots: {files: ./files}\n")
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]value{
		"permissions.isEditable": {Is: isBool, Text: "true"}, "enforcedPages.prepend": {Is: isPages, Pages: []manifest.PageRange{{Start: 1, End: 2}}},
		"enforcedPages.append": {Is: isPages, Pages: []manifest.PageRange{{Start: 3, End: 4}}}, "allowEmpty": {Is: isBool, Text: "true"}, "division": {Text: "Other"},
	}
	for _, f := range manifest.ManagedFields() {
		switch f.Kind {
		case manifest.KindText:
			samples[f.Name] = value{Text: "some text"}
		case manifest.KindBool:
			samples[f.Name] = value{Is: isBool, Text: "true"}
		case manifest.KindTags, manifest.KindLocales:
			samples[f.Name] = value{Is: isList, List: []string{"en"}}
		case manifest.KindAuthors:
			samples[f.Name] = value{Is: isList, List: []string{"jane@example.com"}}
		case manifest.KindRelease, manifest.KindExpiry:
			samples[f.Name] = value{Text: "2030-01-02T03:04:05Z"}
		case manifest.KindRenditions:
			samples[f.Name] = value{Is: isList, List: []string{"pdf"}}
		case manifest.KindPages:
			samples[f.Name] = value{Is: isPages, Pages: []manifest.PageRange{{Start: 1, End: 2}}}
		}
	}
	heardOf := 0
	for _, column := range columns {
		sample, ok := samples[column]
		if !ok {
			continue
		}
		heardOf++
		for _, exact := range []bool{false, true} {
			r := &row{Exact: exact, Values: map[string]value{"externalId": {Text: "A"}, "division": {Text: "D"}, "name": {Text: "a.pptx"}, "file": {Text: "files:a.pptx"}}}
			if column == "isRenderExternalAllowed" {
				delete(r.Values, "file")
				r.Values["url"], r.Values["name"] = value{Text: "https://www.example.com/"}, value{Text: "a.url"}
			}
			r.Values[column] = sample
			if wrong := c.wrong(r); len(wrong) > 0 {
				t.Errorf("%s: %v", column, wrong)
			}
			delete(r.Values, column)
			v, _ := r.record()
			p := c.builder.Item(v, nil)
			if got, said := heard(&p.Item)[column]; said && column != "division" {
				t.Errorf("%s: heard %v, which nobody said", column, got)
			}
		}
	}
	if heardOf < 25 {
		t.Errorf("%d columns only", heardOf)
	}
}

// TestLanguageVariants name their primary by its external ID in the manifest, wherever
// it stands, as long as it comes.
func TestLanguageVariants(t *testing.T) {
	s := newTenant()
	variant := func(of string) string {
		return fmt.Sprintf(`"localization": {"primary": {"asset": {"id": %q}}, "variants": []}`, of)
	}
	s.file("a1", "a.txt", "one", `"externalId": "A", `+variant("a5"))
	s.file("a2", "b.txt", "two", `"externalId": "B", `+variant("a9"))
	s.file("a3", "c.txt", "three", `"externalId": "C", `+variant("a6"))
	s.file("a5", "y.txt", "five", `"localization": {"primary": null, "variants": [{"asset": {"id": "a1"}, "status": "localized"}]}`)
	s.file("a6", "z.txt", "six", `"externalId": "Z", "localization": {"variants": [{"asset": null, "status": "to-be-localized"}]}`)
	s.refuse["a6"] = showpad.ErrNotDownloadable
	dir := t.TempDir()
	sum := export(t, s, options(dir))
	rows := rowsOf(t, filepath.Join(dir, TableFile))
	linked, unknown := "", 0
	if slices.Contains(columns, primaryColumn) {
		linked, unknown = "showpad-"+token("a5"), 2
	}
	if rows["A"][primaryColumn] != linked || rows["B"][primaryColumn] != "" || rows["C"][primaryColumn] != "" || sum.Parts[ReasonUnknown] != unknown || sum.Exported != 4 {
		t.Errorf("%q, %+v", rows, sum)
	}
	// The place for a translation, and where nothing links variants yet, the variants.
	if want := 1 + 3*(1-min(unknown, 1)); sum.Parts[ReasonCannot] != want {
		t.Errorf("%d parts that cannot be said, want %d", sum.Parts[ReasonCannot], want)
	}
}

// TestAnExportIsPrivate: what a tenant holds is not for everybody on the machine.
func TestAnExportIsPrivate(t *testing.T) {
	s := newTenant()
	s.file("a1", "one.txt", "one", "")
	dir := filepath.Join(t.TempDir(), "x", "copy")
	export(t, s, options(dir))
	met := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if met++; err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil || met < 9 {
		t.Errorf("%d files, %v", met, err)
	}
}
