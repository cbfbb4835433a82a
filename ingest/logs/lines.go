package logs

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

const (
	// maxLine is the longest line that is looked at, in bytes; a longer one is passed over without
	// being kept.
	maxLine = 1 << 20
	// readSize is the most that is read at a time. Its lines share one string, so a line costs no
	// allocation.
	readSize = 256 << 10
	// peekSize is how much of the input the detection of the format sees.
	peekSize = 64 << 10
)

// input is the text to be parsed: decompressed and without byte order mark.
type input struct {
	*bufio.Reader
	// head is the beginning, at most peekSize bytes, for the detection of the format; whole says that
	// it is everything.
	head  []byte
	whole bool
	// final says that the input does not grow any more, because it is compressed: its last line is
	// whole without a line end, too.
	final bool
}

func (in *input) lines() *lineReader {
	l := newLineReader(in)
	l.final = in.final
	return l
}

// damageError says that compressed input ends early or does not decompress from here on.
type damageError struct{ reason string }

func (e *damageError) Error() string { return e.reason }

var (
	gzipMagic  = []byte{0x1f, 0x8b}
	bzip2Magic = []byte("BZh")
	utf8BOM    = []byte{0xef, 0xbb, 0xbf}
)

// openInput looks through gzip or bzip2, the byte order mark, and what collects lines of logs wraps
// them in; mapped says that a mapping will read them. It refuses what is text in no format at all.
func openInput(r io.Reader, mapped bool) (*input, error) {
	b := bufio.NewReaderSize(r, peekSize)
	magic, err := b.Peek(4)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read input: %w", err)
	}
	final := true
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf(
				"%w: it begins like gzip, but cannot be decompressed; is the file cut off?", ErrFormat)
		}
		b = bufio.NewReaderSize(&unpacker{z}, peekSize)
	case bytes.HasPrefix(magic, bzip2Magic) && len(magic) == 4 && magic[3] >= '1' && magic[3] <= '9':
		b = bufio.NewReaderSize(&unpacker{bzip2.NewReader(b)}, peekSize)
	default:
		final = false
	}
	if bom, _ := b.Peek(3); bytes.Equal(bom, utf8BOM) {
		_, _ = b.Discard(3) // these bytes are in the buffer
	}
	head, err := b.Peek(peekSize)
	if bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		b = bufio.NewReaderSize(&crReader{b}, peekSize)
		head, err = b.Peek(peekSize)
	}
	var damage *damageError
	if err != nil && err != io.EOF && !errors.As(err, &damage) {
		return nil, fmt.Errorf("read input: %w", err)
	}
	if damage != nil && len(head) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrFormat, damage.reason)
	}
	if what := refused(head); what != "" {
		return nil, fmt.Errorf("%w: %s", ErrFormat, what)
	}
	if wrap := wrapperOf(head, err != nil, mapped); wrap != nil {
		if b, head, err = unwrapped(b, wrap); err != nil && err != io.EOF && !errors.As(err, &damage) {
			return nil, fmt.Errorf("read input: %w", err)
		}
	}
	return &input{Reader: b, head: head, whole: err != nil, final: final}, nil
}

// crReader reads text whose lines end with a carriage return alone, as spreadsheets for old Macs
// write it.
type crReader struct{ r io.Reader }

func (c *crReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	for i, b := range p[:n] {
		if b == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

// unpacker tells damaged data, which costs the rest of the file, from a reader that fails.
type unpacker struct{ z io.Reader }

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.z.Read(p)
	var corrupt flate.CorruptInputError
	var structure bzip2.StructuralError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = &damageError{"the compressed data ends here: the file is cut off"}
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt),
		errors.As(err, &structure):
		err = &damageError{"the compressed data is damaged from here on, or before: what was read of it may be wrong"}
	}
	return n, err
}

// textLine is one line without its end.
type textLine struct {
	text   string
	number int64
	// flaw says why the line cannot be used; then text is empty.
	flaw string
	// open says that the input ended without a line end: the line may be half-written.
	open bool
	// dirty says that the text is not UTF-8. Only fields that are looked at must be.
	dirty bool
}

// lineReader splits text into lines. Its memory is bounded by maxLine, whatever a line's length.
type lineReader struct {
	r      io.Reader
	buf    []byte // read, but not yet part of a block: the first n bytes
	n      int
	block  string // whole lines; the last block may lack the line end
	clean  bool   // the block is valid UTF-8 without NUL bytes
	number int64
	long   bool // the line being read is too long: skip to its end
	final  bool // see input
	err    error
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: make([]byte, 2*peekSize)}
}

// next returns the next line, blank ones left out. It returns false at the end and on an error, see
// failure.
func (l *lineReader) next() (textLine, bool) {
	for {
		for l.block == "" {
			if !l.fill() {
				return textLine{}, false
			}
			if l.long {
				l.long = false
				l.number++
				return textLine{number: l.number, flaw: "line is longer than 1 MiB"}, true
			}
		}
		if line, ok := l.cut(); ok {
			return line, true
		}
	}
}

// cut takes the first line off the block; false for a blank one.
func (l *lineReader) cut() (textLine, bool) {
	text, open := l.block, true
	if i := strings.IndexByte(l.block, '\n'); i >= 0 {
		text, l.block, open = l.block[:i], l.block[i+1:], false
	} else {
		l.block = ""
	}
	l.number++
	text = strings.TrimSuffix(text, "\r")
	if text != "" && (text[0] == 0 || text[0] == utf8BOM[0]) {
		text = withoutHead(text)
	}
	if isBlank(text) {
		return textLine{}, false
	}
	line := textLine{text: text, number: l.number, open: open && !l.final}
	if !l.clean {
		line.dirty = !utf8.ValidString(text)
		if strings.IndexByte(text, 0) >= 0 {
			line.text, line.flaw = "", "line holds a NUL byte"
		}
	}
	return line, true
}

// withoutHead is a line without what does not belong to it: the byte order mark of a file that was
// joined to another, and the NUL bytes that a crash, or a log that was emptied while it was written
// to, leaves in front.
func withoutHead(text string) string {
	return strings.TrimPrefix(strings.TrimLeft(text, "\x00"), string(utf8BOM))
}

func isBlank(s string) bool {
	return s == "" || s[0] <= ' ' && strings.Trim(s, " \t\r\v\f") == ""
}

// fill reads the next block of whole lines, or skips to the end of a line that is too long and sets
// long.
func (l *lineReader) fill() bool {
	for {
		if i := bytes.LastIndexByte(l.buf[:l.n], '\n'); i >= 0 {
			l.take(i + 1)
			return true
		}
		if l.n == len(l.buf) {
			if l.n > maxLine {
				l.long = true
				return l.skipLine()
			}
			l.grow()
		}
		if l.err != nil {
			return l.last()
		}
		l.read()
	}
}

// grow makes room for a longer line, up to one byte more than the longest that is taken.
func (l *lineReader) grow() {
	larger := make([]byte, min(4*len(l.buf), maxLine+1))
	copy(larger, l.buf[:l.n])
	l.buf = larger
}

// read adds to buf, at most readSize bytes.
func (l *lineReader) read() {
	for range 100 {
		n, err := l.r.Read(l.buf[l.n:min(l.n+readSize, len(l.buf))])
		l.n += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = io.ErrNoProgress
}

// take makes the first n bytes of buf the block and keeps the others for the next.
func (l *lineReader) take(n int) {
	l.block = string(l.buf[:n])
	l.clean = utf8.ValidString(l.block) && strings.IndexByte(l.block, 0) < 0
	l.n = copy(l.buf, l.buf[n:l.n])
}

// last makes what is left at the end of the input a block. After damage it is not a whole line, so
// it is left out.
func (l *lineReader) last() bool {
	if l.err != io.EOF || l.n == 0 {
		return false
	}
	l.take(l.n)
	return true
}

// skipLine drops bytes to the end of the line or of the input.
func (l *lineReader) skipLine() bool {
	for {
		if i := bytes.IndexByte(l.buf[:l.n], '\n'); i >= 0 {
			l.n = copy(l.buf, l.buf[i+1:l.n])
			return true
		}
		l.n = 0
		if l.err != nil {
			return true
		}
		l.read()
	}
}

// eachLine calls fn for every line without flaw and rejects the others, also what damage made
// unreadable.
func eachLine(in *input, f *feeder, fn func(textLine) error) error {
	l := in.lines()
	for {
		line, ok := l.next()
		if !ok {
			return l.failure(f)
		}
		err := error(nil)
		if line.flaw != "" {
			err = f.reject(line.number, line.flaw)
		} else {
			err = fn(line)
		}
		if err != nil {
			return err
		}
	}
}

// failure makes damage a rejected line; other errors are returned.
func (l *lineReader) failure(f *feeder) error {
	var damage *damageError
	if errors.As(l.err, &damage) {
		return f.damaged(l.number+1, damage)
	}
	if l.err != nil && l.err != io.EOF {
		return fmt.Errorf("read input after line %d: %w", l.number, l.err)
	}
	return nil
}

// countingReader counts the bytes read, for a progress display in another goroutine.
type countingReader struct {
	r io.Reader
	n atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
