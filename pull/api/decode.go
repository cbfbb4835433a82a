package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// errNoList is what an answer with status 200 that lists nothing is.
var errNoList = errors.New("the answer is no list of recordings")

// decodeList reads a recording list: an array of objects, or an object of which one member is.
func (c *Client) decodeList(body []byte) ([]Recording, error) {
	var entries []map[string]json.RawMessage
	if err := json.Unmarshal(body, &entries); err != nil {
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil {
			return nil, errNoList
		}
		if entries, err = listWithin(object); err != nil {
			return nil, err
		}
	}
	list := make([]Recording, len(entries))
	for i, fields := range entries {
		if err := c.decodeRecording(&list[i], fields); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	return list, nil
}

// listWithin finds the one member of an object that is an array of objects.
func listWithin(object map[string]json.RawMessage) (found []map[string]json.RawMessage, err error) {
	n := 0
	for _, v := range object {
		var entries []map[string]json.RawMessage
		if bytes.HasPrefix(v, []byte("[")) && json.Unmarshal(v, &entries) == nil {
			found, n = entries, n+1
		}
	}
	if n != 1 {
		return nil, errNoList
	}
	return found, nil
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
