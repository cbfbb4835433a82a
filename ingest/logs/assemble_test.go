package logs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/limits"
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

// TestTokensInPlacesOfIDs: a token is no recording's key, no vendor's id and no host, however much it looks like one.
func TestTokensInPlacesOfIDs(t *testing.T) {
	for _, token := range []string{
		"sk_live_51H8canary", "AKIAIOSFODNN7CANARY", "ghp_canary0123456789abcdefghijkl", "xoxb-canary-4711", "glpat-canary0123456789",
		"eyJhbGciOiJIUzI1NiJ9.canaryPayload0.sIgnature01", "ya29.canary0123", "AIzaCanary0123456789", "SG.canary0123.abc", "sk-canary0123456789",
	} {
		other := "https://" + strings.ToLower(token) + ".example/x"
		text := record(`,"vendor_id":"`+token+`"`) + "\n" + record(`,"url":"https://acme.xima.cloud/rest/api/v2/recordings/`+token+`"`) + "\n" +
			record(`,"storage_of":"`+token+`","url":"https://s3.example/x"`) + "\n" + record(`,"url":"`+other+`"`) + "\n"
		requests, rejects, _ := mustImport(t, text, acmeOptions(t))
		if len(requests) != 4 || len(rejects) > 0 {
			t.Fatalf("%s: %v", token, rejects)
		}
		requests[3].Route = nil // a host in small letters is a token by some of its forms only
		for _, r := range requests {
			if strings.Contains(strings.ToLower(fmt.Sprintf("%+v %+v", r, r.Route)), "canary") {
				t.Errorf("%s is stored in %+v", token, r)
			}
		}
		if !limits.IsDigest(requests[1].Key) || requests[1].Key != requests[2].Key {
			t.Errorf("%s: the keys are %q and %q", token, requests[1].Key, requests[2].Key)
		}
	}
	requests, _, _ := mustImport(t, record(`,"url":"https://5551230038.example/x"`)+"\n", acmeOptions(t))
	if len(requests) != 1 || strings.Contains(requests[0].Route.Origin, "555") {
		t.Errorf("a number as a host is stored: %+v", requests)
	}
}
