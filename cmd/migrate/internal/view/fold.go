package view

import (
	"bytes"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// leastFold is the narrowest screen that lines are folded for.
const leastFold = 40

// Fold is w for a screen of so many columns: longer lines go on in the next one, at a
// space, further in than they began. A terminal would cut them in the middle of a word or
// a number. 0 columns, or very few, fold nothing: then it is w itself.
// What is written has to end with the end of a line.
func Fold(w io.Writer, columns int) io.Writer {
	if columns < leastFold {
		return w
	}
	return &folder{w: w, columns: columns}
}

type folder struct {
	w       io.Writer
	columns int
	rest    []byte // of a line whose end has not come
}

func (f *folder) Write(p []byte) (int, error) {
	end := bytes.LastIndexByte(p, '\n') + 1
	if end == 0 {
		f.rest = append(f.rest, p...)
		return len(p), nil
	}
	var out strings.Builder
	for line := range strings.Lines(string(f.rest) + string(p[:end])) {
		fold(&out, strings.TrimSuffix(line, "\n"), f.columns)
	}
	f.rest = append(f.rest[:0], p[end:]...)
	if _, err := io.WriteString(f.w, out.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// fold writes a line, as several where it is too long.
func fold(out *strings.Builder, line string, columns int) {
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))] + "    "
	for {
		at := foldAt(line, len(indent), columns)
		if at == 0 {
			out.WriteString(line + "\n")
			return
		}
		out.WriteString(strings.TrimRight(line[:at], " ") + "\n")
		line = indent + strings.TrimLeft(line[at:], " ")
	}
}

// foldAt is where a line of columns ends: the last gap between the parts of a row
// that is not too far to the left, or the last space. 0: the line fits, or has none.
func foldAt(line string, indent, columns int) int {
	width, space, gap := 0, 0, 0
	for i, r := range line {
		if width += runewidth.RuneWidth(r); width > columns && r != ' ' {
			if gap > columns/2 {
				return gap
			}
			return space
		}
		if r == ' ' && i >= indent {
			if space = i; strings.HasSuffix(line[:i], " ") {
				gap = i
			}
		}
	}
	return 0
}
