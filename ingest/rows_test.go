package ingest

import (
	"io"
	"net/http"
	"testing"
	"time"
)

func TestTimesComeFromTheClock(t *testing.T) {
	now := time.Date(2026, 11, 1, 2, 0, 0, 123456789, time.UTC)
	clock := func() time.Time { return now }
	rec := &recorded{}
	base := roundTripFunc(func(*http.Request) (*http.Response, error) {
		now = now.Add(250 * time.Millisecond)
		return answer(200, text("x"), 1), nil
	})
	resp, err := NewTransport(base, rec, WithClock(clock)).RoundTrip(request(t, "GET", audioURL, nil))
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	io.ReadAll(resp.Body)
	now = now.Add(time.Hour) // what the caller does with the bytes is its own time
	resp.Body.Close()
	got := rec.one(t)
	if got.StartedAt != time.Date(2026, 11, 1, 2, 0, 0, 123456000, time.UTC).UnixMicro() || got.FirstByte != 250_000 || got.Duration != 1_250_000 {
		t.Errorf("row = %+v", got)
	}
}

func TestRedirectsAreRowsOfTheirOwn(t *testing.T) {
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "acme.xima.cloud" {
			http.Redirect(w, r, "http://beta.xima.cloud/rest/api/v2/recordings", http.StatusFound)
			return
		}
		io.WriteString(w, "[]")
	})
	resp, err := client.Get("http://acme.xima.cloud/rest/api/v2/recordings")
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(resp.Body)
	resp.Body.Close()
	rows := rec.all()
	if len(rows) != 2 || rows[0].Status != 302 || rows[0].Tenant != "acme" || rows[1].Status != 200 || rows[1].Tenant != "beta" {
		t.Errorf("rows = %+v", rows)
	}
}

func TestRetriesAreRowsOfTheirOwn(t *testing.T) {
	tries := 0
	client, rec := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if tries++; tries < 3 {
			w.Header().Set("Retry-After", "3")
			http.Error(w, "slow down", http.StatusTooManyRequests)
		}
	})
	for range 3 { // as a retrying client above the transport does
		resp, err := client.Get("http://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e1763938800000")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	rows := rec.all()
	if len(rows) != 3 || rows[0].Status != 429 || rows[0].RetryAfter != 3 || rows[2].Status != 200 || rows[2].RetryAfter != 0 {
		t.Fatalf("rows = %+v", rows)
	}
	if rows[0].Route.Class != "recording_audio" || rows[0].Route != rows[2].Route || rows[0].Params != rows[2].Params {
		t.Errorf("the tries of one request differ: %+v", rows)
	}
}

func TestTenants(t *testing.T) {
	for _, tc := range []struct {
		url, option, want string
	}{
		{audioURL, "", "acme"},
		{audioURL, "other", "acme"},
		{"http://ACME.xima.cloud:80/x", "", "acme"},
		{"http://127.0.0.1:8080/x", "", "127.0.0.1"},
		{"http://127.0.0.1:8080/x", "beta", "beta"},
		{"http://Vendor.example/x", "", "vendor.example"},
		{"http:///x", "", "unknown"},
	} {
		rec := &recorded{}
		rt := NewTransport(stubBase{"x"}, rec, WithTenant(tc.option), WithClient("puller"))
		resp, err := rt.RoundTrip(request(t, "GET", tc.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		got := rec.one(t)
		if got.Tenant != tc.want || got.Client != "puller" || got.Source.Kind != "transport" || got.Source.Resolution != 0 {
			t.Errorf("%s: row = %+v", tc.url, got)
		}
	}
}
