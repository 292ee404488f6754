package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"SP-1", "SP-1", true},
		{"SP-1", "SP-10", false},
		{"SP-*", "SP-10", true},
		{"*", "", true},
		{"*", "decks/q3/sales.pptx", true},
		{"decks/*.pptx", "decks/q3/sales.pptx", true},
		{"*a*b", "xaxxab", true},
		{"*a*b", "xaxxba", false},
		{"SP-?", "SP-é", true},
		{"SP-?", "SP-", false},
		{"SP-[0-9]*", "SP-10", true},
		{"SP-[!0-9]", "SP-1", false},
		{"SP-[^ab]", "SP-c", true},
		{"a[1]", "a[1]", true}, // an ID as it is
		{"a[1]", "a1", true},
		{"a[1", "a[1", true},
		{"a[b-", "a[b-", true},
		{"[a-]", "-", true},
	}
	for _, tt := range tests {
		if got := match(tt.pattern, tt.text); got != tt.want {
			t.Errorf("match(%q, %q) = %v, want %v", tt.pattern, tt.text, got, tt.want)
		}
	}
}

func TestOnlyFromAFile(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
		fails      bool
	}{
		{name: "one a line", text: "\ufeffSP-1\r\n# a comment\n\n SP-2 \n", want: []string{"SP-1", "SP-2"}},
		{name: "a report", text: "\ufeffexternalId;code;message\r\nSP-1;refused;\"two\r\nlines\"\r\n'=SP-2;x;y\r\n", want: []string{"SP-1", "=SP-2"}},
		{name: "column in another place", text: "name,externalId\nx,SP-3\n", want: []string{"SP-3"}},
		{name: "a report without rows", text: "externalId,code\r\n"},
		{name: "nothing in it", text: "# none\n", fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ids")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := (&selectFlags{only: []string{"@" + file}}).selection(t.Context())
			if (err != nil) != tt.fails {
				t.Fatalf("got %v", err)
			}
			if tt.fails {
				if codeOf(err) != exitUsage {
					t.Errorf("exit code %d, want %d", codeOf(err), exitUsage)
				}
				return
			}
			for _, id := range tt.want {
				if !s.Only(id) {
					t.Errorf("%q is not selected", id)
				}
			}
			if s.Only("SP-9") || s.Only("externalId") || s.Only("") {
				t.Error("selects what is not in the file")
			}
		})
	}
}

func TestOnlyFromAWorkbook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "failures.xlsx")
	f := excelize.NewFile()
	for cell, v := range map[string]any{"A1": "code", "B1": "externalId", "B2": 42, "B3": "'=SP-2", "A4": "x"} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SaveAs(file); err != nil {
		t.Fatal(err)
	}
	s, err := (&selectFlags{only: []string{"@" + file}}).selection(t.Context())
	if err != nil || !s.Only("42") || !s.Only("=SP-2") || s.Only("") || s.Only("x") {
		t.Errorf("%v", err)
	}
	if err := errors.Join(f.SetCellValue("Sheet1", "B1", "ID"), f.Save(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := (&selectFlags{only: []string{"@" + file}}).selection(t.Context()); err == nil || !strings.Contains(err.Error(), `no column "externalId"`) {
		t.Errorf("%v", err)
	}
}
