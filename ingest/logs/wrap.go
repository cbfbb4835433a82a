package logs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"regexp"
)

// What collects the lines of programs puts something around each: Docker's json-file driver and
// journald a JSON object, the CRI of Kubernetes, syslog and "docker compose logs" a prefix. The
// runtimes of containers also cut long lines into pieces. Here the lines are put together again;
// line numbers stay, since a blank line takes the place of each piece but the last.

// unwrap takes the wrapping off one line; ok is false where there is none of its kind.
type unwrap func(line []byte) (w wrapped, ok bool)

// wrapped is what was inside. The text has no line end; more says that the line goes on in the next
// one of the same stream.
type wrapped struct {
	text   []byte
	stream string
	more   bool
}

var criLine = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP])(?::\S*)? `)

// syslogLine fits what syslog puts in front by RFC 3164, by RFC 5424, and as rsyslog writes it into
// files. The last needs the program's name with a colon, to be none of the names that an access log
// begins with.
var syslogLine = regexp.MustCompile(`^(?:` +
	`<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) ?(?:\x{feff})?|` +
	`(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d(?:\.\d+)? (?:\S+ )?[A-Za-z_][\w./@-]*(?:\[\d+\])?: |` +
	`(?:<\d{1,3}>)?\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) \S+ [A-Za-z_][\w./@-]*(?:\[\d+\])?: )`)

// collectedLine fits what "docker compose logs" and "kubectl logs --prefix" put in front.
var collectedLine = regexp.MustCompile(
	`^(?:[\w.-]+ +\| |\[pod/[\w./-]+\] )(?:\d{4}-\d\d-\d\dT[0-9:.]+Z )?`)

// wrapperOf says how the first lines of a file are wrapped; nil for a plain file. Where a mapping
// says what the members of JSON mean, an object with a line of a log in it is a record.
func wrapperOf(head []byte, whole, mapped bool) unwrap {
	kinds := []unwrap{unwrapDocker, unwrapCRI, unwrapSyslog, unwrapCollected}
	if !mapped {
		kinds = append(kinds, unwrapObject)
	}
	for _, line := range firstLines(head, whole) {
		for _, u := range kinds {
			if _, ok := u([]byte(line)); ok {
				return u
			}
		}
	}
	return nil
}

func unwrapDocker(line []byte) (w wrapped, ok bool) {
	if !bytes.HasPrefix(line, []byte("{")) || !bytes.Contains(line, []byte(`"log"`)) {
		return w, false
	}
	var record struct {
		Log    *string
		Stream string
		Time   string
	}
	if json.Unmarshal(line, &record) != nil || record.Log == nil || record.Time == "" {
		return w, false
	}
	text, ended := bytes.CutSuffix([]byte(*record.Log), []byte("\n"))
	return wrapped{text, record.Stream, !ended}, true
}

func unwrapCRI(line []byte) (w wrapped, ok bool) {
	m := criLine.FindSubmatch(line)
	if m == nil {
		return w, false
	}
	return wrapped{line[len(m[0]):], string(m[1]), string(m[2]) == "P"}, true
}

func unwrapSyslog(line []byte) (w wrapped, ok bool) {
	prefix := syslogLine.Find(line)
	return wrapped{text: line[len(prefix):]}, prefix != nil
}

func unwrapCollected(line []byte) (w wrapped, ok bool) {
	prefix := collectedLine.Find(line)
	w.text = line[len(prefix):]
	return w, prefix != nil && isLogLine(w.text)
}

// unwrapObject finds the line in an object of journald, Loki or CloudWatch.
func unwrapObject(line []byte) (w wrapped, ok bool) {
	if !bytes.HasPrefix(line, []byte("{")) {
		return w, false
	}
	var record struct {
		Message, Line string // MESSAGE too, since names are compared without regard to case
		Log           string
	}
	if json.Unmarshal(line, &record) != nil {
		return w, false
	}
	for _, text := range []string{record.Message, record.Line, record.Log} {
		if w.text = bytes.TrimRight([]byte(text), "\r\n"); isLogLine(w.text) {
			return w, bytes.IndexByte(w.text, '\n') < 0
		}
	}
	return w, false
}

// isLogLine says whether a text is a line of an access log or an object.
func isLogLine(text []byte) bool {
	if bytes.HasPrefix(text, []byte("{")) {
		return json.Valid(text)
	}
	c, reason := scanCombined(string(text))
	_, _, ok := parseLogTime(c.time)
	return ok && reason == ""
}

// unwrapped is b without the wrapping of its lines, and the beginning of that.
func unwrapped(b *bufio.Reader, u unwrap) (plain *bufio.Reader, head []byte, err error) {
	lines := &unwrapper{lines: newLineReader(b), unwrap: u, pieces: map[string][]byte{}}
	plain = bufio.NewReaderSize(lines, peekSize)
	head, err = plain.Peek(peekSize)
	return plain, head, err
}

// unwrapper reads as the lines without their wrapping. A line that is not wrapped is passed on as
// it is, for the parser to reject it.
type unwrapper struct {
	lines  *lineReader
	unwrap unwrap
	number int64 // of the last line that was passed on
	// pieces are of lines that go on, by stream.
	pieces map[string][]byte
	out    []byte
}

func (u *unwrapper) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		line, ok := u.lines.next()
		if !ok {
			if u.unfinished() {
				break
			}
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

// unfinished passes on the pieces whose line never ended, each as a line; the last has no line end.
func (u *unwrapper) unfinished() bool {
	u.out = u.out[:0]
	for stream, piece := range u.pieces {
		if len(u.out) > 0 {
			u.out = append(u.out, '\n')
		}
		u.out = append(u.out, piece...)
		delete(u.pieces, stream)
	}
	return len(u.out) > 0
}

// take unwraps one line into out.
func (u *unwrapper) take(line textLine) {
	u.out = u.out[:0]
	for ; u.number+1 < line.number; u.number++ {
		u.out = append(u.out, '\n')
	}
	u.number++
	if line.flaw != "" {
		u.out = append(u.out, "?\x00\n"...) // rejected as what it is: no text
		return
	}
	w, ok := u.unwrap([]byte(line.text))
	if !ok || line.open && len(w.text) == 0 {
		w = wrapped{text: []byte(line.text)}
	}
	text := w.text
	if piece, goesOn := u.pieces[w.stream]; goesOn || w.more {
		text = append(piece, text...)
	}
	if w.more && len(text) <= maxLine {
		u.pieces[w.stream] = text
		u.out = append(u.out, '\n')
		return
	}
	delete(u.pieces, w.stream)
	if u.out = append(u.out, text...); !line.open { // else it may be half-written
		u.out = append(u.out, '\n')
	}
}
