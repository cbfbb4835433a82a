package ingest

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
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

// TestVendorsWord: the vendor's id of the request and its clock are kept, and nothing that looks personal in their place.
func TestVendorsWord(t *testing.T) {
	now := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		header http.Header
		id     string
		skew   store.Seconds
	}{
		{http.Header{"X-Request-Id": {"8f3a-1"}, "Date": {"Sun, 01 Nov 2026 02:00:03 GMT"}}, "8f3a-1", store.Seconds{N: 3, Known: true}},
		{http.Header{"Cf-Ray": {"7d1f3a2b9c8e-FRA"}, "Date": {"Sun, 01 Nov 2026 01:59:58 GMT"}}, "7d1f3a2b9c8e-FRA", store.Seconds{N: -2, Known: true}},
		{http.Header{"X-Request-Id": {"+15550100123"}, "X-Correlation-Id": {"abc-7"}, "Date": {"soon"}}, "abc-7", store.Seconds{}},
		{http.Header{"X-Request-Id": {"Ann Lee 7"}, "Date": {"Sun, 01 Nov 2026 02:00:00 GMT"}}, "", store.Seconds{Known: true}},
		{http.Header{}, "", store.Seconds{}},
	} {
		rec := &recorded{}
		base := roundTripFunc(func(*http.Request) (*http.Response, error) {
			resp := answer(200, http.NoBody, 0)
			resp.Header = c.header
			return resp, nil
		})
		if _, err := NewTransport(base, rec, WithClock(func() time.Time { return now })).RoundTrip(request(t, "GET", audioURL, nil)); err != nil {
			t.Fatal(err)
		}
		if row := rec.one(t); row.VendorID != c.id || row.DateSkew != c.skew {
			t.Errorf("%v: %q, %+v", c.header, row.VendorID, row.DateSkew)
		}
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
