package main

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"io"
	"path"
	"strings"
	"testing"
)

func TestTheSampleIsMadeOfRealFiles(t *testing.T) {
	kinds := map[string]int{}
	for _, f := range sampleLibrary() {
		ext := path.Ext(f.path)
		kinds[ext]++
		switch ext {
		case ".png", ".jpg", ".gif":
			if _, _, err := image.Decode(bytes.NewReader(f.data)); err != nil {
				t.Errorf("%s: %v", f.path, err)
			}
		case ".docx", ".pptx", ".xlsx", ".zip":
			checkArchive(t, f)
		case ".svg":
			checkXML(t, f.path, bytes.NewReader(f.data))
		case ".pdf":
			checkPDF(t, f)
		case ".wav":
			if !bytes.HasPrefix(f.data, []byte("RIFF")) || string(f.data[8:12]) != "WAVE" {
				t.Errorf("%s: no WAV file", f.path)
			}
		}
		if len(f.data) == 0 {
			t.Errorf("%s: empty", f.path)
		}
	}
	if len(kinds) < 10 {
		t.Errorf("only %d kinds of files: %v", len(kinds), kinds)
	}
	again := sampleLibrary()
	for i, f := range sampleLibrary() {
		if !bytes.Equal(f.data, again[i].data) {
			t.Errorf("%s: other bytes each time", f.path)
		}
	}
}

func checkArchive(t *testing.T, f newFile) {
	z, err := zip.NewReader(bytes.NewReader(f.data), int64(len(f.data)))
	if err != nil {
		t.Errorf("%s: %v", f.path, err)
		return
	}
	for _, part := range z.File {
		r, err := part.Open()
		if err != nil {
			t.Errorf("%s: %s: %v", f.path, part.Name, err)
			continue
		}
		if path.Ext(part.Name) == ".xml" || path.Ext(part.Name) == ".rels" {
			checkXML(t, f.path+": "+part.Name, r)
		}
		r.Close()
	}
}

func checkXML(t *testing.T, name string, r io.Reader) {
	dec := xml.NewDecoder(r)
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
	}
}

// checkPDF follows the cross-reference table: each entry leads to its object.
func checkPDF(t *testing.T, f newFile) {
	text := string(f.data)
	at := strings.LastIndex(text[:strings.Index(text, "trailer")], "xref\n0 ")
	lines := strings.Split(text[at:strings.Index(text, "trailer")], "\n")[3:]
	for i, line := range lines {
		if line == "" {
			continue
		}
		offset := 0
		for _, c := range line[:10] {
			offset = offset*10 + int(c-'0')
		}
		if want := string(rune('0'+(i+1)%10)) + " 0 obj"; !strings.Contains(text[offset:offset+9], want) {
			t.Errorf("%s: object %d is not at %d: %q", f.path, i+1, offset, text[offset:offset+9])
		}
	}
	if !strings.HasPrefix(text, "%PDF-1.4") || !strings.HasSuffix(text, "%%EOF\n") {
		t.Errorf("%s: no PDF", f.path)
	}
}
