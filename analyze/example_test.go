package analyze_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// The audit of a request log, as Go values.
func ExampleRun() {
	folder, err := os.MkdirTemp("", "headroom-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	if err := auditFile(context.Background(), filepath.Join(folder, "headroom.db")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// acme: fail, 46200 bytes of 2183328000 (assumed)
	// spacing violation ×1, rows [2]: 1 gap under 3 s, of 1 between recording_audio requests; the shortest was 1.20 s
}

func auditFile(ctx context.Context, file string) error {
	st, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer st.Close()
	night := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	if err := st.Append(ctx, twoDownloads(night, 1200*time.Millisecond)); err != nil {
		return err
	}

	snap, err := st.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	policy, err := limits.Builtin("xima")
	if err != nil {
		return err
	}
	r, _, err := analyze.Run(ctx, snap, analyze.Options{
		Policy: policy, AsOf: night.Add(5 * time.Hour),
		About: func(name string) egress.Tenant { return egress.Tenant{Cap: egress.CapFacts{Agents: 3}} },
	})
	if err != nil {
		return err
	}
	for _, t := range r.Tenants {
		fmt.Printf("%s: %s, %d bytes of %d (%s)\n", t.Tenant, t.Verdict, t.Egress.Current, t.Egress.Cap.Bytes, t.Egress.Cap.Source)
		for _, f := range t.Findings {
			fmt.Printf("%s %s ×%d, rows %v: %s\n", f.Rule, f.Severity, f.Count, f.Requests, f.Detail)
		}
	}
	return nil
}

// twoDownloads are what a store.Recorder would have written.
func twoDownloads(at time.Time, gap time.Duration) []store.Request {
	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
	r := store.Request{Tenant: "acme", Route: route, Source: &store.Source{Kind: "transport"}, StartedAt: at.UnixMicro(), Status: 200, ResponseBytes: 23100, Key: "0f8fad5b-d9cb-469f-a165-70867728950e-1763938800000"}
	next := r
	next.Key, next.StartedAt = "574b12e8-daa4-498a-915d-2a297627ad3c-1763938860000", at.Add(gap).UnixMicro()
	return []store.Request{r, next}
}
