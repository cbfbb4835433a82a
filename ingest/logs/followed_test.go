package logs

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// redirectEntry is an entry of a HAR whose answer leads elsewhere, "" for one that does not.
func redirectEntry(url string, status int, bytes int, to string) string {
	return fmt.Sprintf(
		`{"startedDateTime":"2026-11-01T02:00:00.5Z","time":1,"request":{"method":"GET","url":%q},`+
			`"response":{"status":%d,"bodySize":%d,"redirectURL":%q}}`,
		url,
		status,
		bytes,
		to,
	)
}

// TestRedirectInHAR: what a redirect of a recording led to is the tenant's, with the recording's
// key, and the signature is not kept.
func TestRedirectInHAR(t *testing.T) {
	const signed = "https://s3.example/bucket/x.wav?X-Amz-Signature=Canary"
	har := harHead + strings.Join([]string{
		redirectEntry(fieldURL1, 302, 50000, "https://hop.example/x"),
		redirectEntry("https://hop.example/x", 307, 0, signed+"#part"),
		redirectEntry(signed, 200, 50000, ""),
		redirectEntry("https://acme.xima.cloud/rest/api/v2/recordings", 302, 0, "https://lists.example/"),
		redirectEntry("https://lists.example/", 200, 9, ""),
		redirectEntry("https://else.example/", 200, 9, ""), // nobody's
	}, ",") + "]}}"
	requests, rejects, _ := mustImport(t, har, testOptions(t))
	if len(requests) != 5 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "no tenant") {
		t.Fatalf("%d requests, %v", len(requests), rejects)
	}
	key := requests[0].Key
	for i, want := range []struct {
		class string
		bytes int64
		key   string
	}{
		{"recording_audio", 0, key}, {store.StorageClass, 0, key}, {store.StorageClass, 50000, key},
		{"recording_list", 0, ""}, {limits.OtherClass, 9, ""},
	} {
		r := requests[i]
		if r.Tenant != "acme" || r.Route.Class != want.class || r.ResponseBytes != want.bytes ||
			r.Key != want.key {
			t.Errorf("%d: %+v %+v", i, r, r.Route)
		}
		if strings.Contains(fmt.Sprintf("%+v %+v", r, r.Route), "Canary") {
			t.Errorf("%d: %+v holds the signature", i, r)
		}
	}
	var out bytes.Buffer
	j := NewJSONLWriter(&out)
	for i := range requests {
		if err := j.Write(&requests[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Flush(); err != nil {
		t.Fatal(err)
	}
	again, rejects, _ := mustImport(t, out.String(), testOptions(t))
	if len(again) != 5 || len(rejects) != 0 {
		t.Fatalf("exported and read again: %d requests, %v", len(again), rejects)
	}
	for i := range again {
		if again[i].Route.Class != requests[i].Route.Class || again[i].Key != requests[i].Key {
			t.Errorf("%d: %+v %+v", i, again[i], again[i].Route)
		}
	}
}

// TestStorageOf: a record says itself that it is a storage's.
func TestStorageOf(t *testing.T) {
	const line = `{"started_at":"2026-11-01T02:00:00.5Z","method":"GET","url":"https://s3.example/b/x","status":200,"storage_of":%q}` + "\n"
	const csv = "started_at,method,url,status,storage_of\n2026-11-01T02:00:00.5Z,GET,https://s3.example/b/x,200,%s\n"
	whole := "0f8fad5b-d9cb-469f-a165-708677289501-1793500000000"
	for _, form := range []string{line, csv} {
		for said, stored := range map[string]string{whole: whole, "-": "", "key-abababababababab": "key-abababababababab"} {
			requests, rejects, _ := mustImport(t, fmt.Sprintf(form, said), acmeOptions(t))
			if len(requests) != 1 || requests[0].Route.Class != store.StorageClass ||
				requests[0].Key != stored {
				t.Errorf("%s: %+v, %v", said, requests, rejects)
			}
		}
		requests, _, _ := mustImport(t, fmt.Sprintf(form, "+15550100123"), acmeOptions(t))
		if len(requests) != 1 || !limits.IsDigest(requests[0].Key) {
			t.Errorf("a number for a key: %+v", requests)
		}
	}
}

// TestClockThatWasNeverSet: such a clock begins in 1970 and goes on from there.
func TestClockThatWasNeverSet(t *testing.T) {
	text := strings.ReplaceAll(record(""), "2026-11-01T02:00:00.5Z", "1970-01-01T00:00:00.0Z")
	text += "\n" + strings.Replace(text, "00.0Z", "00.000001Z", 1) + "\n" +
		strings.Replace(text, "1970-01-01T00:00:00.0Z", "1999-12-31T23:59:59.9Z", 1) + "\n" +
		strings.Replace(text, "1970", "2000", 1) + "\n"
	requests, rejects, _ := mustImport(t, text, acmeOptions(t))
	if len(requests) != 1 || len(rejects) != 3 || !strings.Contains(rejects[0].Reason, "never set") {
		t.Errorf("%+v, %v", requests, rejects)
	}
}

// TestRedirectByItsHeader: where the recorder gives no redirectURL, the answer's Location does.
func TestRedirectByItsHeader(t *testing.T) {
	const signed = "https://s3.example/bucket/x.wav?X-Amz-Signature=Canary"
	first := strings.Replace(redirectEntry(fieldURL1, 302, 0, ""), `"redirectURL":""`,
		`"headers":[{"name":"Location","value":"`+signed+`"}]`, 1)
	requests, rejects, _ := mustImport(t,
		harHead+first+","+redirectEntry(signed, 200, 50000, "")+"]}}", testOptions(t))
	if len(requests) != 2 || requests[1].Route.Class != store.StorageClass || requests[1].Key != requests[0].Key {
		t.Errorf("%+v, %v from %s", requests, rejects, first)
	}
}
