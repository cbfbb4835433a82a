package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// writeJSON writes v indented by two spaces, a list of whole numbers on one line. Characters that
// would act on a terminal are escaped; they can only stand inside strings.
func writeJSON(b *bytes.Buffer, v any) error {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Grow(2 * plain.Len())
	in := indenter{out: b.AvailableBuffer(), left: bytes.TrimSuffix(plain.Bytes(), []byte("\n"))}
	for len(in.left) > 0 {
		in.token()
	}
	b.Write(append(in.out, '\n'))
	return nil
}

// indenter indents JSON that has no spaces outside of strings, in one pass: json.Indent, and a
// search for lists and characters after it, took three times as long as making the JSON.
type indenter struct {
	out, left []byte
	depth     int
}

// token takes what is left up to a next place for a line end.
func (in *indenter) token() {
	switch c := in.left[0]; c {
	case '"':
		in.text()
	case '{', '[':
		in.open()
	case '}', ']':
		in.depth--
		in.line()
		in.take(1)
	case ',':
		in.take(1)
		in.line()
	case ':':
		in.take(1)
		in.out = append(in.out, ' ')
	default: // a number, or one of true, false, null
		n := bytes.IndexAny(in.left, ",]}")
		if n < 0 {
			n = len(in.left)
		}
		in.take(n)
	}
}

func (in *indenter) take(n int) {
	in.out, in.left = append(in.out, in.left[:n]...), in.left[n:]
}

func (in *indenter) line() {
	in.out = append(in.out, '\n')
	for range in.depth {
		in.out = append(in.out, "  "...)
	}
}

// open begins an object or a list. What is empty, or a list of whole numbers, stays on its line.
func (in *indenter) open() {
	switch n := numbers(in.left[1:]); {
	case in.left[1] == '}' || in.left[1] == ']':
		in.take(2)
	case in.left[0] == '[' && n > 0:
		for _, c := range in.left[:n+2] {
			in.out = append(in.out, c)
			if c == ',' {
				in.out = append(in.out, ' ')
			}
		}
		in.left = in.left[n+2:]
	default:
		in.take(1)
		in.depth++
		in.line()
	}
}

// numbers is the length of a list of whole numbers without its end; 0 where it has anything else.
func numbers(list []byte) int {
	n := 0
	for ('0' <= list[n] && list[n] <= '9') || list[n] == ',' {
		n++
	}
	if list[n] != ']' {
		return 0
	}
	return n
}

// text takes a string, whose quotes and backslashes are escaped already.
func (in *indenter) text() {
	for i := 1; ; {
		switch c := in.left[i]; {
		case c == '"':
			in.take(i + 1)
			return
		case c == '\\':
			i += 2
		case ' ' <= c && c <= '~':
			i++
		default:
			r, size := utf8.DecodeRune(in.left[i:])
			if unicode.IsPrint(r) {
				i += size
				continue
			}
			in.take(i)
			in.left, i = in.left[size:], 0
			in.out = escaped(in.out, r)
		}
	}
}

// escaped appends a character as JSON escapes it.
func escaped(out []byte, r rune) []byte {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return fmt.Appendf(out, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(out, `\u%04x`, r)
}
