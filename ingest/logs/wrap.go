package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"regexp"
)

// Runtimes of containers wrap each line that a program writes: Docker's json-file driver in a JSON
// object, the CRI of Kubernetes in a prefix. Both cut long lines into pieces. Here the lines are
// put together again; line numbers stay, since a blank line takes the place of each piece but the
// last.

// unwrap takes the wrapping off one line. The text has no line end; more says that the line goes on
// in the next one.
type unwrap func(line []byte) (text []byte, more, ok bool)

var criLine = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) ([FP])(?::\S*)? `)

// wrapperOf says how the beginning of a file is wrapped; nil for a plain file.
func wrapperOf(head []byte) unwrap {
	first, _, _ := bytes.Cut(bytes.TrimLeft(head, " \t\r\n"), []byte("\n"))
	for _, u := range []unwrap{unwrapDocker, unwrapCRI} {
		if _, _, ok := u(first); ok {
			return u
		}
	}
	return nil
}

func unwrapDocker(line []byte) (text []byte, more, ok bool) {
	if !bytes.HasPrefix(line, []byte("{")) || !bytes.Contains(line, []byte(`"log"`)) {
		return nil, false, false
	}
	var record struct {
		Log    *string
		Stream string
		Time   string
	}
	if json.Unmarshal(line, &record) != nil || record.Log == nil || record.Time == "" {
		return nil, false, false
	}
	text, ended := bytes.CutSuffix([]byte(*record.Log), []byte("\n"))
	return text, !ended, true
}

func unwrapCRI(line []byte) (text []byte, more, ok bool) {
	m := criLine.FindSubmatch(line)
	if m == nil {
		return nil, false, false
	}
	return line[len(m[0]):], string(m[1]) == "P", true
}

// unwrapped is b without the wrapping of its lines, and the beginning of that.
func unwrapped(b *bufio.Reader, u unwrap) (plain *bufio.Reader, head []byte, err error) {
	plain = bufio.NewReaderSize(&unwrapper{lines: newLineReader(b), unwrap: u}, peekSize)
	head, err = plain.Peek(peekSize)
	return plain, head, err
}

// unwrapper reads as the lines without their wrapping. A line that is not wrapped is passed on as
// it is, for the parser to reject it.
type unwrapper struct {
	lines  *lineReader
	unwrap unwrap
	number int64  // of the last line that was passed on
	piece  []byte // of a line that goes on
	out    []byte
}

func (u *unwrapper) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		line, ok := u.lines.next()
		if !ok {
			if u.lines.err == nil {
				return 0, io.EOF
			}
			return 0, u.lines.err
		}
		u.take(line)
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// take unwraps one line into out.
func (u *unwrapper) take(line textLine) {
	u.out = u.out[:0]
	for ; u.number+1 < line.number; u.number++ {
		u.out = append(u.out, '\n')
	}
	if line.flaw != "" {
		u.out = append(append(u.out, 0), '\n') // rejected as what it is: no text
		u.number++
		return
	}
	text, more, ok := u.unwrap([]byte(line.text))
	if !ok || line.open && len(text) == 0 {
		text, more = []byte(line.text), false
	}
	if u.piece = append(u.piece, text...); more && len(u.piece) <= maxLine {
		u.out = append(u.out, '\n')
		u.number++
		return
	}
	if u.out = append(u.out, u.piece...); !line.open { // else it may be half-written
		u.out = append(u.out, '\n')
	}
	u.number++
	u.piece = u.piece[:0]
}
