package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errNoList is what an answer with status 200 that lists nothing is.
var errNoList = errors.New("the answer is no list of recordings")

// decodeList reads a recording list: an array of objects, or an object of which one member is. It
// calls f with each entry.
func (c *Client) decodeList(body io.Reader, f func(Recording) error) error {
	in := &io.LimitedReader{R: body, N: maxAnswer + 1}
	l := listDecoder{Decoder: json.NewDecoder(in)}
	l.entry = func(fields map[string]json.RawMessage) error {
		var r Recording
		if err := c.decodeRecording(&r, fields); err != nil {
			return fmt.Errorf("entry %d: %w", l.entries, err)
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
	}
	return err
}

// listDecoder reads the one array of objects that an answer is, or of which it holds one.
type listDecoder struct {
	*json.Decoder
	entry   func(fields map[string]json.RawMessage) error
	entries int // that were given to entry
	lists   int // that were found
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
		_, err := l.Token() // the name
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
		}
		if err != nil {
			return err
		}
	}
	_, err := l.Token() // the end
	return err
}

// list reads an array from its first entry on. One whose first entry is no object is none of
// recordings.
func (l *listDecoder) list() error {
	for first := true; l.More(); first = false {
		var raw json.RawMessage
		if err := l.Decode(&raw); err != nil {
			return err
		}
		if raw[0] != '{' {
			if !first {
				return errNoList
			}
			return l.skip()
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return err
		}
		l.entries++
		if err := l.entry(fields); err != nil {
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

func (c *Client) decodeRecording(r *Recording, fields map[string]json.RawMessage) error {
	rule := c.policy.Listing
	if err := json.Unmarshal(fields[rule.Key], &r.Key); err != nil || r.Key == "" {
		return fmt.Errorf("%s is missing", rule.Key)
	}
	start, ok := number(fields[rule.Start])
	if !ok {
		return fmt.Errorf("%s is not a number of milliseconds since 1970", rule.Start)
	}
	r.Start = time.UnixMilli(start).UTC()
	if n, ok := number(fields[rule.Duration]); ok {
		r.Duration = time.Duration(n) * time.Millisecond
	}
	if n, ok := number(fields[rule.Size]); ok {
		r.Size = max(n, 0)
	}
	r.Fields = fields
	return nil
}

// number reads a JSON number, or a string that holds one.
func number(v json.RawMessage) (int64, bool) {
	s := strings.Trim(string(v), `"`)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f < -1<<53 || f > 1<<53 {
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
	if resp.StatusCode != http.StatusPartialContent {
		return a, nil
	}
	var first, last int64
	var total string
	_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total)
	if err != nil || first > last {
		return nil, errors.New("a 206 without a Content-Range that can be read")
	}
	a.Offset, a.Total = first, -1
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		a.Total = n
	}
	return a, nil
}
