package analyze_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// leftOut is a log of 40 nights of 20 calls, where one of the night ten days ago and five of the last
// night are left out, and says which.
func leftOut(t *testing.T) (st *sqlite.Store, left []store.Recording, asOf time.Time) {
	t.Helper()
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "left.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	const nights = 40
	for night := range nights {
		asOf = time.Date(2026, 6, 2+night, 8, 0, 0, 0, time.UTC)
		requests, list := listedNight(night, asOf)
		asked := map[string]bool{}
		for _, r := range requests {
			asked[r.Key] = true
		}
		for i, rec := range list {
			gap := night == nights-10 && i == 3 || night == nights-1 && i < 5
			switch {
			case gap && asked[rec.Key]:
				requests = slices.DeleteFunc(requests, func(r store.Request) bool { return r.Key == rec.Key })
			case !gap && !asked[rec.Key]:
				again := requests[0]
				again.Key, again.ResponseBytes = rec.Key, rec.Bytes
				again.StartedAt += 3600e6
				requests = append(requests, again)
			}
			if gap {
				left = append(left, rec)
			}
		}
		if err := st.Append(t.Context(), requests); err != nil {
			t.Fatal(err)
		}
		if _, err := st.AddRecordings(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	return st, left, asOf
}

// What a pull's ledger says is gone or excluded is not missing: neither the audit nor the forecast
// waits for it. What was refused is, and what the ledger learned later than the audit's moment.
func TestLedgerAccountsForWhatIsLeftOut(t *testing.T) {
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		states  []string // of each recording, in order
		after   time.Duration
		missing int64
		overdue bool
	}{
		{"no ledger", nil, 0, 1, true},
		{"gone", []string{store.LedgerGone}, 0, 0, false},
		{"excluded", []string{store.LedgerRefused, store.LedgerExcluded}, 0, 0, false},
		{"stored", []string{store.LedgerStored, store.LedgerRefused}, 0, 0, false},
		{"refused", []string{store.LedgerRefused}, 0, 1, true},
		{"gone later", []string{store.LedgerGone}, time.Hour, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			st, left, asOf := leftOut(t)
			for _, state := range c.states {
				for _, rec := range left {
					e := store.LedgerEntry{
						Tenant: "acme", Key: rec.Key, StartedAt: rec.StartedAt, State: state,
						At: asOf.Add(c.after).UnixMicro(),
					}
					if err := st.AddLedger(t.Context(), []store.LedgerEntry{e}); err != nil {
						t.Fatal(err)
					}
				}
			}
			snap, err := st.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer snap.Close()
			about := func(string) egress.Tenant { return egress.Tenant{Chance: -1} }
			r, _, err := analyze.Run(t.Context(), snap,
				analyze.Options{Policy: policy, AsOf: asOf, About: about})
			if err != nil {
				t.Fatal(err)
			}
			var missing int64
			for _, f := range r.Tenants[0].Findings {
				if f.Rule == rules.ListedNotDownloaded {
					missing = f.Count
				}
			}
			if missing != c.missing {
				t.Errorf("the audit says that %d are missing, not %d", missing, c.missing)
			}
			p, err := outlook.Project(t.Context(), snap,
				outlook.Options{Policy: policy, AsOf: asOf, About: about})
			if err != nil {
				t.Fatal(err)
			}
			notes := strings.Join(p.Tenants[0].Notes, "\n")
			if strings.Contains(notes, "overdue") != c.overdue {
				t.Errorf("the forecast notes %q; overdue should be %v", notes, c.overdue)
			}
		})
	}
}
