package pipeline

import (
	"path"
	"slices"
	"strings"
)

// A file belongs to those that dominate when it is nearly as large as the last of them.
const alikeNumer, alikeDenom = 4, 3

// maxLarge is how many of the largest files a workload names.
const maxLarge = 20

// Workload is what a plan amounts to for those who wait for it. The zero value is
// ready to be added to. A forecast needs no more of the sizes than their sum and
// the largest: what a stage takes for a file grows in proportion to its size.
type Workload struct {
	Creates   int   // assets to be made
	Requests  int   // API requests, writes and reads
	Puts      int   // uploads to storage
	Bytes     int64 // to upload
	HashFiles int   // files to be read for their checksums before they are sent
	HashBytes int64
	Largest   []LargeFile // of what is uploaded, at most 20, largest first

	writes int // of the rows so far
}

// LargeFile is one of the largest files of a plan.
type LargeFile struct {
	ExternalID string
	Name       string
	Size       int64
	Hash       bool // it is read for its checksum first

	after int // writes of the rows before it
}

// add counts a row.
func (l *Workload) add(row *Row) {
	hash := row.MD5 == "" && (row.Puts > 0 || row.Action == ActionCheck)
	if hash {
		l.HashFiles++
		l.HashBytes += max(0, row.Size)
	}
	if row.Action == ActionCreate {
		l.Creates++
	}
	if n := len(l.Largest); row.Puts > 0 && (n < maxLarge || row.Size > l.Largest[n-1].Size) {
		f := LargeFile{ExternalID: row.ExternalID, Name: row.Name, Size: row.Size, Hash: hash, after: l.writes}
		at, _ := slices.BinarySearchFunc(l.Largest, f, func(a, b LargeFile) int {
			if a.Size >= b.Size { // of two alike the first one stays in front
				return -1
			}
			return 1
		})
		l.Largest = slices.Insert(l.Largest, at, f)
		l.Largest = l.Largest[:min(n+1, maxLarge)]
	}
	l.writes += row.Writes
}

// total takes over the sums of a plan, which also count its extras.
func (l *Workload) total(s *Summary) {
	l.Requests, l.Puts, l.Bytes = s.Writes+s.Reads, s.Puts, s.Bytes
}

// Large says which files make up most of what is uploaded.
type Large struct {
	Files int     `json:"files"`          // the largest that together are at least half of the bytes
	Share float64 `json:"share"`          // of the bytes, 0 to 1
	Kind  string  `json:"kind,omitempty"` // "video" when all of them are
	// Name is that of the largest, and Seconds how long it takes alone, from its
	// reading to the end of its upload.
	Name    string  `json:"name"`
	Size    int64   `json:"size"`
	Seconds float64 `json:"seconds"`
}

// large are the files that dominate: few ones with at least half of the bytes. Nil
// when no few files do.
func (l *Workload) large() *Large {
	var sum int64
	kind := "video"
	for i, f := range l.Largest {
		if !isVideo(f.Name) {
			kind = ""
		}
		if sum += f.Size; sum*2 < l.Bytes {
			continue
		}
		n := i + 1
		for n < len(l.Largest) && l.Largest[n].Size*alikeNumer >= f.Size*alikeDenom { // it would be odd to leave out the like
			sum += l.Largest[n].Size
			if !isVideo(l.Largest[n].Name) {
				kind = ""
			}
			n++
		}
		if n*4 <= l.Puts || n == 1 && l.Puts > 1 { // else they are not few
			return &Large{Files: n, Share: float64(sum) / float64(l.Bytes), Kind: kind, Name: l.Largest[0].Name, Size: l.Largest[0].Size}
		}
		return nil
	}
	return nil
}

func isVideo(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".mp4", ".mov", ".avi", ".wmv", ".m4v", ".mpg", ".mpeg", ".webm", ".mkv", ".flv", ".3gp":
		return true
	}
	return false
}
