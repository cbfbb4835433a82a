package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// fetch does one request to its end and gives its row. The answer's body, if any, is read and closed.
func fetch(t *testing.T, base http.RoundTripper, ctx context.Context, url string) store.Request {
	t.Helper()
	rec := &recorded{}
	req := request(t, "GET", url, nil).WithContext(ctx)
	resp, err := NewTransport(base, rec).RoundTrip(req)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("no error at all")
	}
	return rec.one(t)
}

func TestErrorClassesOfRealFailures(t *testing.T) {
	hang := make(chan bool)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-hang
		case "/hang-inside":
			io.WriteString(w, "12345")
			http.NewResponseController(w).Flush()
			<-hang
		case "/reset":
			hangUp(w, 0)
		case "/close":
			panic(http.ErrAbortHandler)
		case "/reset-inside", "/close-inside":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "12345")
			http.NewResponseController(w).Flush()
			if r.URL.Path == "/close-inside" {
				panic(http.ErrAbortHandler)
			}
			hangUp(w, 0)
		}
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	secure := httptest.NewTLSServer(handler)
	defer secure.Close()
	secure.Config.ErrorLog = silent
	h2 := httptest.NewUnstartedServer(handler)
	h2.EnableHTTP2 = true
	h2.StartTLS()
	defer h2.Close()
	defer close(hang)
	gone := httptest.NewServer(nil)
	gone.Close()

	soon, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	never, cancelled := context.WithCancelCause(context.Background())
	cancelled(errors.New("the caller's own words"))
	bg := context.Background()
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	noNames := &http.Transport{DialContext: (&net.Dialer{Resolver: &net.Resolver{PreferGo: true, Dial: refuse}}).DialContext}

	for name, tc := range map[string]struct {
		base  http.RoundTripper
		ctx   context.Context
		url   string
		class string
		n     int64
		cut   bool
	}{
		"no such name":          {noNames, bg, "http://vendor.invalid/", "dns", 0, false},
		"nobody listens":        {base, bg, gone.URL, "connect", 0, false},
		"unknown authority":     {base, bg, secure.URL, "tls", 0, false},
		"plain instead of TLS":  {base, bg, "https" + plain.URL[len("http"):], "tls", 0, false},
		"old TLS only":          {&http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10}}, bg, secure.URL, "tls", 0, false},
		"no header in time":     {&http.Transport{ResponseHeaderTimeout: 50 * time.Millisecond}, bg, plain.URL + "/hang", "timeout", 0, false},
		"deadline":              {base, soon, plain.URL + "/hang", "timeout", 0, false},
		"cancelled, own cause":  {base, never, plain.URL + "/hang", "cancelled", 0, false},
		"reset before header":   {base, bg, plain.URL + "/reset", "reset", 0, false},
		"closed before header":  {base, bg, plain.URL + "/close", "reset", 0, false},
		"reset inside":          {base, bg, plain.URL + "/reset-inside", "reset", 5, true},
		"closed inside":         {base, bg, plain.URL + "/close-inside", "reset", 5, true},
		"stream reset":          {h2.Client().Transport, bg, h2.URL + "/close", "reset", 0, false},
		"stream reset inside":   {h2.Client().Transport, bg, h2.URL + "/close-inside", "reset", 5, true},
		"no such scheme at all": {base, bg, "gopher://vendor.example/", "other", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := fetch(t, tc.base, tc.ctx, tc.url)
			if got.Error != tc.class || got.ResponseBytes != tc.n || got.CutShort != tc.cut || got.Duration < 1 {
				t.Errorf("row = %+v, want class %s", got, tc.class)
			}
		})
	}
	t.Run("deadline inside", func(t *testing.T) {
		rec := &recorded{}
		client := &http.Client{Transport: NewTransport(base, rec), Timeout: 200 * time.Millisecond}
		if resp, err := client.Get(plain.URL + "/hang-inside"); err == nil {
			io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if got := rec.one(t); got.Error != "timeout" || got.ResponseBytes != 5 || !got.CutShort {
			t.Errorf("row = %+v", got)
		}
	})
	t.Run("cancelled inside", func(t *testing.T) {
		rec := &recorded{}
		ctx, cancel := context.WithCancel(bg)
		resp, err := NewTransport(base, rec).RoundTrip(request(t, "GET", plain.URL+"/hang-inside", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(resp.Body, make([]byte, 5))
		cancel()
		io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := rec.one(t); got.Error != "cancelled" || got.ResponseBytes != 5 || !got.CutShort || got.Status != 200 {
			t.Errorf("row = %+v", got)
		}
	})
}

// hangUp ends the connection with a reset instead of an orderly close.
func hangUp(w http.ResponseWriter, linger int) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	conn.(*net.TCPConn).SetLinger(linger)
	conn.Close()
}

func refuse(context.Context, string, string) (net.Conn, error) {
	return nil, errors.New("no name server")
}

func TestErrorClassesThatAreHardToBringAbout(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "slow", IsTimeout: true}, "dns"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "x"}}, "dns"},
		{&net.OpError{Op: "dial", Err: context.Canceled}, "cancelled"},
		{&net.OpError{Op: "proxyconnect", Err: errors.New("x")}, "connect"},
		{&net.OpError{Op: "remote error", Err: errors.New("bad certificate")}, "tls"},
		{fmt.Errorf("wrapped: %w", io.ErrUnexpectedEOF), "reset"},
		{errors.New("http2: client connection lost"), "other"},
	} {
		if got := errorClass(tc.err, request(t, "GET", audioURL, nil)); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.err, got, tc.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 1, 2, 0, 0, 400_000_000, time.UTC)
	for value, want := range map[string]int64{
		"3":                              3,
		"0":                              0,
		"":                               0,
		"-5":                             0,
		"1.5":                            2,
		"0.2":                            1,
		"3.0":                            3,
		"1.5e9":                          0,
		"1.":                             0,
		"99999999999.5":                  0,
		"soon":                           0,
		"99999999999999999999":           0,
		"Sun, 01 Nov 2026 02:00:10 GMT":  10,
		"Sun, 01 Nov 2026 01:00:00 GMT":  0,
		"Sunday, 01-Nov-26 02:00:10 GMT": 10,
		"Fri, 31 Dec 9999 23:59:59 GMT":  0,
	} {
		if got := RetryAfter(value, func() time.Time { return now }); got != want {
			t.Errorf("%q: got %d, want %d", value, got, want)
		}
	}
}
