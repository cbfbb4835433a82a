package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/limits"
)

// The classes of the documented endpoints, as the policy's routes name them.
const (
	classList     = "recording_list"
	classAudio    = "recording_audio"
	classReport   = "historical_report"
	classDial     = "click_to_dial"
	classCallback = "callback"
)

// Client calls the endpoints of one tenant. It may be used by several goroutines.
type Client struct {
	http    *http.Client
	policy  *limits.Policy
	base    string // scheme and host, without a slash at the end
	token   string
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
	retries Retries
	silence time.Duration

	mu   sync.Mutex
	next time.Time // when the next request for recordings may start
}

// Option changes what New makes.
type Option func(*Client)

// WithTransport sets what sends the requests, most often an *ingest.Transport. By default,
// http.DefaultTransport, which records nothing.
func WithTransport(rt http.RoundTripper) Option {
	return func(c *Client) { c.http.Transport = rt }
}

// WithPolicy sets the vendor's rules. By default, the built-in "xima".
func WithPolicy(p *limits.Policy) Option { return func(c *Client) { c.policy = p } }

// WithBase sends requests to another scheme and host than the policy's, such as
// "http://127.0.0.1:8480/t/acme". By default, https and the policy's first host pattern.
func WithBase(base string) Option {
	return func(c *Client) { c.base = strings.TrimRight(base, "/") }
}

// WithClock sets the clock and what waits on it. By default, the machine's.
func WithClock(now func() time.Time, sleep func(context.Context, time.Duration) error) Option {
	return func(c *Client) { c.now, c.sleep = now, sleep }
}

// WithRetries bounds how often a request is repeated. By default, DefaultRetries.
func WithRetries(r Retries) Option { return func(c *Client) { c.retries = r } }

// WithSilence sets how long the vendor may send nothing, or next to nothing, before a request has
// failed; 0 means for ever. By default, DefaultSilence.
func WithSilence(d time.Duration) Option { return func(c *Client) { c.silence = d } }

// New makes a client of one tenant; token is the Service User's, "" sends none. It fails where the
// tenant's name fits no host pattern of the policy and WithBase does not say where to go, and where
// the token cannot stand in a header.
func New(tenant, token string, opts ...Option) (*Client, error) {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New(
			"the token has a blank, a line break or another character that no token has")
	}
	c := &Client{
		http: &http.Client{CheckRedirect: follow}, token: token, now: time.Now, sleep: sleep,
		retries: DefaultRetries, silence: DefaultSilence,
	}
	for _, o := range opts {
		o(c)
	}
	if c.policy == nil {
		p, err := limits.Builtin("xima")
		if err != nil {
			return nil, err
		}
		c.policy = p
	}
	if c.base == "" {
		host, ok := c.policy.Host(tenant)
		if !ok {
			return nil, fmt.Errorf("find the host of tenant %q: no pattern of policy %s fits it",
				tenant, c.policy.Name)
		}
		c.base = "https://" + host
	}
	return c, nil
}

// Recording is one entry of the vendor's recording list.
type Recording struct {
	// Key names the recording in all other requests.
	Key string
	// Start is when it began, in UTC; Duration its length, 0 if the list does not say.
	Start    time.Time
	Duration time.Duration
	// Size is its size in bytes, 0 if the list does not say.
	Size int64
	// Fields are all members of the entry as the vendor wrote them, personal data included.
	Fields map[string]json.RawMessage
}

// Recordings lists the recordings that began in [from, to). The order is the vendor's. It fails
// where the answer is no list of recordings: a wrong list is worse than none.
func (c *Client) Recordings(ctx context.Context, from, to time.Time) ([]Recording, error) {
	list := []Recording{}
	err := c.EachRecording(ctx, from, to, func(r Recording) error {
		list = append(list, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// EachRecording calls f with each recording of the list, as it is read: a list of any length takes
// the memory of one entry. Where it fails, the recordings before are no complete list; an entry
// that cannot be read is an error only after f was called with all others. An error of f ends it,
// and is returned.
func (c *Client) EachRecording(
	ctx context.Context, from, to time.Time, f func(Recording) error,
) error {
	path, err := c.path(classList)
	if err != nil {
		return err
	}
	names := c.query(classList)
	if len(names) != 2 {
		return fmt.Errorf(
			"list recordings: policy %s does not name the two query values of class %s", c.policy.Name,
			classList)
	}
	q := url.Values{
		names[0]: {from.UTC().Format(time.RFC3339)}, names[1]: {to.UTC().Format(time.RFC3339)},
	}
	resp, err := c.send(ctx,
		request{class: classList, method: http.MethodGet, path: path + "?" + q.Encode()})
	if err != nil {
		return fmt.Errorf("list recordings: %w", err)
	}
	defer resp.Body.Close()
	if err := c.decodeList(resp.Body, f); err != nil {
		return fmt.Errorf("list recordings: %w", err)
	}
	return nil
}

// Audio is a recording's answer, whose Body the caller reads and closes.
type Audio struct {
	// Status is 200 for the whole recording, 206 for what follows the offset.
	Status int
	// Offset is where in the recording Body begins, Total the recording's size in bytes; -1: not said.
	Offset, Total int64
	// Type is the answer's media type without parameters, in small letters.
	Type string
	Body io.ReadCloser
	// Redirected is the other host that the body came from, "" for the vendor's own.
	Redirected string
}

// Audio asks for a recording's bytes from an offset on. The answer is not read: a body that breaks
// off is the caller's matter. It follows redirects to a storage host, without the token.
func (c *Client) Audio(ctx context.Context, key string, offset int64) (*Audio, error) {
	path, err := c.path(classAudio, key)
	if err != nil {
		return nil, err
	}
	r := request{class: classAudio, method: http.MethodGet, path: path}
	if offset > 0 {
		r.header = http.Header{"Range": {fmt.Sprintf("bytes=%d-", offset)}}
	}
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("download recording: %w", err)
	}
	a, err := newAudio(resp, c.base)
	if err != nil {
		resp.Body.Close()
		return nil, fmt.Errorf("download recording: %w", err)
	}
	return a, nil
}

// Parameter is one parameter of a historical report.
type Parameter struct {
	Name      string `json:"name"`
	ValueType string `json:"valueType"`
	Value     string `json:"value"`
}

// Report runs a historical report and gives its answer in the named format, such as "json". A
// report that the vendor has put off (202) is asked for again, with the same parameters, until it
// is there, the policy of retries is used up or ctx ends.
func (c *Client) Report(
	ctx context.Context, id, format string, parameters ...Parameter,
) ([]byte, error) {
	path, err := c.path(classReport, id)
	if err != nil {
		return nil, err
	}
	if parameters == nil {
		parameters = []Parameter{}
	}
	r := request{class: classReport, method: http.MethodPost, path: path}
	err = r.setBody(struct {
		Format     string      `json:"format"`
		Parameters []Parameter `json:"parameters"`
	}{format, parameters})
	if err != nil {
		return nil, err
	}
	body, err := c.read(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("run report %s: %w", id, err)
	}
	return body, nil
}

// Dial says whom an agent's telephone calls.
type Dial struct {
	NumberToDial     string `json:"numberToDial"`
	OutboundCallerID string `json:"outboundCallerId,omitempty"`
	ExternalPrefix   string `json:"externalPrefix,omitempty"`
}

// ClickToDial makes the telephone of an agent's extension call a number. It is never repeated: a
// second request would dial twice.
func (c *Client) ClickToDial(ctx context.Context, extension string, d Dial) error {
	path, err := c.path(classDial, extension)
	if err != nil {
		return err
	}
	return c.act(ctx, "click to dial", request{class: classDial, method: http.MethodPost, path: path},
		d)
}

// Callback schedules a callback. Its path is not published: path is the vendor's for this
// account, and body what it wants there, encoded as JSON. It is never repeated.
func (c *Client) Callback(ctx context.Context, path string, body any) error {
	if !strings.HasPrefix(path, "/") {
		return errors.New("schedule callback: the path must begin with a slash")
	}
	r := request{class: classCallback, method: http.MethodPost, path: path}
	return c.act(ctx, "schedule callback", r, body)
}

func (c *Client) act(ctx context.Context, what string, r request, body any) error {
	if err := r.setBody(body); err != nil {
		return err
	}
	r.once = true
	_, err := c.read(ctx, r)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// path is that of the policy's first route of a class, with values in place of its placeholders.
func (c *Client) path(class string, values ...string) (string, error) {
	for _, r := range c.policy.Routes {
		if r.Class == class {
			return fill(r.Path, values)
		}
	}
	return "", fmt.Errorf("policy %s has no route of class %s", c.policy.Name, class)
}

func (c *Client) query(class string) []string {
	for _, r := range c.policy.Routes {
		if r.Class == class {
			return r.Query
		}
	}
	return nil
}

// fill puts values in place of a template's placeholders, escaped as one segment each.
func fill(template string, values []string) (string, error) {
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		if len(values) == 0 || values[0] == "" || values[0] == "." || values[0] == ".." {
			return "", fmt.Errorf("fill %s of %s: no value", s, template)
		}
		segments[i], values = url.PathEscape(values[0]), values[1:]
	}
	return strings.Join(segments, "/"), nil
}
