package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/limits"
)

const (
	// maxAnswer bounds the bytes of an answer that is read into memory: a list or a report.
	maxAnswer = 256 << 20
	// maxRefusal is how much of a refusal's body is read before it is closed, so that its connection
	// can be used again. Nothing of it is kept.
	maxRefusal = 64 << 10
)

// Retries bound how often one request is sent again, by the role of the answer before.
type Retries struct {
	// RateLimited, Unavailable, ServerError and NoAnswer are how often it is sent again after such
	// an answer, or after none.
	RateLimited, Unavailable, ServerError, NoAnswer int
	// Deferred is how often a report, or a recording, that was put off is asked for again.
	Deferred int
	// Pause is the wait before the first repeat that no answer and no policy sets; it doubles.
	Pause time.Duration
	// MaxWait is the longest that one answer may make the request wait: a Retry-After beyond it ends
	// the request.
	MaxWait time.Duration
}

// DefaultRetries repeat a refusal for frequency eight times, an unavailable service six times,
// and a failure at the server once: the audit calls a request that failed three times persistent.
var DefaultRetries = Retries{
	RateLimited: 8, Unavailable: 6, ServerError: 1, NoAnswer: 3, Deferred: 20,
	Pause: 1500 * time.Millisecond, MaxWait: 15 * time.Minute,
}

// Error is an answer that ended a request.
type Error struct {
	// Status is the answer's, Role what the policy says of it; "" where it does not list the status.
	Status int
	Role   limits.Role
	// RetryAfter is the answer's own, 0 without one.
	RetryAfter time.Duration
	// Advice is what the policy says to do.
	Advice string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("answered %d", e.Status)
	if name := http.StatusText(e.Status); name != "" {
		s += " " + name
	}
	return s
}

// request is one call, which may take several attempts.
type request struct {
	class, method, path string
	header              http.Header
	body                []byte
	once                bool // never repeated
}

func (r *request) setBody(v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write %s body: %w", r.class, err)
	}
	r.body = body
	return nil
}

// read sends a request and reads its whole answer.
func (c *Client) read(ctx context.Context, r request) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("read answer: it is longer than %d MiB", maxAnswer>>20)
	}
	return body, nil
}

// send makes attempts until one is answered well, or no repeat can help.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var tries tries
	for {
		if err := c.pace(ctx, r.class); err != nil {
			return nil, err
		}
		resp, err := c.attempt(ctx, r)
		if err != nil {
			if r.once || ctx.Err() != nil || errors.Is(err, errRedirect) ||
				!tries.again("", c.retries.NoAnswer) {
				return nil, err
			}
			if err := c.sleep(ctx, jittered(c.retries.Pause<<min(tries.run-1, 10))); err != nil {
				return nil, err
			}
			continue
		}
		role := c.policy.Role(resp.StatusCode)
		if role == limits.RoleOK || role == "" && resp.StatusCode == http.StatusPartialContent {
			return resp, nil
		}
		refusal := c.refusal(resp, role)
		wait, ok := c.wait(refusal, r, &tries)
		if !ok {
			return nil, refusal
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, errors.Join(refusal, err)
		}
	}
}

// tries counts the repeats of one request, by the role of what made them necessary.
type tries struct {
	count map[limits.Role]int
	last  limits.Role
	run   int // consecutive answers of the last role
}

// again counts an answer of a role, and says whether it allows one more attempt.
func (t *tries) again(role limits.Role, most int) bool {
	if t.count == nil {
		t.count = map[limits.Role]int{}
	}
	if t.run == 0 || role != t.last {
		t.last, t.run = role, 0
	}
	t.run++
	t.count[role]++
	return t.count[role] <= most
}

// wait is how long to wait before the next attempt; ok is false where there is to be none.
func (c *Client) wait(e *Error, r request, t *tries) (d time.Duration, ok bool) {
	if r.once {
		return 0, false
	}
	least := c.retries.Pause
	switch e.Role {
	case limits.RoleRateLimited:
		ok = t.again(e.Role, c.retries.RateLimited)
		if r.class == c.policy.Frequency.Class {
			least = max(least, c.policy.Frequency.MinInterval)
		}
	case limits.RoleUnavailable:
		ok = t.again(e.Role, c.retries.Unavailable)
	case limits.RoleServerError:
		ok = t.again(e.Role, c.retries.ServerError)
	case limits.RoleDeferred:
		ok = t.again(e.Role, c.retries.Deferred)
	}
	if !ok || e.RetryAfter > c.retries.MaxWait {
		return 0, false
	}
	d = least << min(t.run-1, 10)
	if most := c.policy.Frequency.BackoffMax; most > 0 {
		d = min(d, most)
	}
	return jittered(max(d, e.RetryAfter)), true
}

// jittered adds up to half of d, so that programs that failed together do not come back
// together. It takes nothing away: d is what the vendor or the policy asks for.
func jittered(d time.Duration) time.Duration {
	return d + rand.N(d/2+time.Millisecond)
}

// margin is added to the policy's interval: at exactly 3 s, one request in two arrived too early
// at a real limiter, at 3.05 s none.
func margin(interval time.Duration) time.Duration { return interval / 60 }

// pace waits until the interval since the last request for recordings has passed.
func (c *Client) pace(ctx context.Context, class string) error {
	interval := c.policy.Frequency.MinInterval
	if class != classList && class != classAudio || interval <= 0 {
		return nil
	}
	c.mu.Lock()
	now := c.now()
	at := c.next
	if at.Before(now) {
		at = now
	}
	c.next = at.Add(interval + margin(interval))
	c.mu.Unlock()
	if wait := at.Sub(now); wait > 0 {
		return c.sleep(ctx, wait)
	}
	return nil
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	ctx, watch := watchFor(ctx, c.silence)
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		watch.end()
		return nil, errors.New("make request: the host or path is not valid")
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token) // follow drops it at another host
	}
	watch.start()
	resp, err := c.http.Do(req)
	watch.stop()
	if err != nil {
		defer watch.end()
		return nil, plainFailure(ctx, err)
	}
	resp.Body = &watchedBody{resp.Body, watch}
	return resp, nil
}

// refusal closes an answer that is none, so that its connection and its row are done.
func (c *Client) refusal(resp *http.Response, role limits.Role) *Error {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
	resp.Body.Close()
	st, _ := c.policy.Status(resp.StatusCode, resp.Request.Method)
	return &Error{
		Status: resp.StatusCode, Role: role, Advice: st.Advice,
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), c.now()),
	}
}

// retryAfter reads a Retry-After: seconds, also with a fraction, or a date. 0 means none.
func retryAfter(s string, now time.Time) time.Duration {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 && n < 1e9 {
		return time.Duration(n * float64(time.Second))
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
