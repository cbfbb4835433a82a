package analyze_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

var histories = flag.Uint64("histories", budget(30, 300), "how many random histories to audit twice")

// budget is the long one where everything is tried.
func budget(short, long uint64) uint64 {
	if os.Getenv("HEADROOM_CI") != "" {
		return long
	}
	return short
}

// TestAuditEqualsBruteForce asks for the audit of random histories, night after night, with and without the cache, from
// the start and from saved states, whole and of ranges. A failure prints the fewest requests that still show it.
func TestAuditEqualsBruteForce(t *testing.T) {
	const parts = 4 // so that a second processor takes half
	var resumed atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range uint64(parts) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := part; seed < *histories; seed += parts {
					all := steps(rand.New(rand.NewPCG(seed, 8)))
					found, n := replay(t, all)
					resumed.Add(int64(n))
					if found != "" {
						all, found = shrink(t, all, found)
						t.Fatalf("history %d:\n%s%s", seed, found, narrate(all))
					}
				}
			})
		}
	})
	if resumed.Load() == 0 {
		t.Error("no audit was continued from a saved state, so none of that was tested")
	}
}

// TestLongAuditEqualsBruteForce has enough requests for several packed chunks, nights that are continued from saved
// states, a log that arrives late, and recordings downloaded again long after.
func TestLongAuditEqualsBruteForce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const part = longAudit / 11
	r := rand.New(rand.NewPCG(1, 9))
	s := newStyle(r, "acorp")
	s.routes, s.keys = s.routes[:1], 3000
	s.statuses, s.repeat = slices.Concat(slices.Repeat([]int{200}, 60), statuses), 0
	s.gaps, s.sources = slices.Concat(slices.Repeat(shortGaps, 20), longGaps), slices.Concat(exact, whole)
	start := int64(1_793_000_000) * second
	rows := s.requests(r, start, longAudit)
	late := slices.Concat(s.requests(r, start, 40), s.requests(r, rows[8*part].StartedAt, 5))
	know := map[string]egress.Tenant{"acorp": {Name: "acorp", Cap: egress.CapFacts{Told: 3000 * 5e9}, Chance: -1}}
	last := rows[len(rows)-1].StartedAt
	all := []step{
		{rows: rows[:6*part], refresh: true, save: true, abouts: know, asOf: rows[6*part-1].StartedAt},
		{rows: rows[6*part : 10*part], imported: true, save: true, abouts: know, asOf: rows[10*part-1].StartedAt + day},
		{rows: rows[10*part:], refresh: true, save: true, abouts: know, asOf: last + 2*day},
		{rows: late, refresh: true, save: true, abouts: know, asOf: last + 2*day,
			ranges: []question{{last, rows[4*part].StartedAt, rows[10*part].StartedAt}}},
	}
	found, resumed := replay(t, all)
	if found != "" {
		t.Fatal(found)
	}
	if resumed < 3 {
		t.Errorf("%d audits were continued from a saved state, want at least the repeated ones", resumed)
	}
}

// trial is a history as it is being replayed.
type trial struct {
	policy  *limits.Policy
	st      store.Log
	stored  int64
	resets  []store.Event
	resumed int // audits that were continued from a saved state
	// answers are those of brute force to the step's questions, which are asked several times.
	answers map[asked]answer
}

// asked is a question about a tenant.
type asked struct {
	question
	tenant string
}

// answer is what brute force says.
type answer struct {
	result analyze.Result
	ids    map[string][]int64
	told   []string
}

func (x *trial) answer(q question, about egress.Tenant, log []store.Request) answer {
	key := asked{q, about.Name}
	a, ok := x.answers[key]
	if !ok {
		a.result, a.ids, a.told = bruteAudit(q, about, log, x.resetsOf(about.Name))
		x.answers[key] = a
	}
	return a
}

// replay carries out the steps on a new store and gives the first difference, "" if there is none.
func replay(t *testing.T, all []step) (found string, resumed int) {
	t.Helper()
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(filepath.Join(t.TempDir(), "log.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	x := &trial{policy: policy, st: st}
	for i := range all {
		if found, err = x.night(t.Context(), &all[i]); err == nil && found == "" && i == len(all)-1 {
			found, err = x.rebuilt(t.Context(), &all[i])
		}
		if err != nil {
			found = fmt.Sprintf("  error: %v\n", err)
		}
		if found != "" {
			return fmt.Sprintf("after night %d:\n%s", i, found), x.resumed
		}
	}
	return "", x.resumed
}

func (x *trial) night(ctx context.Context, s *step) (string, error) {
	x.answers = map[asked]answer{}
	if err := x.arrive(ctx, s); err != nil {
		return "", err
	}
	for _, e := range s.resets {
		x.resets = append(x.resets, e)
		if err := x.st.AddEvent(ctx, e); err != nil {
			return "", err
		}
	}
	if s.drop {
		if err := x.st.DropCache(ctx); err != nil {
			return "", err
		}
	}
	if s.refresh {
		if err := x.st.Refresh(ctx); err != nil {
			return "", err
		}
	}
	for i, save := range []bool{s.save, false} { // the second run finds nothing new
		if found, err := x.ask(ctx, s, save, i == 0); found != "" || err != nil {
			return found, err
		}
	}
	return "", nil
}

// rebuilt asks again without a cache, and with one made anew.
func (x *trial) rebuilt(ctx context.Context, s *step) (string, error) {
	if err := x.st.DropCache(ctx); err != nil {
		return "", err
	}
	if found, err := x.ask(ctx, s, true, true); found != "" || err != nil {
		return "with an empty cache:\n" + found, err
	}
	if err := x.st.Refresh(ctx); err != nil {
		return "", err
	}
	found, err := x.ask(ctx, s, true, false)
	if found != "" {
		found = "with the cache made anew:\n" + found
	}
	return found, err
}

// arrive stores the rows, in two parts.
func (x *trial) arrive(ctx context.Context, s *step) error {
	rows := slices.Clone(s.rows)
	half := len(rows) / 3
	if !s.imported {
		x.stored += int64(len(rows))
		for _, part := range [][]store.Request{rows[:half], rows[half:]} {
			if err := x.st.Append(ctx, part); err != nil {
				return err
			}
		}
		return nil
	}
	for _, part := range [][]store.Request{rows[:half], rows[half:]} {
		im, err := x.st.BeginImport(ctx)
		if err != nil {
			return err
		}
		if err := im.Add(ctx, part); err != nil {
			return err
		}
		if err := im.Close(ctx); err != nil {
			return err
		}
		if im.Added()+im.Duplicates() != int64(len(part)) {
			return fmt.Errorf("import %d requests: added %d, duplicates %d", len(part), im.Added(), im.Duplicates())
		}
		x.stored += im.Added()
	}
	return nil
}

// ask compares the audit of the whole log, and of the step's ranges, with brute force, and with
// explain also what is explained, which no saved state changes.
func (x *trial) ask(ctx context.Context, s *step, save, explain bool) (string, error) {
	snap, err := x.st.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	defer snap.Close()
	var log []store.Request
	for r, err := range snap.Rows(ctx, "", store.Range{From: math.MinInt64}) {
		if err != nil {
			return "", err
		}
		log = append(log, r)
	}
	if int64(len(log)) != x.stored {
		return fmt.Sprintf("  got  %d rows\n  want %d\n", len(log), x.stored), nil
	}
	for _, q := range append([]question{unbounded(s.asOf)}, s.ranges...) {
		found, saved, err := x.compare(ctx, snap, s, q, log, explain)
		if err != nil || found != "" {
			return fmt.Sprintf("  as of %d, since %d, until %d\n%s", q.asOf, q.since, q.until, found), err
		}
		if save && q == unbounded(q.asOf) {
			if err := x.st.SaveStates(ctx, snap, saved.Key, saved.States); err != nil {
				return "", err
			}
		}
	}
	return "", nil
}

func (x *trial) compare(
	ctx context.Context, snap store.Snapshot, s *step, q question, log []store.Request, explain bool,
) (string, analyze.Saved, error) {
	o := options(x.policy, s, q)
	report, saved, err := analyze.Run(ctx, snap, o)
	if err != nil {
		return "", saved, err
	}
	if q == unbounded(q.asOf) {
		x.resumed += len(report.Tenants) - len(saved.States)
	}
	var got, want []string
	var results []analyze.Result
	for _, r := range report.Tenants {
		got = append(got, describe(r)...)
		got = append(got, describeIncidents(r)...)
		a := x.answer(q, s.abouts[r.Tenant], log)
		results = append(results, a.result)
		want = append(want, a.told...)
		if !explain {
			continue
		}
		hits, err := explained(ctx, snap, o, r.Tenant)
		if err != nil {
			return "", saved, err
		}
		got, want = append(got, hits...), append(want, listed(a.result, a.ids)...)
	}
	for _, r := range results {
		want = append(want, describe(r)...)
	}
	got = append(got, fmt.Sprintf("tenants %d, later %d", len(report.Tenants), report.Later))
	want = append(want, fmt.Sprintf("tenants %d, later %d", x.tenants(log), later(log, q.asOf)))
	slices.Sort(got)
	slices.Sort(want)
	return diff(got, want), saved, nil
}

func options(p *limits.Policy, s *step, q question) analyze.Options {
	o := analyze.Options{Policy: p, AsOf: time.UnixMicro(q.asOf), About: func(name string) egress.Tenant { return s.abouts[name] }}
	if q.since != math.MinInt64 {
		o.Since = time.UnixMicro(q.since)
	}
	if q.until != math.MaxInt64 {
		o.Until = time.UnixMicro(q.until)
	}
	return o
}

func (x *trial) resetsOf(tenant string) (at []int64) {
	for _, e := range x.resets {
		if e.Tenant == tenant {
			at = append(at, e.At)
		}
	}
	return at
}

// tenants counts those that requests or events name.
func (x *trial) tenants(log []store.Request) int {
	seen := map[string]bool{}
	for _, e := range x.resets {
		seen[e.Tenant] = true
	}
	for _, r := range log {
		seen[r.Tenant] = true
	}
	return len(seen)
}

func later(log []store.Request, asOf int64) (n int) {
	for _, r := range log {
		if r.StartedAt > asOf {
			n++
		}
	}
	return n
}

// explained writes down, by rule, the ids of all hits.
func explained(ctx context.Context, snap store.Snapshot, o analyze.Options, tenant string) ([]string, error) {
	ids := map[string][]int64{}
	err := analyze.Explain(ctx, snap, o, tenant, func(h analyze.Hit) { ids[h.Rule] = append(ids[h.Rule], h.ID) })
	return idLines(tenant, ids), err
}

// listed is what explained should give; each rule that counts requests lists as many as it counts.
func listed(r analyze.Result, ids map[string][]int64) []string {
	for _, f := range r.Findings {
		counts := f.Rule != rules.PersistentError && f.Rule != rules.EgressNear && f.Rule != rules.Growing
		if counts && int64(len(ids[f.Rule])) != f.Count {
			return []string{"brute force contradicts itself on " + f.Rule}
		}
	}
	return idLines(r.Tenant, ids)
}

func idLines(tenant string, ids map[string][]int64) (lines []string) {
	for rule, list := range ids {
		if rule != rules.EgressNear && rule != rules.Growing {
			list = slices.Sorted(slices.Values(list))
			lines = append(lines, fmt.Sprintf("%s: explain %s: %v", tenant, rule, list))
		}
	}
	slices.Sort(lines)
	return lines
}

// shrink leaves out nights, requests and questions as long as a difference remains.
func shrink(t *testing.T, all []step, found string) ([]step, string) {
	tries := 400
	still := func(smaller []step) bool {
		tries--
		f, _ := replay(t, smaller)
		if f != "" {
			all, found = smaller, f
		}
		return f != ""
	}
	for i := len(all) - 1; i >= 0 && len(all) > 1; i-- {
		still(slices.Delete(slices.Clone(all), i, i+1))
	}
	for i := range all {
		for size := len(all[i].rows); size > 0; size /= 2 {
			for at := 0; at < len(all[i].rows) && tries > 0; {
				if !still(with(all, i, func(s *step) { s.rows = slices.Delete(s.rows, at, min(at+size, len(s.rows))) })) {
					at += size
				}
			}
		}
		still(with(all, i, func(s *step) { s.ranges = nil }))
		still(with(all, i, func(s *step) { s.resets = nil }))
		for k := len(all[i].ranges) - 1; k >= 0 && len(all[i].ranges) > 1; k-- {
			still(with(all, i, func(s *step) { s.ranges = slices.Delete(s.ranges, k, k+1) }))
		}
		for k := len(all[i].resets) - 1; k >= 0 && len(all[i].resets) > 1; k-- {
			still(with(all, i, func(s *step) { s.resets = slices.Delete(s.resets, k, k+1) }))
		}
	}
	return all, found
}

// with is the steps with one changed.
func with(all []step, i int, change func(*step)) []step {
	all = slices.Clone(all)
	s := &all[i]
	s.rows, s.ranges, s.resets = slices.Clone(s.rows), slices.Clone(s.ranges), slices.Clone(s.resets)
	change(s)
	return all
}

// narrate tells the steps.
func narrate(all []step) string {
	var b strings.Builder
	for i, s := range all {
		fmt.Fprintf(&b, "night %d: import %t, drop %t, refresh %t, save %t, as of %d\n", i, s.imported, s.drop, s.refresh, s.save, s.asOf)
		for _, r := range s.rows {
			fmt.Fprintf(&b, "  %s %d %s %s %d, %d bytes, took %d, retry %d, cut %t, client %q, params %q, resolution %d %s\n", r.Tenant,
				r.StartedAt, r.Route.Method, r.URL(), r.Status, r.ResponseBytes, r.Duration, r.RetryAfter, r.CutShort, r.Client, r.Params,
				r.Source.Resolution, r.Source.Kind)
		}
		for _, e := range s.resets {
			fmt.Fprintf(&b, "  reset of %s at %d\n", e.Tenant, e.At)
		}
		for name, a := range s.abouts {
			fmt.Fprintf(&b, "  about %s: cap %+v, chance %v, window %v\n", name, a.Cap, a.Chance, a.Window)
		}
	}
	return b.String()
}
