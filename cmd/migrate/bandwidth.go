package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/showpad-migrate/migrate/pkg/pipeline"
)

// bandwidth is a --bandwidth, in bytes a second; 0 is no limit.
type bandwidth int64

// A small b alone is refused: some mean bits by it, and some bytes.
var bandwidthForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([kKmMgG]?)(i?)(B|[bB][iI][tT][sS]?)(?:/s|ps)?$`)

// Set takes bytes or bits a second, with powers of 1000 (MB/s) or of 1024 (MiB/s).
func (b *bandwidth) Set(text string) error {
	if text == "0" {
		*b = 0
		return nil
	}
	m := bandwidthForm.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] != "" {
		return errors.New("use a speed such as 20MiB/s, 20MB/s or 100Mbit/s, or 0 for no limit")
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return err
	}
	step := 1000.0
	if m[3] != "" {
		step = 1024
	}
	n *= math.Pow(step, float64(1+strings.Index("kmg", strings.ToLower(m[2]))))
	if m[2] == "" {
		n /= step
	}
	if m[4] != "B" {
		n /= 8
	}
	if n < pipeline.MinBandwidth || n > math.MaxInt64/2 {
		return fmt.Errorf("use at least %s/s, or 0 for no limit", humanize.IBytes(pipeline.MinBandwidth))
	}
	*b = bandwidth(n)
	return nil
}

func (b *bandwidth) String() string {
	if *b == 0 {
		return ""
	}
	if n := uint64(*b); n%1024 == 0 {
		return strings.ReplaceAll(humanize.IBytes(n), " ", "") + "/s"
	}
	return strings.ReplaceAll(humanize.Bytes(uint64(*b)), " ", "") + "/s"
}

// Type is shown in the help.
func (*bandwidth) Type() string { return "speed" }
