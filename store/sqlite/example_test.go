package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// A request log is made, written and read again.
func Example() {
	if err := writeAndRead(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 2026-11-01T02:00:00Z 200 23100
	// 2026-11-01T02:00:03Z 429 55
}

func writeAndRead(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "headroom-example-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	st, err := sqlite.Open(filepath.Join(folder, "headroom.db"))
	if err != nil {
		return err
	}
	defer st.Close()

	route := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}", Class: "recording_audio"}
	source := &store.Source{Kind: "transport", Name: "my program"}
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	err = st.Append(ctx, []store.Request{
		{Tenant: "acme", Route: route, Source: source, StartedAt: start.UnixMicro(), Status: 200, ResponseBytes: 23100},
		{Tenant: "acme", Route: route, Source: source, StartedAt: start.Add(3 * time.Second).UnixMicro(), Status: 429, ResponseBytes: 55},
	})
	if err != nil {
		return err
	}

	snap, err := st.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	for batch, err := range snap.Scan(ctx, "acme", store.Range{}) {
		if err != nil {
			return err
		}
		for i := range batch {
			fmt.Println(batch[i].Start().Format(time.RFC3339), batch[i].Status, batch[i].ResponseBytes)
		}
	}
	return nil
}
