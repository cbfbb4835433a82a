// Package jsonscan reads large JSON documents in constant memory. Unlike encoding/json's Decoder it
// never holds a value that the caller did not ask for, so the response texts of a HAR file cost no
// memory, whatever their size.
package jsonscan

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Stream reads a JSON document piece by piece. It checks what it passes over for its brackets and
// quotes only.
type Stream struct{ r *bufio.Reader }

// NewStream reads the document that begins at r's next byte.
func NewStream(r *bufio.Reader) Stream { return Stream{r} }

// ErrJSON says that the document is no JSON from here on.
var ErrJSON = errors.New("not valid JSON")

// MaxDepth bounds the nesting of values that are passed over.
const MaxDepth = 1000

// More says whether anything but white space is left, outside of any value.
func (j *Stream) More() (bool, error) {
	_, err := j.next()
	if err == io.EOF {
		return false, nil
	}
	return err == nil, err
}

// Peek returns the next byte that is not white space, without reading it.
func (j *Stream) Peek() (byte, error) {
	c, err := j.next()
	return c, ended(err)
}

// Begins says whether the value that begins here does so with c. Another value is passed over.
func (j *Stream) Begins(c byte) (bool, error) {
	got, err := j.Peek()
	if err != nil || got == c {
		return err == nil, err
	}
	return false, j.Skip()
}

// next is Peek, with io.EOF at the end.
func (j *Stream) next() (byte, error) {
	for {
		c, err := j.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, j.r.UnreadByte()
		}
	}
}

// ended makes the end of the input inside a value an error.
func ended(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: it ends too early", ErrJSON)
	}
	return err
}

// expect reads one byte that must be c.
func (j *Stream) expect(c byte) error {
	got, err := j.Peek()
	if err != nil {
		return err
	}
	if got != c {
		return ErrJSON
	}
	_, err = j.r.Discard(1)
	return err
}

// Object calls fn with each name of the object that begins here; fn must read the value.
func (j *Stream) Object(fn func(name string) error) error {
	return j.List('{', '}', func() error {
		name, err := j.text(MaxName)
		if err != nil {
			return err
		}
		if err := j.expect(':'); err != nil {
			return err
		}
		return fn(name.Text)
	})
}

// MaxName is more than any name that is asked for; a longer one is passed over with its value.
const MaxName = 256

// List calls fn for each element between the brackets.
func (j *Stream) List(open, end byte, fn func() error) error {
	if err := j.expect(open); err != nil {
		return err
	}
	c, err := j.Peek()
	if err != nil {
		return err
	}
	if c == end {
		return j.expect(end)
	}
	for {
		if err := fn(); err != nil {
			return err
		}
		c, err := j.Peek()
		if err != nil {
			return err
		}
		if c == end {
			return j.expect(end)
		}
		if err := j.expect(','); err != nil {
			return err
		}
	}
}

// Scalar reads the value that begins here, strings up to most bytes; of other values than strings,
// numbers, true, false and null, and of longer strings, only that they were there.
func (j *Stream) Scalar(most int) (Token, error) {
	c, err := j.Peek()
	switch {
	case err != nil:
		return Token{}, err
	case c == '"':
		return j.text(most)
	case c == '{' || c == '[':
		return Token{Kind: Other}, j.Skip()
	}
	return j.bare()
}

// bare reads a number, true, false or null.
func (j *Stream) bare() (Token, error) {
	var b [64]byte
	n := 0
	for {
		c, err := j.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Token{}, err
		}
		if c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			if err := j.r.UnreadByte(); err != nil {
				return Token{}, err
			}
			break
		}
		if n == len(b) {
			return Token{}, ErrJSON
		}
		b[n] = c
		n++
	}
	switch s := string(b[:n]); {
	case s == "null":
		return Token{}, nil
	case s == "true":
		return Token{Kind: True}, nil
	case s == "false":
		return Token{Kind: False}, nil
	case n > 0 && NumberEnd(s) == n:
		return Token{Number, s}, nil
	}
	return Token{}, ErrJSON
}

// text reads a string. One that is longer than most bytes as written, or not UTF-8, gives Other and
// the beginning as it was written.
func (j *Stream) text(most int) (Token, error) {
	raw, whole, err := j.rawText(most)
	if err != nil {
		return Token{}, err
	}
	if !whole || !utf8.Valid(raw) {
		return Token{Other, string(raw[1:])}, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return Token{}, ErrJSON
	}
	return Token{String, s}, nil
}

// rawText reads a string with its quotes, of which it keeps the first most bytes.
func (j *Stream) rawText(most int) (raw []byte, whole bool, err error) {
	if err := j.expect('"'); err != nil {
		return nil, false, err
	}
	raw, whole = append(raw, '"'), true
	escaped := false // the byte that comes next stands behind a backslash
	for {
		piece, err := j.r.ReadSlice('"')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, false, ended(err)
		}
		if room := most + 2 - len(raw); len(piece) > room {
			whole = false
			raw = append(raw, piece[:max(room, 0)]...)
		} else {
			raw = append(raw, piece...)
		}
		if err == nil && !endsEscaped(piece[:len(piece)-1], escaped) {
			return raw, whole, nil
		}
		escaped = err != nil && endsEscaped(piece, escaped)
	}
}

// endsEscaped says whether the byte behind b is escaped; before says it of the first byte of b.
func endsEscaped(b []byte, before bool) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	odd := n%2 == 1
	if n == len(b) && before {
		return !odd
	}
	return odd
}

// Skip passes over the value that begins here.
func (j *Stream) Skip() error {
	depth := 0
	for {
		c, err := j.Peek()
		if err != nil {
			return err
		}
		switch c {
		case '"':
			_, _, err = j.rawText(0)
		case '{', '[':
			depth++
			_, err = j.r.Discard(1)
		case '}', ']':
			depth--
			_, err = j.r.Discard(1)
		case ',', ':':
			_, err = j.r.Discard(1)
			if depth == 0 {
				return ErrJSON
			}
			if err == nil {
				continue
			}
		default:
			_, err = j.bare()
		}
		if err != nil {
			return err
		}
		if depth < 0 || depth > MaxDepth {
			return ErrJSON
		}
		if depth == 0 {
			return nil
		}
	}
}
