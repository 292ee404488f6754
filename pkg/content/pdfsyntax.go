package content

import (
	"bytes"
	"encoding/hex"
	"strconv"
)

// What a dictionary holds, as far as it is needed: text (strings as bytes),
// name, number, ref, dict, list; anything else is a keyword.
type (
	dict    map[name]any
	list    []any
	name    string
	text    string
	keyword string
	ref     struct{ number, generation int64 }
)

// pdfDepth is how deep dictionaries and lists may stand in one another.
const pdfDepth = 16

// parseDict reads the dictionary that b begins with, and nothing after it; nil
// if there is none, or not the whole of it.
func parseDict(b []byte) dict {
	l := &lexer{b: b}
	d, _ := l.value(0).(dict)
	return d
}

type lexer struct{ b []byte }

type endOf byte // the end of a dictionary '>', of a list ']', of the bytes 0

// value reads one value.
func (l *lexer) value(depth int) any {
	l.space()
	switch {
	case len(l.b) == 0 || depth > pdfDepth:
		l.b = nil
		return endOf(0)
	case l.skip("<<"):
		return l.dict(depth)
	case l.skip(">>"):
		return endOf('>')
	case l.skip("["):
		var items list
		for {
			v := l.value(depth + 1)
			if e, ok := v.(endOf); ok {
				if e != ']' {
					return endOf(0)
				}
				return items
			}
			items = append(items, v)
		}
	case l.skip("]"):
		return endOf(']')
	case l.skip("<"):
		return l.hex()
	case l.skip("("):
		return l.literal()
	case l.skip("/"):
		return name(l.word())
	}
	return l.numberOrKeyword()
}

func (l *lexer) dict(depth int) any {
	d := dict{}
	for {
		k := l.value(depth + 1)
		if k == endOf('>') {
			return d
		}
		key, ok := k.(name)
		if !ok {
			return endOf(0)
		}
		v := l.value(depth + 1)
		if _, ended := v.(endOf); ended {
			return endOf(0)
		}
		d[key] = v
	}
}

// numberOrKeyword reads 12, true, or 12 0 R.
func (l *lexer) numberOrKeyword() any {
	w := l.word()
	if w == "" {
		l.b = l.b[1:] // a delimiter that nothing begins with
		return keyword("")
	}
	n, err := strconv.ParseInt(w, 10, 64)
	if err != nil {
		return keyword(w)
	}
	rest := l.b
	l.space()
	if g, err := strconv.ParseInt(l.word(), 10, 64); err == nil && g >= 0 {
		l.space()
		if l.word() == "R" {
			return ref{n, g}
		}
	}
	l.b = rest
	return n
}

func (l *lexer) skip(s string) bool {
	rest, ok := bytes.CutPrefix(l.b, []byte(s))
	if ok {
		l.b = rest
	}
	return ok
}

// space skips white space and comments.
func (l *lexer) space() {
	for {
		l.b = bytes.TrimLeft(l.b, "\x00\t\n\f\r ")
		if len(l.b) == 0 || l.b[0] != '%' {
			return
		}
		i := bytes.IndexAny(l.b, "\r\n")
		if i < 0 {
			i = len(l.b)
		}
		l.b = l.b[i:]
	}
}

// word reads up to white space or a delimiter.
func (l *lexer) word() string {
	i := bytes.IndexAny(l.b, "\x00\t\n\f\r ()<>[]{}/%")
	if i < 0 {
		i = len(l.b)
	}
	w := string(l.b[:i])
	l.b = l.b[i:]
	return w
}

// hex reads the rest of <0a1b>.
func (l *lexer) hex() any {
	i := bytes.IndexByte(l.b, '>')
	if i < 0 {
		l.b = nil
		return endOf(0)
	}
	digits := bytes.Join(bytes.Fields(l.b[:i]), nil)
	l.b = l.b[i+1:]
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	out := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(out, digits); err != nil {
		return keyword("")
	}
	return text(out)
}

// literal reads the rest of (text), with its escapes.
func (l *lexer) literal() any {
	var out []byte
	for depth, i := 1, 0; i < len(l.b); i++ {
		c := l.b[i]
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.b = l.b[i+1:]
				return text(out)
			}
		case '\r': // any end of a line is \n
			if i+1 < len(l.b) && l.b[i+1] == '\n' {
				i++
			}
			c = '\n'
		case '\\':
			if i++; i == len(l.b) {
				continue
			}
			switch c = l.b[i]; {
			case c >= '0' && c <= '7':
				v, n := 0, 0
				for ; n < 3 && i+n < len(l.b) && l.b[i+n] >= '0' && l.b[i+n] <= '7'; n++ {
					v = v<<3 | int(l.b[i+n]-'0')
				}
				i += n - 1
				c = byte(v)
			case c == '\r' || c == '\n': // the line goes on
				if c == '\r' && i+1 < len(l.b) && l.b[i+1] == '\n' {
					i++
				}
				continue
			default:
				if at := bytes.IndexByte([]byte("nrtbf"), c); at >= 0 {
					c = "\n\r\t\b\f"[at]
				}
			}
		}
		out = append(out, c)
	}
	l.b = nil
	return endOf(0)
}
