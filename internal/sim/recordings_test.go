package sim

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestListHoldsWhatTheVendorPublishes(t *testing.T) {
	d := open(t, acme())
	q := url.Values{"startTime": {"2026-03-09T00:00:00Z"}, "endTime": {"2026-03-10T00:00:00Z"}}
	_, body := d.want(200, "acme", "GET", listPath+"?"+q.Encode(), "")
	var list []map[string]any
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields("recordingKey callKey startTime duration size eventId recordingSystemId status " +
		"callingParty receivingParty tenantName tagData callDirection skill agent") {
		if _, ok := list[0][name]; !ok || len(list[0]) != 15 {
			t.Errorf("a recording has %d fields; %s is there: %v", len(list[0]), name, ok)
		}
	}
	for _, r := range d.yesterday("acme") {
		if !marked(r.CallingParty) || !marked(r.ReceivingParty) || !marked(r.Agent) {
			t.Fatalf("without a canary: %+v", r)
		}
	}
	if !marked(d.tokens["acme"]) {
		t.Error("the token has no canary")
	}
}

func marked(s string) bool {
	for _, c := range Canaries() {
		if strings.Contains(s, c) {
			return true
		}
	}
	return false
}

func TestAudioHasTheListedSize(t *testing.T) {
	d := open(t, Config{Name: "acme", Agents: 3})
	var sum int64
	for _, r := range d.yesterday("acme")[:5] {
		resp, body := d.audio(200, "acme", r)
		if int64(len(body)) != r.Size || resp.ContentLength != r.Size {
			t.Errorf("listed %d bytes, announced %d, sent %d", r.Size, resp.ContentLength, len(body))
		}
		if rate := float64(r.Size) / (float64(r.Duration) / 1000); math.Abs(rate-2527) > 2527*0.15 {
			t.Errorf("%d bytes for %d ms", r.Size, r.Duration)
		}
		sum += r.Size
		d.clock.Advance(3 * time.Second)
	}
	if got := d.vendor.Rolling("acme"); got != sum {
		t.Errorf("the vendor counted %d bytes of %d", got, sum)
	}
}

func TestNothingBeforeItsTime(t *testing.T) {
	d := open(t, acme())
	r := d.vendor.Recordings("acme", monday, monday.Add(24*time.Hour))[0]
	q := url.Values{"startTime": {"2026-03-10T00:00:00Z"}, "endTime": {"2026-03-11T00:00:00Z"}}
	d.clock.Set(r.End().Add(-time.Millisecond))
	d.audio(404, "acme", r)
	if _, body := d.want(200, "acme", "GET", listPath+"?"+q.Encode(), ""); bytes.Contains(body, []byte(r.RecordingKey)) {
		t.Error("a call that goes on is listed")
	}
	d.clock.Advance(3 * time.Second)
	d.audio(200, "acme", r)
}
