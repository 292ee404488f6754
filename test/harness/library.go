package harness

import (
	"crypto/md5"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Library is a folder with a manifest, campaign.yaml, a table and the files that
// it names.
type Library struct {
	Dir   string
	Items map[string]*Item // by external ID

	rng *rand.Rand
	max int
}

// Item is what an asset has to become.
type Item struct {
	Name        string // of the file and of the asset
	URL         string // of a link, which has no file
	Description string
	Tags        []string // sorted
	MD5         string
	Size        int64
}

// NewLibrary makes n files of several types, of one byte up to max, with one or
// two tags. It is a function of the seed.
func NewLibrary(t testing.TB, seed uint64, n, max int) *Library {
	t.Helper()
	l := &Library{Dir: t.TempDir(), Items: map[string]*Item{}, rng: rand.New(rand.NewPCG(seed, uint64(n))), max: max}
	for range n {
		l.Add(t)
	}
	l.Save(t)
	Write(t, filepath.Join(l.Dir, "campaign.yaml"), []byte("version: 1\ntarget: {subdomain: acme}\ndivision: Marketing\ninclude:\n  - table: inventory.csv\n"))
	return l
}

// Add makes one more file, and returns its external ID.
func (l *Library) Add(t testing.TB) string {
	t.Helper()
	i := len(l.Items)
	id := fmt.Sprintf("SP-%04d", i)
	l.Items[id] = &Item{
		Name: fmt.Sprintf("file %04d.%s", i, []string{"txt", "pdf", "pptx", "png", "mp4"}[i%5]),
		Tags: [][]string{{"Sales"}, {"Marketing 2026", "Sales"}}[i%2],
	}
	l.Fill(t, id)
	return id
}

// AddLink makes one more item, a link, and returns its external ID.
func (l *Library) AddLink() string {
	i := len(l.Items)
	id := fmt.Sprintf("SP-%04d", i)
	l.Items[id] = &Item{Name: fmt.Sprintf("link %04d.url", i), URL: fmt.Sprintf("https://www.example.com/%d", i), Tags: []string{"Sales"}}
	return id
}

// Fill gives an item's file new bytes; every eighth file has a single one.
func (l *Library) Fill(t testing.TB, id string) {
	t.Helper()
	item := l.Items[id]
	data := make([]byte, 1+l.rng.IntN(l.max))
	if l.rng.IntN(8) == 0 {
		data = data[:1]
	}
	for j := range data {
		data[j] = byte(l.rng.Uint32())
	}
	sum := md5.Sum(data)
	if hex.EncodeToString(sum[:]) == item.MD5 {
		l.Fill(t, id)
		return
	}
	item.MD5, item.Size = hex.EncodeToString(sum[:]), int64(len(data))
	Write(t, filepath.Join(l.Dir, "content", item.Name), data)
}

// Save writes the table anew.
func (l *Library) Save(t testing.TB) {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	rows := [][]string{{"externalId", "file", "url", "name", "description", "tags"}}
	for _, id := range slices.Sorted(maps.Keys(l.Items)) {
		item := l.Items[id]
		file, name := "content/"+item.Name, ""
		if item.URL != "" {
			file, name = "", item.Name
		}
		rows = append(rows, []string{id, file, item.URL, name, item.Description, strings.Join(item.Tags, ";")})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	Write(t, filepath.Join(l.Dir, "inventory.csv"), []byte(b.String()))
}

// Write makes a file, with the folders above it.
func Write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Arrived checks the promises: one asset for each external ID, active, with its
// bytes and fields, and no request that the service would not know.
func (l *Library) Arrived(t testing.TB, tn *Tenant) {
	t.Helper()
	all := tn.Assets(t)
	there := map[string]int{}
	tags := map[string]bool{}
	for _, a := range all {
		there[a.ExternalID]++
		item, ok := l.Items[a.ExternalID]
		switch {
		case !ok:
			t.Errorf("asset %s has the external ID %q, which nobody wanted", a.ID, a.ExternalID)
		case a.Status != "active" || a.MD5 != item.MD5 || a.Size != item.Size:
			t.Errorf("asset of %s is %s with MD5 %q and %d bytes, want active with %q and %d", a.ExternalID, a.Status, a.MD5, a.Size, item.MD5, item.Size)
		case a.Name != item.Name || a.Description != item.Description || a.URL != item.URL || a.IsArchived:
			t.Errorf("asset of %s is %+v, want %+v", a.ExternalID, a, *item)
		case !slices.Equal(a.Tags, item.Tags):
			t.Errorf("asset of %s has the tags %q, want %q", a.ExternalID, a.Tags, item.Tags)
		}
	}
	for id, item := range l.Items {
		if there[id] != 1 {
			t.Errorf("%s has %d assets, want 1", id, there[id])
		}
		for _, tag := range item.Tags {
			tags[tag] = true
		}
	}
	b := tn.Books(t)
	if len(b.Duplicates) > 0 || len(b.Orphans) > 0 || len(b.Renames) > 0 || b.Tags != len(tags) {
		t.Errorf("duplicates %v, orphans %v, renames %s, %d tags of %d", b.Duplicates, b.Orphans, b.Renames, b.Tags, len(tags))
	}
	if b.Unknown > 0 || b.TokensAtStorage > 0 || b.InsideClosedGate > 0 {
		t.Errorf("%d unknown requests %q, %d tokens at storage, %d calls inside a closed gate", b.Unknown, b.UnknownNotes, b.TokensAtStorage, b.InsideClosedGate)
	}
}

// Runs are the evidence folders, oldest first.
func (l *Library) Runs(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(l.Dir, "campaign.runs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}
