package showpad

import "encoding/json"

// validDepth is how deep valid looks itself.
const validDepth = 64

// valid is [json.Valid], several times as fast: every answer of the service is
// looked through before it is cut. What is nested deeper than anything of the
// service is left to encoding/json.
func valid(b []byte) bool {
	end := validValue(b, blank(b, 0), 0)
	if end == tooDeep {
		return json.Valid(b)
	}
	return end > 0 && blank(b, end) == len(b)
}

// What validValue and its like return instead of a place.
const (
	invalid = -1
	tooDeep = -2
)

// validValue is the place after the value that begins at i; invalid or tooDeep
// when there is none.
func validValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return invalid
	}
	switch c := b[i]; c {
	case '"':
		return validString(b, i)
	case '{':
		return validObject(b, i, depth+1)
	case '[':
		return validList(b, i, depth+1)
	case 't':
		return validWord(b, i, "true")
	case 'f':
		return validWord(b, i, "false")
	case 'n':
		return validWord(b, i, "null")
	default:
		if c == '-' || isDigit(c) {
			return validNumber(b, i)
		}
		return invalid
	}
}

func validObject(b []byte, i, depth int) int {
	if depth > validDepth {
		return tooDeep
	}
	if i = blank(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return invalid
		}
		if i = validString(b, i); i < 0 {
			return i
		}
		if i = blank(b, i); i >= len(b) || b[i] != ':' {
			return invalid
		}
		if i = validValue(b, blank(b, i+1), depth); i < 0 {
			return i
		}
		if i = blank(b, i); i >= len(b) {
			return invalid
		}
		switch b[i] {
		case '}':
			return i + 1
		case ',':
			i = blank(b, i+1)
		default:
			return invalid
		}
	}
}

func validList(b []byte, i, depth int) int {
	if depth > validDepth {
		return tooDeep
	}
	if i = blank(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = validValue(b, i, depth); i < 0 {
			return i
		}
		if i = blank(b, i); i >= len(b) {
			return invalid
		}
		switch b[i] {
		case ']':
			return i + 1
		case ',':
			i = blank(b, i+1)
		default:
			return invalid
		}
	}
}

func validString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return invalid
		case c == '\\':
			if i++; i >= len(b) {
				return invalid
			}
			switch b[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2]) || !isHex(b[i+3]) || !isHex(b[i+4]) {
					return invalid
				}
				i += 4
			default:
				return invalid
			}
		}
	}
	return invalid
}

func validWord(b []byte, i int, word string) int {
	if end := i + len(word); end <= len(b) && string(b[i:end]) == word {
		return end
	}
	return invalid
}

func validNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	whole := i
	if i = digits(b, i); i == whole || b[whole] == '0' && i > whole+1 {
		return invalid
	}
	if i < len(b) && b[i] == '.' {
		from := i + 1
		if i = digits(b, from); i == from {
			return invalid
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		from := i
		if i = digits(b, from); i == from {
			return invalid
		}
	}
	return i
}

// digits is the first place from i on that is no digit.
func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
