package main

import (
	"errors"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
)

// byteSize is a flag of so many bytes: 500MB, 2GiB. 0 stands for the default.
type byteSize int64

func (s *byteSize) String() string {
	if *s == 0 {
		return ""
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*s)), " ", "")
}

// Set takes a number with a unit: powers of 1000 (MB) or of 1024 (MiB).
func (s *byteSize) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return errors.New("use a size such as 500MB or 2GiB")
	}
	*s = byteSize(n)
	return nil
}

// Type is shown in the help.
func (*byteSize) Type() string { return "size" }
