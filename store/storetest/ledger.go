package storetest

import (
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// testLedger: what pulls wrote down stays, in order of arrival, by tenant and by the recordings'
// time.
func testLedger(t *testing.T, st handle) {
	entries := []store.LedgerEntry{
		{
			Tenant:    "acme",
			Key:       "b-2",
			StartedAt: 200,
			At:        900,
			State:     store.LedgerRefused,
			Note:      "the body was JSON",
		},
		{Tenant: "acme", Key: "a-1", StartedAt: 100, At: 901, State: store.LedgerGone},
		{Tenant: "other", Key: "b-2", StartedAt: 200, At: 902, State: store.LedgerGone},
		{
			Tenant: "acme", Key: "b-2", StartedAt: 200, At: 903, State: store.LedgerStored,
			Bytes: 7, SHA256: "abc", Place: "tenant=acme/b-2.wav",
		},
	}
	must(t, st.AddLedger(ctx, nil))
	must(t, st.AddLedger(ctx, entries[:2]))
	must(t, st.AddLedger(ctx, entries[2:]))
	bad := []store.LedgerEntry{entries[0], {Tenant: "acme", Key: "c"}}
	if err := st.AddLedger(ctx, bad); err == nil {
		t.Error("an entry without a state was taken")
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	for _, c := range []struct {
		from, to int64
		want     []store.LedgerEntry
	}{
		{0, 1000, []store.LedgerEntry{entries[0], entries[1], entries[3]}},
		{100, 200, entries[1:2]},
		{201, 1000, nil},
	} {
		got, err := n.Ledger(ctx, "acme", c.from, c.to)
		must(t, err)
		for i := range got {
			if got[i].ID == 0 {
				t.Errorf("entry %d has no ID", i)
			}
			got[i].ID = 0
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("from %d to %d: %+v, not %+v", c.from, c.to, got, c.want)
		}
	}
}
