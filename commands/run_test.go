package commands

import (
	"context"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// TestRunCountsItsOwnTenants: a tenant that is over its cap, and that the run did not call, is no finding of the run's.
func TestRunCountsItsOwnTenants(t *testing.T) {
	policy, err := limits.Builtin(defaultPolicy)
	if err != nil {
		t.Fatal(err)
	}
	known, err := config.Parse("c.toml", []byte("[tenants.full]\ncap = 1000\n"))
	if err != nil {
		t.Fatal(err)
	}
	se := &session{streams: &streams{out: io.Discard, err: io.Discard}, policy: policy, config: known}
	began := time.Now().Add(-time.Minute)
	pulled := func(tenant string, at time.Time) store.Request {
		return store.Request{
			Tenant: tenant, StartedAt: at.UnixMicro(), Status: 200, ResponseBytes: 990, Source: &store.Source{Kind: "transport"},
			Route: &store.Route{Method: "GET", Origin: "https://" + tenant + ".xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}"},
		}
	}
	err = se.open(context.Background(), filepath.Join(t.TempDir(), defaultDatabase), func() error {
		for want, batch := range [][]store.Request{
			{pulled("full", began.Add(-time.Hour)), pulled("other", began.Add(time.Second))},
			{pulled("full", began.Add(time.Second))},
		} {
			if err := se.store.Append(t.Context(), batch); err != nil {
				return err
			}
			n, err := se.findings(began)
			if err != nil {
				return err
			}
			if (n > 0) != (want > 0) {
				t.Errorf("with %d requests of the full tenant in the run there are %d findings", want, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
