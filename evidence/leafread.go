package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape reads what appendText wrote, without the TAB, and refuses every other spelling.
func unescape(s []byte) (string, error) {
	if bytes.ContainsAny(s, "\r\n") {
		return "", errors.New("holds a line break that is not escaped")
	}
	if bytes.IndexByte(s, '\\') < 0 {
		if !utf8.Valid(s) {
			return "", errors.New("bytes that are no UTF-8 are not escaped")
		}
		return string(s), nil
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New("ends in a backslash")
		}
		switch s[i] {
		case 't':
			b = append(b, '\t')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case '\\':
			b = append(b, '\\')
		case 'x':
			if i+2 >= len(s) {
				return "", errors.New(`a "\x" lacks its two digits`)
			}
			n, err := strconv.ParseUint(string(s[i+1:i+3]), 16, 8)
			if err != nil {
				return "", errors.New(`a "\x" lacks its two digits`)
			}
			b = append(b, byte(n))
			i += 2
		default:
			return "", fmt.Errorf("has the escape %q, which is none", s[i-1:i+1])
		}
	}
	if again := appendEscaped(nil, string(b)); !bytes.Equal(again, s) {
		return "", errors.New("is not spelled as a leaf spells it")
	}
	return string(b), nil
}

// Leaf is a parsed leaf. What else it says is in Fields, or in Request, Event and Recording.
type Leaf struct {
	Kind   Kind
	Seq    int64
	Fields []string // those after seq, unescaped; nil for r1, e1 and l1
	Time   int64    // the first time that the leaf names, for choosing a period; 0 for a t1

	Request   *Request
	Event     *Event
	Recording *Recording
}

// ParseLeaf reads one line, its LF included. Every line that it accepts is the one spelling of what
// it says.
func ParseLeaf(line []byte) (*Leaf, error) {
	if len(line) == 0 || line[len(line)-1] != '\n' {
		return nil, errors.New("leaf does not end in a line feed")
	}
	p := &fieldParser{raw: bytes.Split(line[:len(line)-1], []byte{'\t'})}
	l := &Leaf{Kind: Kind(p.raw[0])}
	want, known := fieldsOf[l.Kind]
	if !known {
		return nil, fmt.Errorf("leaf has the kind %q, which this version does not know", clip(p.raw[0]))
	}
	if len(p.raw) != want {
		return nil, fmt.Errorf("leaf %s has %d fields, not %d", l.Kind, len(p.raw), want)
	}
	p.next = 1
	l.Seq = p.int()
	if l.Seq < 0 {
		p.fail(errors.New("is negative"))
	}
	switch l.Kind {
	case KindRequest:
		l.Request = p.request()
		l.Time = l.Request.StartedAt
	case KindEvent:
		l.Event = &Event{
			At:    p.int(),
			Kind:  p.text(),
			Count: p.int(),
			Bytes: p.int(),
			Note:  p.commitment(),
		}
		l.Time = l.Event.At
	case KindRecording:
		l.Recording = &Recording{
			ListedAt:   p.int(),
			StartedAt:  p.int(),
			DurationUS: p.int(),
			Bytes:      p.int(),
			Key:        p.commitment(),
		}
		l.Time = l.Recording.StartedAt
	default:
		for p.next < len(p.raw) {
			l.Fields = append(l.Fields, p.text())
		}
		if l.Kind != KindTenant {
			p.next = 2
			l.Time = p.int()
		}
	}
	if p.err != nil {
		return nil, fmt.Errorf("leaf %s: %w", l.Kind, p.err)
	}
	return l, nil
}

// clip bounds what a message quotes.
func clip(b []byte) []byte { return b[:min(len(b), 16)] }

// fieldParser reads one field after the other. The first that is wrong ends it.
type fieldParser struct {
	raw  [][]byte
	next int
	err  error
}

func (p *fieldParser) take() []byte {
	p.next++
	return p.raw[p.next-1]
}

func (p *fieldParser) fail(err error) {
	if p.err == nil {
		p.err = fmt.Errorf("field %d %w", p.next, err)
	}
}

// int reads a decimal number in its one spelling.
func (p *fieldParser) int() int64 {
	s := string(p.take())
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		p.fail(errors.New("is no whole number"))
	}
	return n
}

func (p *fieldParser) optionalInt() *int64 {
	if len(p.raw[p.next]) == 0 {
		p.next++
		return nil
	}
	n := p.int()
	return &n
}

func (p *fieldParser) bool() bool {
	switch string(p.take()) {
	case "0":
		return false
	case "1":
		return true
	}
	p.fail(errors.New("is neither 0 nor 1"))
	return false
}

func (p *fieldParser) text() string {
	s, err := unescape(p.take())
	if err != nil {
		p.fail(err)
	}
	return s
}

func (p *fieldParser) oneOf(among ...string) string {
	s := p.text()
	if !slices.Contains(among, s) {
		p.fail(fmt.Errorf("is none of %s", strings.Join(among, ", ")))
	}
	return s
}

func (p *fieldParser) commitment() (c Commitment) {
	s := p.take()
	if err := c.UnmarshalText(s); err != nil {
		p.fail(err)
	}
	return c
}

func (p *fieldParser) request() *Request {
	return &Request{
		StartedAt: p.int(), ResolutionUS: p.int(), TimeIs: p.oneOf("start", "end", "unknown"),
		Method: p.text(),
		Origin: p.text(), Template: p.text(), Status: p.int(), ResponseBytes: p.int(),
		RequestBytes: p.int(),
		CutShort:     p.bool(), DurationUS: p.int(), FirstByteUS: p.int(), RetryAfterS: p.int(),
		Error:      p.text(),
		SourceKind: p.text(), Params: p.text(), VendorID: p.text(), DateSkewS: p.optionalInt(),
		Key: p.commitment(), ClientSource: p.commitment(), Query: p.text(),
	}
}
