package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/limits"
)

// answer is one answer of a scripted server.
type answer struct {
	status int
	header map[string]string
	body   string
}

// script serves answers in order, the last one for ever, and keeps the requests.
type script struct {
	answers  []answer
	requests []*http.Request
	bodies   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a := s.answers[min(len(s.requests), len(s.answers)-1)]
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
	for name, v := range a.header {
		w.Header().Set(name, v)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// fake is a clock that moves only when somebody waits, and the waits.
type fake struct {
	now   time.Time
	waits []time.Duration
}

func (f *fake) Now() time.Time { return f.now }

func (f *fake) Sleep(ctx context.Context, d time.Duration) error {
	f.now = f.now.Add(d)
	f.waits = append(f.waits, d)
	return ctx.Err()
}

func newClient(t *testing.T, s *script, opts ...Option) (*Client, *fake) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	f := &fake{now: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)}
	opts = append([]Option{WithBase(server.URL), WithClock(f.Now, f.Sleep)}, opts...)
	c, err := New("acme", "secret-token", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c, f
}

const key = "0f8fad5b-d9cb-469f-a165-70867728950e-1795400000000"

// What each answer leads to: how many requests, and how long the wait before the second was at
// least.
func TestRetriesFollowTheRoles(t *testing.T) {
	for _, c := range []struct {
		name     string
		first    answer
		requests int
		least    time.Duration
		role     limits.Role
	}{
		{"too often", answer{status: 429}, 1 + DefaultRetries.RateLimited, 3 * time.Second, limits.RoleRateLimited},
		{"too often, told", answer{429, map[string]string{"Retry-After": "7.5"}, ""}, 9, 7500 * time.Millisecond, limits.RoleRateLimited},
		{"not now", answer{status: 503}, 1 + DefaultRetries.Unavailable, time.Second, limits.RoleUnavailable},
		{"not now, for long", answer{503, map[string]string{"Retry-After": "7200"}, ""}, 1, 0, limits.RoleUnavailable},
		{"failed", answer{status: 500}, 2, time.Second, limits.RoleServerError},
		{"put off", answer{status: 202}, 1 + DefaultRetries.Deferred, time.Second, limits.RoleDeferred},
		{"wrong", answer{status: 400}, 1, 0, limits.RoleBadRequest},
		{"gone", answer{status: 404}, 1, 0, limits.RoleBadRequest},
		{"token", answer{status: 401}, 1, 0, limits.RoleAuth},
		{"rights", answer{status: 403}, 1, 0, limits.RoleAuth},
		{"too much", answer{status: 509}, 1, 0, limits.RoleEgressCap},
		{"unknown", answer{status: 418}, 1, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answers: []answer{c.first}}
			client, clock := newClient(t, s)
			start := clock.now
			_, err := client.Audio(t.Context(), key, 0)
			var e *Error
			if !errors.As(err, &e) || e.Status != c.first.status || e.Role != c.role {
				t.Fatalf("error %v", err)
			}
			if len(s.requests) != c.requests {
				t.Errorf("%d requests, want %d", len(s.requests), c.requests)
			}
			if c.requests > 1 && (len(clock.waits) == 0 || clock.waits[0] < c.least) {
				t.Errorf("waits %v from %v, want at least %v first", clock.waits, start, c.least)
			}
		})
	}
}

func TestRetriesAreTheCallers(t *testing.T) {
	s := &script{answers: []answer{{status: 429}}}
	client, _ := newClient(t, s, WithRetries(Retries{RateLimited: 2, MaxWait: time.Minute}))
	if _, err := client.Audio(t.Context(), key, 0); err == nil || len(s.requests) != 3 {
		t.Errorf("%d requests, error %v", len(s.requests), err)
	}
}

// The n-th consecutive refusal is followed by the wait that the audit's rule no-backoff asks for.
func TestBackoffDoublesUpToAMinute(t *testing.T) {
	s := &script{answers: []answer{{status: 429}}}
	client, clock := newClient(t, s)
	_, _ = client.Audio(t.Context(), key, 0)
	want := 3 * time.Second
	for i, wait := range clock.waits {
		if wait <= margin(3*time.Second) {
			continue // what the first wait, by its jitter, left of the interval
		}
		if wait < want {
			t.Errorf("wait %d was %v, want at least %v", i+1, wait, want)
		}
		want = min(2*want, time.Minute)
	}
}

func TestRecordingRequestsKeepTheInterval(t *testing.T) {
	s := &script{answers: []answer{{200, nil, "[]"}}}
	client, clock := newClient(t, s)
	start := clock.now
	for range 3 {
		if _, err := client.Recordings(t.Context(), start, start.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if got := clock.now.Sub(start); got < 6*time.Second+2*50*time.Millisecond {
		t.Errorf("three lists took %v", got)
	}
}

func TestRecordings(t *testing.T) {
	entry := `{"recordingKey":"` + key + `","startTime":1795400000000,"duration":3606,"size":9111,"agent":"x"}`
	for _, body := range []string{
		"[" + entry + "]",
		`{"total":1,"recordings":[` + entry + `]}`,
		`{"page":{"of":[{"a":[1,{}]}]},"tags":["a",[2]],"recordings":[` + entry + `],"more":null}` + "\n",
	} {
		s := &script{answers: []answer{{200, nil, body}}}
		client, _ := newClient(t, s)
		from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
		list, err := client.Recordings(t.Context(), from, from.Add(24*time.Hour))
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		r := list[0]
		if r.Key != key || r.Size != 9111 || r.Duration != 3606*time.Millisecond || r.Start.UnixMilli() != 1795400000000 {
			t.Errorf("%+v", r)
		}
		want := "endTime=2026-11-24T00%3A00%3A00Z&startTime=2026-11-23T00%3A00%3A00Z"
		if got := s.requests[0].URL.RawQuery; got != want {
			t.Errorf("query %q, want %q", got, want)
		}
		if got := s.requests[0].Header.Get("Authorization"); got != "Bearer secret-token" {
			t.Errorf("authorization %q", got)
		}
	}
	for _, body := range []string{``, `{}`, `"sign in"`, `{"a":[{}],"b":[{}]}`, `[{"size":1}]`, `<html>`,
		`null`, `[` + entry, `[` + entry + `] x`, `[` + entry + `,1]`, `{"a":[],"b":[` + entry + `]}`, `{"a":[1]}`,
		`{"total":2,"list":[` + entry + `]}`, `{"list":[` + entry + `],"totalElements":2}`,
		`{"list":[` + entry + `],"next":"?page=2"}`, `{"has_more":true,"list":[` + entry + `]}`,
		`[{"recordingKey":"` + key + `","startTime":"NaN"}]`} {
		client, _ := newClient(t, &script{answers: []answer{{200, nil, body}}})
		if list, err := client.Recordings(t.Context(), time.Now(), time.Now()); err == nil {
			t.Errorf("%q is a list of %d", body, len(list))
		}
	}
}

func TestReportIsAskedForUntilItIsThere(t *testing.T) {
	s := &script{answers: []answer{{status: 202}, {status: 202}, {200, nil, `[{"calls":7}]`}}}
	client, _ := newClient(t, s)
	body, err := client.Report(t.Context(), "agent-summary", "json", Parameter{"startDate", "DATE", "2026-11-23"})
	if err != nil || string(body) != `[{"calls":7}]` {
		t.Fatalf("%q, %v", body, err)
	}
	want := `{"format":"json","parameters":[{"name":"startDate","valueType":"DATE","value":"2026-11-23"}]}`
	for i, b := range s.bodies {
		if b != want {
			t.Errorf("request %d has the body %s", i+1, b)
		}
	}
	if s.requests[0].URL.Path != "/rest/api/v1/historic-data/agent-summary" || len(s.requests) != 3 {
		t.Errorf("%d requests to %s", len(s.requests), s.requests[0].URL.Path)
	}
}

// A dial is never repeated, whatever came of it: the telephone may ring already.
func TestActionsAreMadeOnce(t *testing.T) {
	for _, status := range []int{503, 500, 429, 202} {
		s := &script{answers: []answer{{status: status}}}
		client, _ := newClient(t, s)
		if err := client.ClickToDial(t.Context(), "1001", Dial{NumberToDial: "+15550100001"}); err == nil {
			t.Errorf("%d is no error", status)
		}
		if len(s.requests) != 1 {
			t.Errorf("after a %d the telephone rang %d times", status, len(s.requests))
		}
	}
	s := &script{answers: []answer{{status: 204}}}
	client, _ := newClient(t, s)
	if err := client.ClickToDial(t.Context(), "1001", Dial{NumberToDial: "+15550100001"}); err != nil {
		t.Error(err)
	}
	if err := client.Callback(t.Context(), "/rest/api/v1/skills/Sales/callback", map[string]string{"n": "1"}); err != nil {
		t.Error(err)
	}
	if s.requests[0].URL.Path != "/rest/api/v1/agents/1001/click-to-dial" || s.bodies[1] != `{"n":"1"}` {
		t.Errorf("%s with %s", s.requests[0].URL.Path, s.bodies[1])
	}
}

func TestAudioOfARange(t *testing.T) {
	s := &script{answers: []answer{{206, map[string]string{"Content-Range": "bytes 4-9/10", "Content-Type": "audio/wav; x=1"}, "456789"}}}
	client, _ := newClient(t, s)
	a, err := client.Audio(t.Context(), key, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.Offset != 4 || a.Total != 10 || a.Type != "audio/wav" || s.requests[0].Header.Get("Range") != "bytes=4-" {
		t.Errorf("%+v", a)
	}
	s.answers[0].header["Content-Range"] = "bytes */10"
	if _, err := client.Audio(t.Context(), key, 4); err == nil {
		t.Error("a 206 without a range is no error")
	}
}

func TestARedirectTakesNoTokenAlong(t *testing.T) {
	var seen http.Header
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header
		io.WriteString(w, "\x00audio")
	}))
	t.Cleanup(other.Close)
	// Another name, and another port, of this machine.
	for _, host := range []string{"localhost", "127.0.0.1"} {
		location := strings.Replace(other.URL, "127.0.0.1", host, 1) + "/x?signature=s3cret"
		client, _ := newClient(t, &script{answers: []answer{{302, map[string]string{"Location": location}, ""}}})
		a, err := client.Audio(t.Context(), key, 0)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if seen.Get("Authorization") != "" || seen.Get("Referer") != "" {
			t.Errorf("%s was told %v", host, seen)
		}
		if !strings.HasPrefix(a.Redirected, host+":") || strings.Contains(a.Redirected, "s3cret") {
			t.Errorf("redirected to %q", a.Redirected)
		}
	}
	seen = nil
	client, _ := newClient(t, &script{answers: []answer{{307, map[string]string{"Location": other.URL}, ""}}})
	if err := client.ClickToDial(t.Context(), "100", Dial{NumberToDial: "+15550100"}); err == nil || seen != nil {
		t.Errorf("a number went to another host: %v, %v", seen, err)
	}
}

// Redirects that lead nowhere are not tried again, and their errors quote nothing of them.
func TestRedirectsThatLeadNowhere(t *testing.T) {
	for location, most := range map[string]int{
		"/rest/api/v2/recordings/" + key + "?signature=s3cret": maxRedirects + 1,
		"http://s3cret:s3cret@ho st/%zz?signature=s3cret":      1 + DefaultRetries.NoAnswer,
		"file:///s3cret": 1 + DefaultRetries.NoAnswer,
	} {
		s := &script{answers: []answer{{302, map[string]string{"Location": location}, ""}}}
		client, _ := newClient(t, s)
		_, err := client.Audio(t.Context(), key, 0)
		if err == nil || strings.Contains(err.Error(), "s3cret") || len(s.requests) > most {
			t.Errorf("%s: %d requests, %v", location, len(s.requests), err)
		}
	}
}

// The same of an answer that is none.
func TestErrorsQuoteNoAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(conn, "HTTP/1.1 +15550100 s3cret\r\n\r\n")
		conn.Close()
	}))
	t.Cleanup(server.Close)
	client, _ := newClient(t, &script{answers: []answer{{status: 200}}}, WithBase(server.URL))
	_, err := client.Audio(t.Context(), key, 0)
	if err == nil || strings.Contains(err.Error(), "5550100") || !strings.Contains(err.Error(), "no answer that can be read") {
		t.Errorf("%v", err)
	}
}

// A vendor that sends nothing, or a byte now and then, does not hold a pull up for ever.
func TestSilenceEnds(t *testing.T) {
	for _, header := range []bool{false, true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if header {
					io.WriteString(w, "x")
					w.(http.Flusher).Flush()
				}
				time.Sleep(time.Millisecond)
			}
		}))
		t.Cleanup(server.Close)
		client, _ := newClient(t, &script{answers: []answer{{status: 200}}}, WithBase(server.URL),
			WithSilence(50*time.Millisecond), WithRetries(Retries{}))
		a, err := client.Audio(t.Context(), key, 0)
		if header && err == nil {
			_, err = io.ReadAll(a.Body)
			a.Body.Close()
		}
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("header %v: %v", header, err)
		}
	}
}

// A reader that takes its time is no silence, and a body that comes is none either.
func TestSilenceIsTheVendors(t *testing.T) {
	client, _ := newClient(t, &script{answers: []answer{{200, nil, strings.Repeat("x", 1<<20)}}},
		WithSilence(time.Minute))
	a, err := client.Audio(t.Context(), key, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	w := a.Body.(*watchedBody).watch
	w.spent = 59 * time.Second // of waiting before
	if _, err := io.ReadFull(a.Body, make([]byte, leastBytes)); err != nil || w.spent != 0 {
		t.Errorf("waited for %v, %v", w.spent, err)
	}
	if w.timer.Stop() {
		t.Error("the time runs while nobody reads")
	}
}

func TestAudioThatCameOtherwise(t *testing.T) {
	for _, header := range []map[string]string{
		{"Content-Encoding": "br"}, // gzip is unpacked by net/http, unless it is told not to
		{"Content-Range": "bytes 5-2/10"}, {"Content-Range": "bytes 0-9/5"}, {"Content-Range": "bytes 0-9/x"},
	} {
		status := 206
		if header["Content-Encoding"] != "" {
			status = 200
		}
		client, _ := newClient(t, &script{answers: []answer{{status, header, "0123456789"}}})
		if a, err := client.Audio(t.Context(), key, 0); err == nil {
			t.Errorf("%v: %+v", header, a)
		}
	}
}

func TestTokensThatNoHeaderTakes(t *testing.T) {
	for _, token := range []string{"s3cret\n", "Bearer s3cret", "s3cret\u200b"} {
		if _, err := New("acme", token); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// An entry that cannot be read hides none of the others, and sizes that make no sense are none.
func TestRecordingsBesideBadOnes(t *testing.T) {
	entry := `{"recordingKey":"` + key + `","startTime":1795400000000,"duration":9e18,"size":9223372036854775807}`
	s := &script{answers: []answer{{200, nil, `[` + entry + `,null,{"size":1},` + entry + `]`}}}
	client, _ := newClient(t, s)
	n := 0
	err := client.EachRecording(t.Context(), time.Now(), time.Now(), func(r Recording) error {
		if n++; r.Size != 0 || r.Duration != 0 {
			t.Errorf("%+v", r)
		}
		return nil
	})
	if n != 2 || err == nil || !strings.Contains(err.Error(), "2 of 4 entries cannot be read, the first: entry 2") {
		t.Errorf("%d, %v", n, err)
	}
}

// The errors of a connection name no URL, which may hold a signature.
func TestErrorsNameNoURL(t *testing.T) {
	client, _ := newClient(t, &script{answers: []answer{{302, map[string]string{"Location": "http://127.0.0.1:1/?signature=s3cret"}, ""}}})
	_, err := client.Audio(t.Context(), key, 0)
	if err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), key) {
		t.Errorf("%v", err)
	}
}

func TestPathsTakeNoOtherPlaces(t *testing.T) {
	client, _ := newClient(t, &script{answers: []answer{{status: 200}}})
	for _, bad := range []string{"", ".", ".."} {
		if _, err := client.Audio(t.Context(), bad, 0); err == nil {
			t.Errorf("key %q was asked for", bad)
		}
	}
	s := &script{answers: []answer{{status: 404}}}
	client, _ = newClient(t, s)
	_, _ = client.Audio(t.Context(), "a/../b?c#d", 0)
	if got := s.requests[0].RequestURI; got != "/rest/api/v2/recordings/a%2F..%2Fb%3Fc%23d" {
		t.Errorf("asked for %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "0.5": 500 * time.Millisecond, "-1": 0, "soon": 0, "1e300": 0,
		"Tue, 24 Nov 2026 02:00:30 GMT": 30 * time.Second, "Tue, 24 Nov 2026 01:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", text, got, want)
		}
	}
}

// A connection that breaks without an answer is not used for the same request again at once.
func TestWithoutReplays(t *testing.T) {
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	client := &http.Client{Transport: WithoutReplays(http.DefaultTransport.(*http.Transport).Clone())}
	for want := int64(1); want <= 2; want++ {
		resp, err := client.Get(server.URL)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if got := n.Load(); got != want {
			t.Fatalf("%d requests came for %d", got, want)
		}
	}
}
