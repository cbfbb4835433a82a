package rules

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// TestClockSteppedInLongLogs: as long as clocks step back over fewer rows than are kept, each step is found, whatever was
// dropped before and after it, wherever one file ends and another begins, and with another tenant's memory.
func TestClockSteppedInLongLogs(t *testing.T) {
	sources := []*store.Source{{ID: 1}, {ID: 2}, {ID: 3}, nil}
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		var rows []store.Call
		at := int64(1_793_000_000e6)
		for id := range int64(3*mostRows + 100) {
			at += r.Int64N(3e6)
			if r.IntN(int(500*(seed+1))) == 0 {
				at -= r.Int64N(600e6) // over 400 rows
			}
			source := sources[int(id)*len(sources)/(3*mostRows+100)]
			if seed%2 == 1 && r.IntN(1000) == 0 {
				source = sources[r.IntN(len(sources))]
			}
			rows = append(rows, store.Call{ID: id + 1, StartedAt: at, Duration: r.Int64N(2e6), Source: source})
		}
		want := stepsBack(rows)
		slices.SortFunc(rows, func(x, y store.Call) int {
			return cmp.Or(cmp.Compare(x.StartedAt, y.StartedAt), cmp.Compare(x.ID, y.ID))
		})
		j := clockStepped.New(&Facts{}).(*clockSteppedJudge)
		var got []int64
		fire := func(e Evidence) { got = append(got, e.ID) }
		for i := range rows {
			j.Hear(&Call{Call: &rows[i], Kind: &Kind{}}, fire)
		}
		j.Settle(fire)
		slices.Sort(got)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("seed %d: %d steps found, want %d; more %v, missed %v", seed, len(got), len(want),
				without(got, want), without(want, got))
		}
	}
}

// stepsBack are the ids of rows that start and end more than a second before the one of their source that arrived before.
func stepsBack(arrived []store.Call) (ids []int64) {
	last := map[*store.Source]store.Call{}
	for _, r := range arrived {
		b, ok := last[r.Source]
		if ok && b.StartedAt-r.StartedAt > leastStep && b.StartedAt+b.Duration-r.StartedAt-r.Duration > leastStep {
			ids = append(ids, r.ID)
		}
		last[r.Source] = r
	}
	return ids
}

func without(all, of []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(all), func(id int64) bool { return slices.Contains(of, id) })
}
