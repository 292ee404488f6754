package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/showpad-migrate/migrate/cmd/migrate/internal/view"
	"github.com/showpad-migrate/migrate/pkg/export"
	"github.com/showpad-migrate/migrate/pkg/showpad"
	"github.com/showpad-migrate/migrate/pkg/showpad/emulator"
)

// stock fills a tenant with n assets of all kinds: a few bytes each, tags, dates,
// permissions and pages. Every 100th asset is in the trash, every 7th a link.
func stock(t *testing.T, server *emulator.Server, n int) {
	t.Helper()
	ctx := t.Context()
	v4, v3 := server.URLs()
	c, err := showpad.New(showpad.Config{
		APIURL: v4.String(), V3URL: v3.String(), Token: showpad.StaticToken(emulator.DefaultToken), Base: server, Storage: server, Gate: showpad.NewGate(8),
	})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string][]showpad.Ref{}
	for _, d := range []string{emulator.DivisionMarketing, emulator.DivisionSales} {
		for _, name := range []string{"Sales", "=formula", "Quarter 3"} {
			tag, err := c.CreateTag(ctx, d, name)
			if err != nil {
				t.Fatal(err)
			}
			tags[d] = append(tags[d], showpad.Ref{ID: tag.ID})
		}
	}
	region, err := c.CreateTagCategory(ctx, showpad.TagCategoryFields{Name: showpad.Some("Region: all"), Division: showpad.Some(showpad.Ref{ID: emulator.DivisionMarketing})})
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range []string{emulator.DivisionMarketing, emulator.DivisionSales} {
		f := showpad.TagCategoryFields{Name: showpad.Some("Kinds"), Division: showpad.Some(showpad.Ref{ID: d}), IsPublished: showpad.Some(i == 0), Tags: showpad.Some(tags[d][:2])}
		if i == 0 {
			f.Parent = showpad.Some(showpad.Ref{ID: region.ID})
		}
		if _, err := c.CreateTagCategory(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	var people []showpad.Ref
	for u, err := range c.Users(ctx, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		people = append(people, showpad.Ref{ID: u.ID})
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	for i := range n {
		g.Go(func() error { return stockOne(gctx, c, i, tags, people) })
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// stockOne makes the asset of number i.
func stockOne(ctx context.Context, c *showpad.Client, i int, tags map[string][]showpad.Ref, people []showpad.Ref) error {
	division := []string{emulator.DivisionMarketing, emulator.DivisionMarketing, emulator.DivisionSales}[i%3]
	f := showpad.AssetFields{
		Name:                 showpad.Some(fmt.Sprintf("Deck %03d: what is new?.%s", i%400, []string{"pptx", "pdf", "txt"}[i%3])),
		Division:             showpad.Some(showpad.Ref{ID: division}),
		ExternalID:           showpad.Some(fmt.Sprintf("S-%04d", i)),
		Tags:                 showpad.Some(tags[division][:i%4]),
		Languages:            showpad.Some([]showpad.Code{{Code: "en"}, {Code: "de"}}[:i%3]),
		Countries:            showpad.Some([]showpad.Code{{Code: "BE"}}[:i%2]),
		Authors:              showpad.Some(people[:1+i%3]),
		DownloadableExternal: showpad.Some([]string{"original", "pdf"}[:i%3]),
		Permissions:          showpad.Some(showpad.Permissions{IsShareable: showpad.Some(i%2 == 0), IsAnnotatable: showpad.Some(i%5 > 0)}),
		IsSensitive:          showpad.Some(i%11 == 0),
		IsProcessedUsed:      showpad.Some(i%13 > 0),
		IsArchived:           showpad.Some(i%100 == 50),
	}
	switch i % 6 {
	case 1:
		f.Description = showpad.Some("=SUM(A1:A9) of \"quarter\"; one,\ntwo")
	case 2:
		f.Description = showpad.Some(" begins with a blank\r\nand has the line ends of Windows ")
	case 3:
		f.ReleasedAt, f.ExpiresAt = showpad.Some("2030-03-31T00:30:00Z"), showpad.Some("2031-10-26T01:30:59Z")
	case 4:
		f.LockedPages = showpad.Some([]showpad.PageRange{{Start: 1, End: 2}, {Start: 5, End: 5}})
		f.EnforcedPages = showpad.Some(showpad.EnforcedPages{Prepend: []showpad.PageRange{{Start: 1, End: 1}}})
	}
	link := i%7 == 3
	if link {
		f.Name, f.URL = showpad.Some(fmt.Sprintf("Prices %d.url", i)), showpad.Some(fmt.Sprintf("https://www.example.com/prices?n=%d", i))
		f.IsRenderExternalAllowed = showpad.Some(i%2 == 0)
		f.LockedPages, f.EnforcedPages = showpad.Opt[[]showpad.PageRange]{}, showpad.Opt[showpad.EnforcedPages]{}
	}
	a, err := c.CreateAsset(ctx, f)
	if err != nil || link {
		return err
	}
	data := bytes.Repeat(fmt.Appendf(nil, "asset %d\n", i), i%50)
	sum := md5.Sum(data)
	up, err := c.RequestUpload(ctx, a.ID, showpad.UploadRequest{ContentMD5: sum[:]})
	if err != nil {
		return err
	}
	if err := c.Put(ctx, up, int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, nil); err != nil {
		return err
	}
	_, err = c.Asset(ctx, a.ID) // which makes it active
	return err
}

// told is what an emulator knows of its assets, but for what differs from tenant to
// tenant, by external ID.
func told(t *testing.T, s *emulator.Server) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, a := range s.Assets() {
		if a.Status != "active" {
			t.Errorf("%s is %s", a.ExternalID, a.Status)
		}
		a.ID, a.CurrentFile, a.Slug, a.Files, a.CreatedAt, a.UpdatedAt = "", "", "", 0, time.Time{}, time.Time{}
		for _, set := range [][]string{a.Authors, a.Languages, a.Countries, a.DownloadableExternal} {
			slices.Sort(set)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		all[a.ExternalID] = string(b)
	}
	return all
}

// categories are a tenant's tag categories, each with its tags, in one order.
func categories(s *emulator.Server) (all []string) {
	for _, c := range s.Categories() {
		slices.Sort(c.Tags)
		all = append(all, fmt.Sprintf("%s %s %t %q", c.Division, c.Path, c.IsPublished, c.Tags))
	}
	slices.Sort(all)
	return all
}

// TestAThousandAssetsGoFromOneTenantToAnother: exported, run, verified, and exported
// again, which gives the same table.
func TestAThousandAssetsGoFromOneTenantToAnother(t *testing.T) {
	const n = 1000
	one, vars := serve(t, emulator.Options{KeepBytes: true, Seed: 1})
	stock(t, one, n)
	dir := write(t, nil)
	one.ResetBooks()
	expect(t, vars, exitOK, "export", "copy", "--archived")
	files := 0
	for _, a := range one.Assets() {
		if a.MD5 != "" && a.Size > 0 {
			files++
		}
	}
	if b := one.Books(); b.API > files+12 || b.Unknown > 0 || b.TokensAtStorage > 0 {
		t.Errorf("%d requests for %d files: %v, %v", b.API, files, b.Requests, b.UnknownNotes)
	}
	lint := expect(t, vars, exitOK, "lint", "copy/manifest.yaml", "--offline").out.String()
	if strings.Contains(lint, "error") {
		t.Errorf("lint says\n%s", lint)
	}

	two, other := serve(t, emulator.Options{KeepBytes: true, Seed: 2})
	expect(t, other, exitOK, "run", "copy/manifest.yaml")
	expect(t, other, exitOK, "verify", "copy/manifest.yaml")
	want, got := told(t, one), told(t, two)
	if len(got) != n {
		t.Errorf("%d assets arrived, want %d", len(got), n)
	}
	for id, w := range want {
		if got[id] != w {
			t.Fatalf("%s was\n%s\nand is\n%s", id, w, got[id])
		}
	}
	expect(t, other, exitOK, "plan", "copy/manifest.yaml", "--exit-code")
	if want, got := categories(one), categories(two); len(got) != 3 || !slices.Equal(got, want) {
		t.Errorf("tag categories were %q and are %q", want, got)
	}

	expect(t, other, exitOK, "export", "again", "--archived")
	for _, name := range []string{"assets.csv", "assets.ndjson", "manifest.yaml"} {
		a, err := os.ReadFile(filepath.Join(dir, "copy", name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "again", name))
		if name == "manifest.yaml" { // its first line has the time
			_, a, _ = bytes.Cut(a, []byte("\n"))
			_, b, _ = bytes.Cut(b, []byte("\n"))
		}
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("the second %s is another one (%v)", name, err)
		}
	}
	if _, err := os.Stat("copy/not-exported.csv"); err == nil {
		t.Error("something was not exported")
	}
}

// TestAnExportIsContinued: the same command fetches what is missing, and that alone.
func TestAnExportIsContinued(t *testing.T) {
	server, vars := serve(t, emulator.Options{KeepBytes: true})
	stock(t, server, 30)
	write(t, nil)
	for _, a := range server.Assets() { // one file cannot be read at first
		if a.ExternalID == "S-0008" {
			if err := server.Damage(a.CurrentFile, func(b []byte) []byte { b[0] ^= 1; return b }); err != nil {
				t.Fatal(err)
			}
		}
	}
	p := expect(t, vars, exitSome, "export", "copy", "--downloads", "2")
	if !strings.Contains(p.out.String(), "1 checksum: ") {
		t.Errorf("said\n%s", p.out)
	}
	left, err := os.ReadFile("copy/not-exported.csv")
	if err != nil || !strings.Contains(string(left), "S-0008") {
		t.Errorf("%v: %s", err, left)
	}
	for _, a := range server.Assets() {
		if a.ExternalID == "S-0008" {
			if err := server.Damage(a.CurrentFile, func(b []byte) []byte { b[0] ^= 1; return b }); err != nil {
				t.Fatal(err)
			}
		}
	}
	server.ResetBooks()
	p = expect(t, vars, exitOK, "export", "copy")
	if b := server.Books(); b.Requests["get"] != 1 || !strings.Contains(p.out.String(), "1 file fetched") {
		t.Errorf("%v\n%s", b.Requests, p.out)
	}
	if _, err := os.Stat("copy/not-exported.csv"); err == nil {
		t.Error("the list of what was left out is still there")
	}
	sums := map[string]string{}
	err = filepath.WalkDir("copy/files", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		sum := md5.Sum(b)
		sums[hex.EncodeToString(sum[:])] = path
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range server.Assets() {
		if a.MD5 != "" && sums[a.MD5] == "" {
			t.Errorf("no file has the bytes of %s", a.ExternalID)
		}
	}
}

// TestReasonsOfExportsAreExplained: on the page, and in the summary.
func TestReasonsOfExportsAreExplained(t *testing.T) {
	page := pages(t)["docs/tenant-to-tenant.md"]
	assets, parts := export.Reasons()
	for _, reason := range assets {
		if !strings.Contains(page, "| `"+reason+"` |") {
			t.Errorf("the page does not explain %s", reason)
		}
	}
	for _, reason := range slices.Concat(assets, parts) {
		var text strings.Builder
		sum := export.Summary{Left: map[string]int{reason: 1}}
		if err := (view.Export{Summary: sum}).Text(&text); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "1 "+reason+": \n") {
			t.Errorf("the summary has no words for %s", reason)
		}
		if !strings.Contains(page, "`"+reason+"`") {
			t.Errorf("the page does not name %s", reason)
		}
	}
}

// TestLanguageVariantsGoAlong: they are linked again where they go to.
func TestLanguageVariantsGoAlong(t *testing.T) {
	_, vars := serve(t, emulator.Options{KeepBytes: true, Seed: 1})
	write(t, map[string]string{
		"m.yaml": "version: 1\ndivision: Marketing\nassets:\n  - {externalId: Z, file: z.txt}\n  - {externalId: A, file: a.txt, localization: {primary: Z}}\n",
		"z.txt":  "one\n", "a.txt": "een\n",
	})
	expect(t, vars, exitOK, "run", "m.yaml")
	expect(t, vars, exitOK, "export", "copy")
	table, err := os.ReadFile("copy/assets.csv")
	if err != nil || !strings.Contains(string(table), "localization.primary") {
		t.Fatalf("%v\n%s", err, table)
	}
	_, other := serve(t, emulator.Options{KeepBytes: true, Seed: 2})
	expect(t, other, exitOK, "run", "copy/manifest.yaml")
	expect(t, other, exitOK, "verify", "copy/manifest.yaml")
	expect(t, other, exitOK, "export", "again")
	again, err := os.ReadFile("again/assets.csv")
	if err != nil || !bytes.Equal(table, again) || !strings.Contains(string(table), ",Z\r\n") {
		t.Errorf("%v: the first\n%s\nand the second\n%s", err, table, again)
	}
}
