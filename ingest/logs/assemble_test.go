package logs

import (
	"strings"
	"testing"
)

func TestErrorClasses(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "dns": "dns", "cancelled": "cancelled", "other": "other", "something secret": "other",
		"net::ERR_NAME_NOT_RESOLVED": "dns", "dial tcp: lookup x: no such host": "dns", "net::ERR_CERT_DATE_INVALID": "tls",
		"net::ERR_CONNECTION_RESET": "reset", "unexpected EOF": "reset", "dial tcp 1.2.3.4:443: connect: connection refused": "connect",
		"net::ERR_INTERNET_DISCONNECTED": "connect", "net::ERR_CONNECTION_TIMED_OUT": "timeout", "context canceled": "cancelled",
		"net::ERR_ABORTED": "cancelled", "TLS handshake timeout": "timeout", "socket hang up": "reset",
	} {
		if got := errorClassOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTenantPrecedence(t *testing.T) {
	o := testOptions(t)
	for _, c := range []struct{ record, option, want string }{
		{record(""), "", "acme"}, {record(""), "given", "acme"}, {record(`,"url":"https://example.org/x"`), "given", "given"}, {record(`,"tenant":" own "`), "given", "own"},
	} {
		o.Tenant = c.option
		requests, _, _ := mustImport(t, c.record, o)
		if len(requests) != 1 || requests[0].Tenant != c.want {
			t.Errorf("%s with %q: %v", c.record, c.option, requests)
		}
	}
}

func TestParamsIdentifyWhatIsNotKept(t *testing.T) {
	hash := strings.Repeat("0a", 16)
	post := func(number string) string {
		return record(`,"url":"https://acme.xima.cloud/rest/api/v1/agents/` + number + `/state"`)
	}
	requests, _, _ := mustImport(t, strings.Join([]string{
		record(""), record(`,"params_hash":"` + hash + `"`), record(`,"params_hash":"` + strings.ToUpper(hash) + `"`),
		post("4711"), post("4711"), post("4712"),
	}, "\n"), testOptions(t))
	var got []string
	for _, r := range requests {
		got = append(got, r.Params)
		if strings.Contains(r.URL(), "471") {
			t.Errorf("an extension is stored: %s", r.URL())
		}
	}
	if len(got) != 6 || got[0] != "" || got[1] != hash || got[2] == strings.ToUpper(hash) || len(got[2]) != 32 {
		t.Fatalf("params: %q", got)
	}
	if got[3] != got[4] || got[3] == got[5] || len(got[3]) != 32 {
		t.Errorf("params of requests with unkept parts: %q", got[3:])
	}
}

// TestNoParamsOfPeople: of whom somebody dials not even a digest is kept, nor one that a file brings along.
func TestNoParamsOfPeople(t *testing.T) {
	const dial = `,"method":"POST","url":"https://acme.xima.cloud/rest/api/v1/agents/4711/click-to-dial"`
	requests, _, _ := mustImport(t, record(dial)+"\n"+record(dial+`,"params_hash":"`+strings.Repeat("0a", 16)+`"`)+"\n", testOptions(t))
	if len(requests) != 2 || requests[0].Params != "" || requests[1].Params != "" {
		t.Errorf("%+v", requests)
	}
}

func TestResolutionOfEachRecord(t *testing.T) {
	requests, _, _ := mustImport(t, record("")+"\n"+record(`,"started_at":"2026-11-01T02:00:00Z"`)+"\n"+record(`,"started_at":"2026-11-01T02:00:00.000Z"`), testOptions(t))
	if len(requests) != 3 || requests[0].Source.Resolution != 0 || requests[1].Source.Resolution != 1e6 || requests[2].Source != requests[0].Source {
		t.Errorf("sources: %v", requests)
	}
}
