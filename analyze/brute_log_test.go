package analyze_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/store"
)

// step is one night: what arrives, what is done to the cache, and what is asked then.
type step struct {
	rows     []store.Request
	imported bool // through an Import, else through Append
	resets   []store.Event
	drop     bool // empty the cache
	refresh  bool
	save     bool // keep the states
	abouts   map[string]egress.Tenant
	asOf     int64
	ranges   []question // asked beside the whole log
}

// nightly is a window in hours UTC.
type nightly struct{ from, to int }

func (n nightly) Contains(t time.Time) bool { return t.Hour() >= n.from && t.Hour() < n.to }

// pick gives one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// style is what one tenant's requests are like.
type style struct {
	tenant   string
	gaps     []int64
	statuses []int
	repeat   float64 // how often the last status comes again
	keys     int
	clients  []string
	sources  []*store.Source
	routes   []*store.Route
}

// The edges of the rules, and what lies next to them.
var (
	shortGaps = []int64{0, 0, 1, second / 2, second - 1, second, second + 1, 2 * second, 3*second - 1, 3 * second, 3*second + 1, 4 * second, 5 * second}
	longGaps  = []int64{6 * second, 12 * second, 60 * second, 5 * minute, 10 * minute, 10*minute + 1, 15 * minute, 15*minute + 1, hour}
	dayGaps   = []int64{7 * hour, day, day + 1, day - 1, 119 * hour, 5*day - 1, 5 * day, 5*day + 1, 11 * day}
	statuses  = []int{200, 200, 200, 0, 202, 204, 302, 400, 401, 403, 404, 405, 418, 422, 429, 500, 503, 509}
)

var (
	exact = []*store.Source{{Kind: "transport", Name: "puller"}, {Kind: "jsonl", Name: "a.jsonl"}}
	whole = []*store.Source{{Kind: "combined", Name: "access.log", Resolution: second}}
)

func newStyle(r *rand.Rand, tenant string) style {
	origin := "https://" + tenant + ".xima.cloud"
	route := func(method, template string) *store.Route {
		// The class was another when the route was stored: an audit asks its own policy.
		return &store.Route{Method: method, Origin: origin, Template: template, Class: "outdated"}
	}
	sounds := []*store.Route{
		route("GET", "/rest/api/v2/recordings/{+recording_key}"),
		route("GET", "/rest/api/v2/recordings/{+recording_key}/audio"),
		route("GET", "/rest/api/v2/recordings/{recording_key}"),
	}
	others := []*store.Route{
		route("GET", "/rest/api/v2/recordings"), route("POST", "/rest/api/v1/historic-data/{+report_id}"),
		route("POST", "/rest/api/v1/historic-data/{+report_id}"), route("POST", "/rest/api/v1/agents/{extension}/click-to-dial"),
		route("GET", "/rest/api/*"), route("DELETE", "/rest/api/v2/recordings"),
	}
	s := style{tenant: tenant, gaps: shortGaps, keys: 1 + r.IntN(12), repeat: pick(r, 0, 0.3, 0.7)}
	s.routes = pick(r, sounds[:1], sounds, slices.Concat(sounds, sounds, others), others)
	for range r.IntN(3) {
		s.gaps = slices.Concat(s.gaps, pick(r, shortGaps, longGaps, dayGaps, longGaps[6:]))
	}
	s.statuses = pick(r, statuses, statuses[:1], []int{429, 200}, []int{401, 200, 403}, []int{500, 503, 200, 404}, []int{509, 200}, []int{202, 200})
	s.clients = pick(r, []string{""}, []string{"a"}, []string{"a", "b"}, []string{"", "a", "b", "c"})
	s.sources = pick(r, exact[:1], exact, whole, slices.Concat(exact, whole))
	return s
}

// requests makes n requests of one style that start at about a time, in order.
func (s style) requests(r *rand.Rand, at int64, n int) []store.Request {
	var rows []store.Request
	status := 200
	for range n {
		if r.Float64() >= s.repeat {
			status = pick(r, s.statuses...)
		}
		rows = append(rows, s.request(r, at, status))
		at += pick(r, s.gaps...)
	}
	return rows
}

func (s style) request(r *rand.Rand, at int64, status int) store.Request {
	q := store.Request{Tenant: s.tenant, StartedAt: at, Status: status, Route: pick(r, s.routes...)}
	q.Client, q.Source = pick(r, s.clients...), pick(r, s.sources...)
	if q.Source.Resolution > 0 {
		q.StartedAt -= q.StartedAt % q.Source.Resolution
	}
	q.ResponseBytes = pick[int64](r, 0, 1, 10, 1000, 1000, 9111, 5e9)
	q.Duration = pick(r, 0, 0, 1, second/2, second, 70*second)
	q.RetryAfter = pick[int64](r, 0, 0, 0, 1, 3, 5, 90)
	q.CutShort = r.IntN(8) == 0
	switch key := r.IntN(s.keys); q.Route.Template {
	case "/rest/api/v2/recordings/{+recording_key}", "/rest/api/v2/recordings/{+recording_key}/audio":
		q.Key = fmt.Sprintf("recording-%04d", key)
	case "/rest/api/v1/historic-data/{+report_id}":
		q.Key, q.Params = pick(r, "7", "8"), fmt.Sprintf("%032x", 1000+key)
	case "/rest/api/v2/recordings":
		q.Query = pick(r, "", "startTime=2026-11-01T00:00Z", "startTime=2026-11-02T00:00Z")
	case "/rest/api/v1/agents/{extension}/click-to-dial": // nothing of its parameters is kept
	default:
		q.Params = fmt.Sprintf("%032x", key)
	}
	return q
}

// steps makes a random history of a few nights.
func steps(r *rand.Rand) []step {
	start := pick(r, int64(1_793_000_000)*second, int64(1_793_000_000)*second+123_457)
	nights := 1 + r.IntN(4)
	refresh := pick(r, 0.0, 0.5, 1)
	imports := pick(r, 0.0, 0.5)
	var styles []style
	for i := range 1 + r.IntN(3) {
		styles = append(styles, newStyle(r, string(rune('a'+i))+"corp"))
	}
	all := make([]step, nights)
	last, ends := start, map[string]int64{}
	orderly := r.IntN(2) == 0 // each night comes after the one before, and no sooner than it is asked about
	for i := range all {
		st := &all[i]
		st.refresh, st.imported = r.Float64() < refresh, r.Float64() < imports
		st.drop, st.save = r.IntN(8) == 0, r.IntN(4) > 0
		for _, s := range styles {
			at := start
			if end, ok := ends[s.tenant]; ok && orderly {
				at = pick(r, end, end+1, end+second, end+day)
			} else if i > 0 {
				at = pick(r, start, end, last, last+1, last+day, last-hour)
			}
			rows := s.requests(r, at, r.IntN(40))
			st.rows = append(st.rows, rows...)
			for _, q := range rows {
				ends[s.tenant] = max(ends[s.tenant], q.StartedAt)
			}
			st.resets = append(st.resets, someResets(r, all[:i+1], s.tenant)...)
		}
		for _, q := range st.rows {
			last = max(last, q.StartedAt)
		}
		if r.IntN(3) > 0 {
			r.Shuffle(len(st.rows), func(i, j int) { st.rows[i], st.rows[j] = st.rows[j], st.rows[i] })
		}
		ask(r, all[:i+1], styles, last)
		if orderly {
			st.save, st.drop, st.asOf = true, false, max(st.asOf, last)
		}
	}
	return all
}

// someResets are close to requests of any night so far: support's reset may be told late.
func someResets(r *rand.Rand, all []step, tenant string) (resets []store.Event) {
	var starts []int64
	for _, s := range all {
		for _, q := range s.rows {
			if q.Tenant == tenant {
				starts = append(starts, q.StartedAt)
			}
		}
	}
	for range r.IntN(2) * r.IntN(3) {
		if len(starts) > 0 {
			at := pick(r, starts...) + pick[int64](r, -1, 0, 1, 3*second)
			resets = append(resets, store.Event{Kind: store.EventReset, Tenant: tenant, At: at})
		}
	}
	return resets
}

// ask fills in what is asked after the last of the steps.
func ask(r *rand.Rand, all []step, styles []style, last int64) {
	st := &all[len(all)-1]
	var rows []store.Request
	for _, s := range all {
		rows = append(rows, s.rows...)
	}
	moment := func() int64 {
		if len(rows) == 0 {
			return last
		}
		return pick(r, rows...).StartedAt + pick[int64](r, -1, 0, 1, 120*hour)
	}
	st.asOf = pick(r, last, last, last+1, last+day, last+day+1, last+119*hour, last+6*day, moment())
	for range r.IntN(3) {
		q := unbounded(pick(r, st.asOf, moment()))
		if r.IntN(3) > 0 {
			q.since = moment()
		}
		if r.IntN(3) > 0 {
			q.until = moment()
		}
		st.ranges = append(st.ranges, q)
	}
	if len(all) > 1 && r.IntN(3) > 0 {
		st.abouts = all[len(all)-2].abouts
		return
	}
	st.abouts = map[string]egress.Tenant{}
	for _, s := range styles {
		st.abouts[s.tenant] = about(r, rows, s.tenant)
	}
}

// about makes up what is known of a tenant; a cap that was told is most often one that the sums just reach.
func about(r *rand.Rand, rows []store.Request, tenant string) egress.Tenant {
	t := egress.Tenant{Name: tenant, Chance: pick(r, -1, -1, 0.05, 0.1, 0.5)}
	if r.IntN(2) == 0 {
		var all, sum int64
		for _, q := range rows {
			if q.Tenant == tenant && class(q.Route) == audio {
				all += q.ResponseBytes
				sum += q.ResponseBytes * r.Int64N(2)
			}
		}
		t.Cap.Told = pick(r, all, all+all/4, all+all/4+1, sum, sum+1, 1)
	}
	t.Cap.Agents = pick(r, 0, 0, 1, 100)
	t.Cap.BytesPerHour = pick[float64](r, 0, 0, 25, 1e6)
	if r.IntN(3) == 0 {
		t.Window = pick(r, nightly{0, 6}, nightly{6, 24}, nightly{0, 24})
	}
	return t
}
