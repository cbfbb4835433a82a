package storetest

import (
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// listed gives acme's recordings that began in [from, to).
func listed(t *testing.T, st handle, from, to int64) []store.Recording {
	t.Helper()
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	got, err := n.Recordings(ctx, "acme", from, to)
	must(t, err)
	return got
}

// testRecordings: what is listed twice is there once, in order of time, and whichever way it came
// in.
func testRecordings(t *testing.T, st handle) {
	const hour = 3600e6
	r := []store.Recording{
		{Tenant: "acme", Key: "a-1", StartedAt: 100, Duration: hour, Bytes: 9_000_000},
		{Tenant: "acme", Key: "b-1", StartedAt: 100, Duration: hour / 2, Bytes: 4_000_000},
		{Tenant: "acme", Key: "c-3", StartedAt: 300, Duration: 0, Bytes: 5},
		{Tenant: "acme", Key: "d-4", StartedAt: 400, Duration: hour, Bytes: 0},
	}
	other := r[0]
	other.Tenant = "other"
	added, err := st.AddRecordings(ctx, []store.Recording{r[2], r[0], other, r[2]})
	must(t, err)
	if added != 3 {
		t.Errorf("%d were added, not 3", added)
	}
	im, err := st.BeginImport(ctx)
	must(t, err)
	must(t, im.AddRecordings(ctx, r[:2]))
	must(t, im.Close(ctx))
	if im.Added() != 1 || im.Duplicates() != 1 {
		t.Errorf("the import says %d new and %d duplicate, not 1 and 1", im.Added(), im.Duplicates())
	}
	rec := st.recorder()
	rec.RecordListed(slices.Clone(r[2:]))
	must(t, rec.Close())

	if got := listed(t, st, 0, 1000); !slices.Equal(got, r) {
		t.Errorf("listed are %+v", got)
	}
	if got := listed(t, st, 101, 400); !slices.Equal(got, r[2:3]) {
		t.Errorf("between the times are %+v", got)
	}
	n, err := st.Snapshot(ctx)
	must(t, err)
	defer n.Close()
	for upto, want := range map[int64]store.Recorded{
		1000: {Recordings: 4, Hours: 1.5, Bytes: 13_000_000}, 100: {},
	} {
		if got, err := n.Recorded(ctx, "acme", 0, upto); err != nil || got != want {
			t.Errorf("up to %d they add up to %+v, %v", upto, got, err)
		}
	}
	if got, err := n.Recordings(ctx, "nobody", 0, 1000); err != nil || len(got) != 0 {
		t.Errorf("nobody has %+v, %v", got, err)
	}
	for _, bad := range []store.Recording{
		{Key: "a"}, {Tenant: "acme"}, {Tenant: "acme", Key: "a", Bytes: -1},
		{Tenant: "acme", Key: "a", StartedAt: -1},
	} {
		if _, err := st.AddRecordings(ctx, []store.Recording{r[0], bad}); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}
