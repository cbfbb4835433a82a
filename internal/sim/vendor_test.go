package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// monday is three in the morning after a working day.
var monday = time.Date(2026, 3, 10, 3, 0, 0, 0, time.UTC)

// desk is a vendor with one or more tenants, a clock, and a client that talks to it over TCP.
type desk struct {
	*testing.T
	vendor *Vendor
	server *Server
	clock  *Clock
	client *http.Client
	tokens map[string]string
}

func open(t *testing.T, configs ...Config) *desk {
	t.Helper()
	d := &desk{T: t, clock: NewClock(monday), tokens: map[string]string{}}
	for i := range configs {
		configs[i].Now = d.clock.Now
	}
	var err error
	if d.vendor, err = NewVendor(configs...); err != nil {
		t.Fatal(err)
	}
	if d.server, err = Start(d.vendor); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.server.Close(); err != nil {
			t.Error(err)
		}
	})
	d.client = &http.Client{Transport: d.server.Transport()}
	for _, c := range configs {
		d.tokens[c.Name] = d.vendor.AddUser(c.Name, "Recording Export")
	}
	return d
}

// do sends one request and reads the answer to its end.
func (d *desk) do(tenant, method, path, body string) (*http.Response, []byte) {
	d.Helper()
	req, err := http.NewRequest(method, "https://"+tenant+Domain+path, strings.NewReader(body))
	if err != nil {
		d.Fatal(err)
	}
	if token := d.tokens[tenant]; token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	if date := resp.Header.Get("Date"); d.tokens[tenant] != "" && date != d.clock.Now().Format(http.TimeFormat) {
		d.Errorf("%s %s is dated %q at %s", method, path, date, d.clock.Now())
	}
	return resp, got
}

// want sends one request and compares the status.
func (d *desk) want(status int, tenant, method, path, body string) (*http.Response, []byte) {
	d.Helper()
	resp, got := d.do(tenant, method, path, body)
	if resp.StatusCode != status {
		d.Errorf("%s %s %s: status %d, want %d (%q)", method, path, body, resp.StatusCode, status, got[:min(len(got), 100)])
	}
	return resp, got
}

// audio asks for a recording.
func (d *desk) audio(status int, tenant string, r Recording) (*http.Response, []byte) {
	d.Helper()
	return d.want(status, tenant, "GET", listPath+"/"+r.RecordingKey, "")
}

// yesterday is what was recorded on the day before monday.
func (d *desk) yesterday(tenant string) []Recording {
	d.Helper()
	list := d.vendor.Recordings(tenant, monday.Add(-27*time.Hour), monday)
	if len(list) < 10 {
		d.Fatalf("only %d recordings", len(list))
	}
	return list
}

func acme() Config { return Config{Name: "acme", Agents: 3, BytesPerSecond: 20} }

func TestFrequencyIsExact(t *testing.T) {
	d := open(t, acme(), Config{Name: "other", Agents: 3, BytesPerSecond: 20})
	list, others := d.yesterday("acme"), d.yesterday("other")
	d.audio(200, "acme", list[0])
	d.audio(200, "other", others[0]) // limits are per tenant
	d.clock.Advance(3*time.Second - time.Microsecond)
	d.audio(429, "acme", list[1])
	d.clock.Advance(time.Microsecond)
	d.audio(200, "acme", list[1]) // the 429 did not start a new interval
	d.clock.Advance(2 * time.Second)
	if resp, _ := d.audio(429, "acme", list[2]); resp.Header.Get("Retry-After") != "" {
		t.Error("Retry-After was sent unasked")
	}
	d.want(200, "acme", "GET", agentsPath, "") // only audio is limited
}

func TestFrequencyOptions(t *testing.T) {
	c := acme()
	c.CountRefused, c.RetryAfter = true, true
	d := open(t, c)
	r := d.yesterday("acme")[0]
	d.audio(200, "acme", r)
	d.clock.Advance(1500 * time.Millisecond)
	if resp, _ := d.audio(429, "acme", r); resp.Header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q, want 1.5 s rounded up", resp.Header.Get("Retry-After"))
	}
	d.clock.Advance(2 * time.Second)
	d.audio(429, "acme", r)
	d.clock.Advance(3 * time.Second)
	d.audio(200, "acme", r)
}

func TestEgressCapWindowAndReset(t *testing.T) {
	c := acme()
	c.CapBytes = 1
	list := open(t, c).yesterday("acme")
	c.CapBytes = list[0].Size + list[1].Size
	d := open(t, c)
	for i, status := range []int{200, 200, 509} { // at the cap, not only above it
		d.audio(status, "acme", list[i])
		d.clock.Advance(3 * time.Second)
	}
	d.want(200, "acme", "GET", agentsPath, "") // the cap is on audio only
	d.clock.Set(monday.Add(120*time.Hour - time.Microsecond))
	d.audio(509, "acme", list[2])
	d.clock.Advance(6 * time.Second) // the first two have left the window
	d.audio(200, "acme", list[0])
	if got := d.vendor.Rolling("acme"); got < list[0].Size || got > list[0].Size+1000 {
		t.Errorf("rolling sum is %d after one recording of %d", got, list[0].Size)
	}
	if at := d.vendor.Reset("acme"); !at.Equal(d.clock.Now()) || d.vendor.Rolling("acme") != 0 {
		t.Errorf("reset at %v left %d bytes", at, d.vendor.Rolling("acme"))
	}
}

func TestEgressCapFormula(t *testing.T) {
	v, err := NewVendor(Config{Name: "acme", Agents: 10})
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Cap("acme"); got != 10*8*3600*5*2527*2 {
		t.Errorf("cap is %d", got)
	}
}

func TestTokens(t *testing.T) {
	d := open(t, acme(), Config{Name: "other", Agents: 1})
	d.want(200, "acme", "GET", agentsPath, "")
	old := d.tokens["acme"]
	fresh := d.vendor.RefreshToken("acme", "Recording Export")
	if resp, _ := d.want(401, "acme", "GET", agentsPath, ""); resp.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	d.tokens["acme"] = fresh
	d.want(200, "acme", "GET", agentsPath, "")
	d.tokens["other"] = fresh // a token belongs to one tenant
	d.want(401, "other", "GET", agentsPath, "")
	d.tokens["acme"] = ""
	d.want(401, "acme", "GET", agentsPath, "")
	d.tokens["acme"] = d.vendor.AddUser("acme", "Reports", ClassReport)
	d.audio(403, "acme", d.yesterday("acme")[0])
	d.want(422, "acme", "POST", reportPath+"call-detail", `{"format":"xml","parameters":[]}`)
	if old == fresh {
		t.Error("the refreshed token is the old one")
	}
	log := d.vendor.Log("acme")
	if log[0].User != "Recording Export" || log[1].User != "" {
		t.Errorf("the log names %q and %q", log[0].User, log[1].User)
	}
}

func TestStatuses(t *testing.T) {
	const times = "startTime=2026-03-09T00:00:00Z&endTime=2026-03-10T00:00:00%2B00:00"
	day := `{"name":"startDate","valueType":"DATE","value":"2026-03-09"}`
	d := open(t, acme())
	key := d.yesterday("acme")[0].RecordingKey
	for _, c := range []struct {
		status       int
		method, path string
		body         string
	}{
		{200, "GET", listPath + "?" + times, ""},
		{400, "GET", listPath, ""},
		{400, "GET", listPath + "?startTime=yesterday&endTime=2026-03-10T00:00:00Z", ""},
		{400, "GET", listPath + "?startTime=2026-03-09T00:00:00&endTime=2026-03-10T00:00:00Z", ""},
		{400, "GET", listPath + "?startTime=2026-03-11T00:00:00Z&endTime=2026-03-10T00:00:00Z", ""},
		{400, "GET", listPath + "?" + times + "&a=%zz", ""},
		{405, "POST", listPath + "?" + times, "{}"},
		{405, "DELETE", listPath + "/" + key, ""},
		{200, "GET", listPath + "/" + key + "/audio", ""},
		{404, "GET", listPath + "/00000000-0000-4000-8000-000000000000-1773100000000", ""},
		{404, "GET", listPath + "/short", ""},
		{404, "GET", listPath + "/", ""},
		{404, "GET", "/rest/api/v9/nothing", ""},
		{404, "POST", reportPath + "unknown", `{"format":"json","parameters":[]}`},
		{405, "GET", reportPath + "call-detail", ""},
		{200, "POST", reportPath + "call-detail", `{"format":"json","parameters":[` + day + `]}`},
		{400, "POST", reportPath + "call-detail", `{"format":"json"`},
		{400, "POST", reportPath + "call-detail", `{"format":"json"}`},
		{400, "POST", reportPath + "call-detail", `{"format":"json","parameters":[]} x`},
		{400, "POST", reportPath + "call-detail", `{"format":"json","parameters":[{"value":"1"}]}`},
		{422, "POST", reportPath + "call-detail", `{"format":"pdf","parameters":[` + day + `]}`},
		{422, "POST", reportPath + "call-detail", `{"format":"json","parameters":[{"name":"mood","valueType":"STRING","value":"1"}]}`},
		{422, "POST", reportPath + "call-detail", `{"format":"json","parameters":[{"name":"endDate","valueType":"DATE","value":"9.3."}]}`},
		{204, "POST", agentsPath + "/1003/click-to-dial", `{"numberToDial":"+15550100001","outboundCallerId":"5"}`},
		{404, "POST", agentsPath + "/1004/click-to-dial", `{"numberToDial":"+15550100001"}`},
		{400, "POST", agentsPath + "/1003/click-to-dial", `{}`},
		{422, "POST", agentsPath + "/1003/click-to-dial", `{"numberToDial":"mother"}`},
		{405, "GET", agentsPath + "/1003/click-to-dial", ""},
		{204, "POST", skillsPath + "/Sales/callback", `{"callbackNumber":"+15550100001"}`},
		{404, "POST", skillsPath + "/Poetry/callback", `{"callbackNumber":"+15550100001"}`},
		{200, "GET", realtimePath + "queues", ""},
	} {
		d.clock.Advance(3 * time.Second)
		d.want(c.status, "acme", c.method, c.path, c.body)
	}
	d.want(404, "stranger", "GET", agentsPath, "")
}

func TestSlowReport(t *testing.T) {
	c := acme()
	c.SlowReports, c.ReportBuild = 1, 90*time.Second
	d := open(t, c)
	const start = `{"name":"startDate","valueType":"DATE","value":"2026-03-09"}`
	const agent = `{"name":"agent","valueType":"STRING","value":"1001"}`
	ask := func(status int, params string) {
		t.Helper()
		d.want(status, "acme", "POST", reportPath+"call-detail", `{"format":"json","parameters":[`+params+`]}`)
	}
	ask(202, start+","+agent)
	d.clock.Advance(90*time.Second - time.Microsecond)
	ask(202, start+","+agent)
	d.clock.Advance(time.Microsecond)
	ask(202, start) // other parameters are another report
	ask(200, agent+","+start)
	ask(200, start+","+agent)
}

func TestSlowReportIsCachedAtOnceByDefault(t *testing.T) {
	c := acme()
	c.SlowReports = 1
	d := open(t, c)
	for _, status := range []int{202, 200, 200} {
		d.want(status, "acme", "POST", reportPath+"call-detail", `{"format":"json","parameters":[]}`)
	}
}

func TestFaults(t *testing.T) {
	c := acme()
	c.Faults = []Fault{
		{Class: ClassAudio, From: monday.Add(time.Hour), Until: monday.Add(2 * time.Hour), Status: 503, RetryAfter: time.Minute},
		{Class: ClassOther, Every: 2, Status: 500},
	}
	d := open(t, c)
	r := d.yesterday("acme")[0]
	d.audio(200, "acme", r)
	d.clock.Set(monday.Add(time.Hour))
	if resp, _ := d.audio(503, "acme", r); resp.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", resp.Header.Get("Retry-After"))
	}
	d.clock.Set(monday.Add(2 * time.Hour))
	d.audio(200, "acme", r)
	for _, status := range []int{200, 500, 200, 500} {
		d.want(status, "acme", "GET", agentsPath, "")
	}
}

func TestBrokenConnections(t *testing.T) {
	c := acme()
	c.Faults = []Fault{
		{Class: ClassAudio, Until: monday.Add(time.Minute), CutAfter: 100},
		{Class: ClassAudio, Until: monday.Add(time.Hour)},
	}
	d := open(t, c)
	url := "https://acme" + Domain + listPath + "/" + d.yesterday("acme")[0].RecordingKey
	req, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.tokens["acme"])
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 100 {
		t.Errorf("read %d bytes and %v, want 100 and an unexpected end", len(body), err)
	}
	// A fresh connection: a client tries again by itself when a kept one breaks.
	d.client = &http.Client{Transport: d.server.Transport()}
	d.clock.Advance(time.Minute)
	if resp, err := d.client.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("the connection answered %d instead of breaking", resp.StatusCode)
	}
	log := d.vendor.Log("acme")
	if len(log) != 2 || log[0].Bytes != 100 || log[0].Complete || log[1].Status != 0 || log[1].Bytes != 0 {
		t.Errorf("log: %+v", log)
	}
	if d.vendor.Rolling("acme") != 100 {
		t.Errorf("rolling sum is %d", d.vendor.Rolling("acme"))
	}
}

func TestAbortByClientIsCorrected(t *testing.T) {
	c := acme()
	c.BytesPerSecond = 500_000 // far more than the buffers between the two hold
	d := open(t, c)
	r := d.yesterday("acme")[0]
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "https://acme"+Domain+listPath+"/"+r.RecordingKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+d.tokens["acme"])
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, resp.Body, 1000); err != nil {
		t.Fatal(err)
	}
	cancel()
	resp.Body.Close()
	log := d.vendor.Log("acme")
	if e := log[0]; e.Complete || e.Bytes < 1000 || e.Bytes >= r.Size || d.vendor.Rolling("acme") != e.Bytes {
		t.Errorf("%d of %d bytes sent, complete %v, rolling sum %d", e.Bytes, r.Size, e.Complete, d.vendor.Rolling("acme"))
	}
}
