package ingest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

const recordingKey = "0f8fad5b-d9cb-469f-a165-70867728950e1763938800000"

// TestFollowed lets an http.Client follow redirects of a vendor: what they lead to is the tenant's,
// a recording's bytes are those of a storage, and no signature is kept.
func TestFollowed(t *testing.T) {
	const signed = "https://bucket.storage.example/rec.wav?X-Amz-Signature=Canary"
	short := "https://acme.xima.cloud/rest/api/v2/recordings/abc1"
	for _, c := range []struct {
		url, to, class, key string
		status              int
	}{
		{audioURL, signed, store.StorageClass, recordingKey, 302},
		{audioURL, signed, store.StorageClass, recordingKey, 307},
		{audioURL, signed, store.StorageClass, recordingKey, 308}, // unexpected, but the bytes come
		{audioURL, "https://hop.storage.example/once-more", store.StorageClass, recordingKey, 302},
		{short, signed, store.StorageClass, privacy.Key("abc1", []byte("key")), 302},
		{"https://acme.xima.cloud/rest/api/v2/recordings", signed, limits.OtherClass, "", 302},
		{audioURL, "/rest/api/v2/recordings/" + recordingKey, "recording_audio", recordingKey, 302},
	} {
		rec := &recorded{}
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			resp := answer(200, text("audio"), 5)
			to := map[string]string{c.url: c.to, "https://hop.storage.example/once-more": signed}[r.URL.String()]
			if to != "" {
				resp = answer(c.status, http.NoBody, 0)
				resp.Header = http.Header{"Location": {to}}
			}
			resp.Request = r
			return resp, nil
		})
		client := &http.Client{Transport: NewTransport(base, rec, WithHashKey([]byte("key")))}
		resp, err := client.Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		rows := rec.all()
		for _, r := range rows {
			if r.Tenant != "acme" || strings.Contains(r.URL()+r.Key+r.Query+r.Params, "Canary") {
				t.Errorf("%s to %s: %+v %+v", c.url, c.to, r, r.Route)
			}
		}
		last := rows[len(rows)-1]
		if last.Route.Class != c.class || last.Key != c.key || last.ResponseBytes != 5 {
			t.Errorf("%s to %s: %+v %+v", c.url, c.to, last, last.Route)
		}
	}
}

// TestWithFollowed: the word of whoever follows by himself counts for hosts that the policy does
// not know; two tenants of one storage stay two.
func TestWithFollowed(t *testing.T) {
	rec := &recorded{}
	base := roundTripFunc(
		func(*http.Request) (*http.Response, error) { return answer(200, http.NoBody, 0), nil },
	)
	tr := NewTransport(base, rec)
	for _, c := range []struct {
		url, want, class string
		f                Followed
	}{
		{"https://s.example/x", "acme", store.StorageClass, Followed{Tenant: "acme", Storage: true, Key: recordingKey}},
		{"https://s.example/x", "borealis", store.StorageClass, Followed{Tenant: "borealis", Storage: true}},
		{"https://s.example/x", "acme", limits.OtherClass, Followed{Tenant: "acme"}},
		{"https://s.example/x", "s.example", limits.OtherClass, Followed{}},
		{audioURL, "acme", "recording_audio", Followed{Tenant: "borealis", Storage: true}},
	} {
		ctx := context.Background()
		if c.f != (Followed{}) {
			ctx = WithFollowed(ctx, c.f)
		}
		if _, err := tr.RoundTrip(request(t, "GET", c.url, nil).WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
		rows := rec.all()
		if r := rows[len(rows)-1]; r.Tenant != c.want || r.Route.Class != c.class ||
			c.f.Storage && c.f.Key != r.Key && r.Tenant != "acme" {
			t.Errorf("%+v: %+v %+v", c, r, r.Route)
		}
	}
}

// TestKeysThatAreNotKept: a key of another form than the policy's is told apart by its digest,
// whatever follows it in the path; with another database's key it is another.
func TestKeysThatAreNotKept(t *testing.T) {
	keys := map[string]int{}
	for _, hashKey := range []string{"a", "b"} {
		rec := &recorded{}
		base := roundTripFunc(
			func(*http.Request) (*http.Response, error) { return answer(200, http.NoBody, 0), nil },
		)
		tr := NewTransport(base, rec, WithHashKey([]byte(hashKey)))
		for _, end := range []string{"abc1", "abc1/audio", "abc1/audio?a=1", "abc2"} {
			url := "https://acme.xima.cloud/rest/api/v2/recordings/" + end
			if _, err := tr.RoundTrip(request(t, "GET", url, nil)); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range rec.all() {
			keys[r.Key]++
			if !limits.IsDigest(r.Key) || strings.Contains(r.URL(), "abc") {
				t.Errorf("%+v", r)
			}
		}
	}
	if len(keys) != 4 {
		t.Errorf("%v", keys)
	}
}

// TestHostIsAParameter: the same path at two hosts that the policy does not know is not the same
// request.
func TestHostIsAParameter(t *testing.T) {
	params := map[string]bool{}
	for _, url := range []string{"https://a.example/item/7", "https://b.example/item/7", "http://a.example:80/item/7", "https://a.example:8443/item/7"} {
		rec := &recorded{}
		base := roundTripFunc(
			func(*http.Request) (*http.Response, error) { return answer(404, http.NoBody, 0), nil },
		)
		if _, err := NewTransport(base, rec, WithHashKey([]byte("key"))).RoundTrip(request(t, "GET", url, nil)); err != nil {
			t.Fatal(err)
		}
		got := rec.one(t).Params
		if imported := NewParams([]byte("key"), "GET", url).Sum(); got != imported {
			t.Errorf("%s: %s by the transport, %s by an import", url, got, imported)
		}
		params[got] = true
	}
	if len(params) != 3 { // a, b and a's other port
		t.Errorf("%v", params)
	}
}
