package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A length or a size beyond these makes no sense, and counts as not said: sums of them would
// overflow.
const (
	maxLength = 366 * 24 * time.Hour
	maxSize   = 1 << 40
)

// The names of members beside a list, in small letters and without underlines, that say of one page
// how many entries there are in all, and that there are more. The vendor's guide knows no pages:
// one that comes all the same must not be taken for the whole list.
var (
	totals = []string{
		"total", "totalcount", "totalelements", "totalitems", "totalrecords", "totalresults",
	}
	nexts = []string{
		"next", "nextpage", "nextlink", "nexttoken", "nextpagetoken", "nextcursor", "hasmore", "hasnext",
	}
)

// errNoList is what an answer with status 200 that lists nothing is.
var errNoList = errors.New("the answer is no list of recordings")

// decodeList reads a recording list: an array of objects, or an object of which one member is. It
// calls f with each entry.
func (c *Client) decodeList(body io.Reader, f func(Recording) error) error {
	in := &io.LimitedReader{R: body, N: maxAnswer + 1}
	l := listDecoder{Decoder: json.NewDecoder(in)}
	l.entry = func(raw json.RawMessage) error {
		r, err := c.decodeRecording(raw)
		if err != nil {
			l.bad = append(l.bad, fmt.Errorf("entry %d: %w", l.entries, err))
			return nil
		}
		return f(r)
	}
	err := l.answer()
	var syntax *json.SyntaxError
	switch {
	case in.N <= 0:
		return fmt.Errorf("read answer: it is longer than %d MiB", maxAnswer>>20)
	case errors.As(err, &syntax), errors.Is(err, io.EOF):
		return errNoList
	case err == nil && l.total > l.entries:
		return fmt.Errorf("the answer holds %d recordings, and says that there are %d", l.entries, l.total)
	case err == nil && l.more:
		return fmt.Errorf("the answer holds %d recordings, and says that there are more", l.entries)
	case err == nil && len(l.bad) > 0:
		return fmt.Errorf("%d of %d entries cannot be read, the first: %w", len(l.bad), l.entries, l.bad[0])
	}
	return err
}

// listDecoder reads the one array of objects that an answer is, or of which it holds one.
type listDecoder struct {
	*json.Decoder
	entry   func(json.RawMessage) error
	entries int     // that were given to entry
	bad     []error // why entries could not be read
	total   int     // how many there are, as a member beside the list says
	more    bool    // a member beside it says that there are more
	lists   int     // that were found
}

func (l *listDecoder) answer() error {
	t, err := l.Token()
	switch {
	case err != nil:
		return err
	case t == json.Delim('['):
		err = l.list()
	case t == json.Delim('{'):
		err = l.members()
	}
	if err != nil {
		return err
	}
	if _, err := l.Token(); err != io.EOF || l.lists != 1 {
		return errNoList
	}
	return nil
}

// members looks for the list among the members of an object.
func (l *listDecoder) members() error {
	for l.More() {
		name, err := l.Token()
		if err != nil {
			return err
		}
		t, err := l.Token()
		switch {
		case err != nil:
		case t == json.Delim('['):
			err = l.list()
		case t == json.Delim('{'):
			err = l.skip()
		default:
			l.beside(fmt.Sprint(name), t)
		}
		if err != nil {
			return err
		}
	}
	_, err := l.Token() // the end
	return err
}

// beside notes what a member beside the list says of how many entries there are in all.
func (l *listDecoder) beside(name string, value json.Token) {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	number, _ := value.(float64)
	if slices.Contains(totals, name) {
		l.total = max(l.total, int(min(number, maxSize)))
	}
	if slices.Contains(nexts, name) {
		l.more = l.more || !slices.Contains([]json.Token{nil, "", false, 0.0}, value)
	}
}

// list reads an array from its first entry on. One whose first entry is no object is none of
// recordings.
func (l *listDecoder) list() error {
	for first := true; l.More(); first = false {
		var raw json.RawMessage
		if err := l.Decode(&raw); err != nil {
			return err
		}
		if first && raw[0] != '{' {
			return l.skip()
		}
		l.entries++
		if err := l.entry(raw); err != nil {
			return err
		}
	}
	l.lists++
	_, err := l.Token() // the end
	return err
}

// skip reads to the end of the array or object that it is in.
func (l *listDecoder) skip() error {
	for depth := 1; depth > 0; {
		t, err := l.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

func (c *Client) decodeRecording(entry json.RawMessage) (r Recording, err error) {
	rule := c.policy.Listing
	var fields map[string]json.RawMessage
	if json.Unmarshal(entry, &fields) != nil {
		return r, errors.New("it is no object")
	}
	if err := json.Unmarshal(fields[rule.Key], &r.Key); err != nil || r.Key == "" {
		return r, fmt.Errorf("%s is missing", rule.Key)
	}
	start, ok := number(fields[rule.Start])
	if !ok {
		return r, fmt.Errorf("%s is not a number of milliseconds since 1970", rule.Start)
	}
	r.Start = time.UnixMilli(start).UTC()
	if n, ok := number(fields[rule.Duration]); ok && n > 0 && n <= maxLength.Milliseconds() {
		r.Duration = time.Duration(n) * time.Millisecond
	}
	if n, ok := number(fields[rule.Size]); ok && n > 0 && n <= maxSize {
		r.Size = n
	}
	r.Fields = fields
	return r, nil
}

// number reads a JSON number, or a string that holds one.
func number(v json.RawMessage) (int64, bool) {
	s := strings.Trim(string(v), `"`)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f >= -1<<53 && f <= 1<<53) { // NaN is neither
			return 0, false
		}
		n = int64(f)
	}
	return n, true
}

// newAudio reads what an answer's header says of the recording.
func newAudio(resp *http.Response, base string) (*Audio, error) {
	a := &Audio{Status: resp.StatusCode, Total: resp.ContentLength, Body: resp.Body}
	a.Type, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if u, err := url.Parse(base); err == nil && resp.Request != nil &&
		resp.Request.URL.Host != u.Host {
		a.Redirected = resp.Request.URL.Host
	}
	if packed := resp.Header.Get("Content-Encoding"); packed != "" && packed != "identity" {
		return nil, errors.New("the audio came packed, which was not asked for")
	}
	if resp.StatusCode != http.StatusPartialContent {
		return a, nil
	}
	var last int64
	var total string
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &a.Offset, &last, &total)
	if err != nil || a.Offset < 0 || a.Offset > last {
		return nil, errors.New("a 206 without a Content-Range that can be read")
	}
	if a.Total = -1; total != "*" {
		if a.Total, err = strconv.ParseInt(total, 10, 64); err != nil || a.Total <= last {
			return nil, errors.New("a 206 whose Content-Range makes no sense")
		}
	}
	return a, nil
}
