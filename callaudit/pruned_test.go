package callaudit_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/callaudit"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/store/sqlite"
)

// Where requests were removed, an audit tells how many of the tenants that it is about, and what is
// still known of their nights.
func TestAuditOfPrunedLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headroom.db")
	config := callaudit.Config{Tenants: map[string]callaudit.Tenant{
		"acme": {Location: time.FixedZone("", 2*60*60)}, "corp": {},
	}}
	log, err := callaudit.Open(file, callaudit.WithConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: log.Transport(vendor{})}
	for _, tenant := range []string{"acme", "blue", "blue"} {
		if err := get(client, strings.Replace(audio, "acme", tenant, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.Audit(t.Context(), callaudit.Scope{}); err != nil { // all is written now
		t.Fatal(err)
	}
	now := time.Now()
	st, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = evidence.Prune(t.Context(), st, evidence.PruneOptions{
		SealOptions: evidence.SealOptions{Key: evidence.NewKey(), Now: now.UnixMicro()},
		Before:      now.UnixMicro(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		tenants  []string
		requests int64
		nights   int
	}{{nil, 3, 2}, {[]string{"acme"}, 1, 1}, {[]string{"blue"}, 2, 1}, {[]string{"corp"}, 0, 0}} {
		r, err := log.Audit(t.Context(), callaudit.Scope{Tenants: c.tenants})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Pruned
		if p.Requests != c.requests || p.Bytes != 12*c.requests || len(p.Nights) != c.nights ||
			p.Before.IsZero() != (c.requests == 0) {
			t.Errorf("%q: %+v", c.tenants, p)
		}
		for _, n := range p.Nights {
			if _, offset := n.Night.Zone(); (n.Tenant == "acme") != (offset != 0) {
				t.Errorf("the night of %s is %v", n.Tenant, n.Night)
			}
		}
	}
}
