package ingest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// jsonStream reads a JSON document piece by piece. Unlike json.Decoder it never holds a value that nobody asked for:
// a HAR file's response texts are passed over whatever their size. What it passes over is checked for its brackets and
// quotes only.
type jsonStream struct{ r *bufio.Reader }

// errJSON says that the document is no JSON from here on.
var errJSON = errors.New("not valid JSON")

// maxDepth bounds the nesting of values that are passed over.
const maxDepth = 1000

// more says whether anything but white space is left, outside of any value.
func (j *jsonStream) more() (bool, error) {
	_, err := j.next()
	if err == io.EOF {
		return false, nil
	}
	return err == nil, err
}

// peek returns the next byte that is not white space, without reading it.
func (j *jsonStream) peek() (byte, error) {
	c, err := j.next()
	return c, ended(err)
}

// next is peek, with io.EOF at the end.
func (j *jsonStream) next() (byte, error) {
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
		return fmt.Errorf("%w: it ends too early", errJSON)
	}
	return err
}

// expect reads one byte that must be c.
func (j *jsonStream) expect(c byte) error {
	got, err := j.peek()
	if err != nil {
		return err
	}
	if got != c {
		return errJSON
	}
	_, err = j.r.Discard(1)
	return err
}

// object calls fn with each name of the object that begins here; fn must read the value.
func (j *jsonStream) object(fn func(name string) error) error {
	return j.list('{', '}', func() error {
		name, err := j.text(maxName)
		if err != nil {
			return err
		}
		if err := j.expect(':'); err != nil {
			return err
		}
		return fn(name.text)
	})
}

// maxName is more than any name that is asked for; a longer one is passed over with its value.
const maxName = 256

// list calls fn for each element between the brackets.
func (j *jsonStream) list(open, end byte, fn func() error) error {
	if err := j.expect(open); err != nil {
		return err
	}
	if c, err := j.peek(); err != nil || c == end {
		return errors.Join(err, j.expect(end))
	}
	for {
		if err := fn(); err != nil {
			return err
		}
		c, err := j.peek()
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

// scalar reads the value that begins here, strings up to most bytes; of other values than strings, numbers, true, false
// and null, and of longer strings, only that they were there.
func (j *jsonStream) scalar(most int) (token, error) {
	c, err := j.peek()
	switch {
	case err != nil:
		return token{}, err
	case c == '"':
		return j.text(most)
	case c == '{' || c == '[':
		return token{kind: kindOther}, j.skip()
	}
	return j.bare()
}

// bare reads a number, true, false or null.
func (j *jsonStream) bare() (token, error) {
	var b [64]byte
	n := 0
	for {
		c, err := j.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return token{}, err
		}
		if c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			if err := j.r.UnreadByte(); err != nil {
				return token{}, err
			}
			break
		}
		if n == len(b) {
			return token{}, errJSON
		}
		b[n] = c
		n++
	}
	switch s := string(b[:n]); {
	case s == "null":
		return token{}, nil
	case s == "true":
		return token{kind: kindTrue}, nil
	case s == "false":
		return token{kind: kindFalse}, nil
	case n > 0 && numberEnd(s) == n:
		return token{kindNumber, s}, nil
	}
	return token{}, errJSON
}

// text reads a string. One that is longer than most bytes as written, or not UTF-8, gives kindOther and the beginning
// as it was written.
func (j *jsonStream) text(most int) (token, error) {
	raw, whole, err := j.rawText(most)
	if err != nil {
		return token{}, err
	}
	if !whole || !utf8.Valid(raw) {
		return token{kindOther, string(raw[1:])}, nil
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return token{}, errJSON
	}
	return token{kindString, s}, nil
}

// rawText reads a string with its quotes, of which it keeps the first most bytes.
func (j *jsonStream) rawText(most int) (raw []byte, whole bool, err error) {
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

// skip passes over the value that begins here.
func (j *jsonStream) skip() error {
	depth := 0
	for {
		c, err := j.peek()
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
				return errJSON
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
		if depth < 0 || depth > maxDepth {
			return errJSON
		}
		if depth == 0 {
			return nil
		}
	}
}
