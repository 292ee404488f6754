package table

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// format is what the style of a cell makes of its number.
type format struct {
	date  bool // a day, a moment or a time of day
	zeros int  // digits that it fills up to; 0: as it is
}

// readStyles reads which styles are dates.
func (w *workbook) readStyles(part string) error {
	var doc struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			ID int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := w.decode(part, &doc); err != nil {
		return err
	}
	codes := make(map[int]format, len(doc.Formats))
	for _, f := range doc.Formats {
		codes[f.ID] = formatOf(f.Code)
	}
	for _, c := range doc.Cells {
		f, ok := codes[c.ID]
		if !ok {
			f.date = builtinDate(c.ID)
		}
		w.formats = append(w.formats, f)
	}
	return nil
}

// builtinDate reports whether a format without a code is a date. Source: ECMA-376
// part 1, 18.8.30.
func builtinDate(id int) bool {
	return id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58
}

// formatOf tells a format by its code: the letters of dates outside quotes and
// brackets, or zeros alone.
func formatOf(code string) format {
	code, _, _ = strings.Cut(code, ";") // of positive numbers
	if zeros := len(code); zeros >= 2 && zeros <= 64 && strings.Trim(code, "0") == "" {
		return format{zeros: zeros}
	}
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			n := strings.IndexByte(code[i+1:], '"')
			if n < 0 {
				return format{}
			}
			i += n + 1
		case '\\', '_', '*':
			i++
		case '[':
			n := strings.IndexByte(code[i:], ']')
			if n < 0 {
				return format{}
			}
			// [h] counts hours; others are colours, conditions, languages.
			if inside := strings.ToLower(code[i+1 : i+n]); inside != "" && strings.Trim(inside, "hms") == "" {
				return format{date: true}
			}
			i += n
		case 'y', 'Y', 'm', 'M', 'd', 'D', 'h', 'H', 's', 'S':
			return format{date: true}
		case 'G', 'g':
			if len(code)-i >= len("General") && strings.EqualFold(code[i:i+len("General")], "General") {
				i += len("General") - 1
			}
		}
	}
	return format{}
}

// number is the text of a number: as people would type it, or the day or moment
// that it stands for. false: it is no number, or no date.
func (w *workbook) number(raw string, f format) (string, bool) {
	raw = strings.TrimSpace(raw)
	if !f.date && digits(raw) { // exactly as stored, however long
		return filled(raw, f.zeros), true
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || math.IsInf(n, 0) || math.IsNaN(n) {
		return "", false
	}
	if f.date {
		return w.date(n)
	}
	// Spreadsheets keep 15 digits; what is stored beyond them is noise: 0.30000000000000004.
	if short, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 15, 64), 64); err == nil {
		n = short
	}
	if math.Abs(n) >= 1e60 || n != 0 && math.Abs(n) < 1e-60 {
		return strconv.FormatFloat(n, 'g', -1, 64), true
	}
	return filled(strconv.FormatFloat(n, 'f', -1, 64), f.zeros), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && (s[0] != '0' || s == "0")
}

// filled is a whole number with zeros before it.
func filled(s string, zeros int) string {
	if len(s) < zeros && digits(s) {
		return strings.Repeat("0", zeros-len(s)) + s
	}
	return s
}

// date is the day or moment of a serial number: days since the epoch. The
// calendar from 1900 has a 29 February 1900, which never was. Source: ECMA-376
// part 1, 18.17.4.
func (w *workbook) date(n float64) (string, bool) {
	const lastSerial = 2958466 // of the year 9999, and one
	if n < 0 || n >= lastSerial {
		return "", false
	}
	days, rest := math.Modf(n)
	seconds := int(math.Round(rest * 86400))
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case days == 0 && !w.epoch04: // a time of day
		return time.Unix(int64(seconds), 0).UTC().Format(time.TimeOnly), true
	case w.epoch04:
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	case days == 60:
		return "", false
	case days < 60:
		epoch = epoch.AddDate(0, 0, 1)
	}
	at := epoch.AddDate(0, 0, int(days)).Add(time.Duration(seconds) * time.Second)
	if at.Year() > 9999 {
		return "", false
	}
	if seconds%86400 == 0 {
		return at.Format(time.DateOnly), true
	}
	return at.Format("2006-01-02T15:04:05"), true
}
