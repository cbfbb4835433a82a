package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// PullRow is what a pull did for one tenant, or would do.
type PullRow struct {
	Tenant string
	// Listed = Already + Stored + Excused + len(Missing), counts of recordings.
	Listed, Already, Stored, Excused int
	Missing                          []PullMissing
	// Findings are recordings that were stored although something about them is odd.
	Findings []PullMissing
	// Bytes were stored, Wasted downloaded in vain.
	Bytes, Wasted int64
	// Elsewhere is another host that bodies came from, Stopped why downloads ended early, Error what
	// made the run fail; each "" for nothing.
	Elsewhere, Stopped, Error string
	// Unlisted says that nobody knows what there is to fetch: the list could not be read.
	Unlisted       bool
	Started, Ended time.Time
	Plan           PullPlan
}

// PullMissing is a recording that is not there, or that is odd, and why.
type PullMissing struct {
	Key   string
	Start time.Time
	// Bytes is the listed size; 0 means that the list does not say.
	Bytes int64
	Why   string
}

// PullPlan is what a pull foresaw.
type PullPlan struct {
	// Recordings with Bytes are to be fetched, UnknownSizes of them of a size that is a guess.
	Recordings, UnknownSizes int
	Bytes                    int64
	// Fits of them, with FitBytes, can be fetched in Takes.
	Fits     int
	FitBytes int64
	Takes    time.Duration
	// SumAfter is the rolling sum then, Share its part of the cap; 0 where no cap is known.
	SumAfter int64
	Share    float64
	// Binds names the limit that ends the run first, "" for none; RestFrom is when the next recording
	// may be begun where the cap binds, DoneOn when the backlog ends and Nights how many runs that
	// takes. The zero time means never, or that it does not apply.
	Binds    string
	RestFrom time.Time
	DoneOn   time.Time
	Nights   int
}

type pullDoc struct {
	Schema  string          `json:"schema"`
	DryRun  bool            `json:"dry_run"`
	Tenants []pullTenantDoc `json:"tenants"`
}

type pullTenantDoc struct {
	Tenant    string           `json:"tenant"`
	Complete  bool             `json:"complete"`
	Listed    int              `json:"listed"`
	Already   int              `json:"already_stored"`
	Stored    int              `json:"stored"`
	Excused   int              `json:"excused"`
	Missing   []pullMissingDoc `json:"missing"`
	Findings  []pullMissingDoc `json:"findings"`
	Bytes     int64            `json:"bytes"`
	Wasted    int64            `json:"wasted_bytes"`
	Elsewhere string           `json:"redirected_to,omitempty"`
	Stopped   string           `json:"stopped,omitempty"`
	Error     string           `json:"error,omitempty"`
	Started   string           `json:"started_at"`
	Ended     string           `json:"ended_at"`
	Plan      pullPlanDoc      `json:"plan"`
}

type pullMissingDoc struct {
	Key   string `json:"key"`
	Start string `json:"started_at"`
	Bytes *int64 `json:"bytes"`
	Why   string `json:"why"`
}

type pullPlanDoc struct {
	Recordings   int      `json:"recordings"`
	UnknownSizes int      `json:"unknown_sizes"`
	Bytes        int64    `json:"bytes"`
	Fits         int      `json:"fits"`
	FitBytes     int64    `json:"fit_bytes"`
	Takes        float64  `json:"takes_s"`
	SumAfter     int64    `json:"rolling_bytes_after"`
	Share        *float64 `json:"share_of_cap_after"`
	Binds        *string  `json:"binds"`
	RestFrom     *string  `json:"rest_from"`
	DoneOn       *string  `json:"done_on"`
	Nights       int      `json:"nights"`
}

// Pull writes what a pull did, in the order given; dry says that it only planned. It returns an
// error that is ErrFormat for an unknown format, and w's.
func Pull(w io.Writer, rows []PullRow, dry bool, o Options) error {
	l := pullListing(dry)
	doc := pullDoc{Schema: "headroom.pull/v1", DryRun: dry, Tenants: []pullTenantDoc{}}
	for i := range rows {
		doc.Tenants = append(doc.Tenants, newPullTenantDoc(&rows[i]))
		if dry {
			l.rows = append(l.rows, planCells(&rows[i], o.location()))
		} else {
			l.rows = append(l.rows, pullCells(&rows[i])...)
		}
		l.records = append(l.records, pullRecord(&rows[i]))
	}
	l.doc = doc
	return l.write(w, o)
}

func pullListing(dry bool) *listing {
	l := &listing{
		what: "pull", empty: "No tenant was pulled.",
		columns: []column{
			{head: "Tenant", wrap: true}, {head: "Listed", right: true}, {head: "Had", right: true},
			{head: "New", right: true}, {head: "Missing", right: true},
			{head: "Bytes", right: true}, {head: "Why", wrap: true},
		},
		squeeze: []squeeze{{6, 24}, {0, 12}},
		head: []string{
			"tenant", "listed", "already_stored", "stored", "excused", "missing", "bytes",
			"wasted_bytes", "stopped", "error",
		},
	}
	if dry {
		l.columns = []column{
			{head: "Tenant", wrap: true}, {head: "To fetch", right: true}, {head: "Bytes", right: true},
			{head: "Takes", right: true}, {head: "Rolling sum", right: true},
			{head: "Tonight", wrap: true},
		}
		l.squeeze = []squeeze{{5, 24}, {0, 12}}
	}
	return l
}

// pullCells are a tenant's lines: the first reason stands on the first, the others below.
func pullCells(r *PullRow) [][]string {
	count := func(n int) string { return measure.Grouped(int64(n)) }
	first := []string{
		text.ShortenMiddle(text.Clean(r.Tenant), text.MaxName), count(r.Listed), count(r.Already),
		count(r.Stored), count(len(r.Missing)), measure.Bytes(r.Bytes), "",
	}
	if r.Unlisted {
		for i := 1; i < len(first)-1; i++ {
			first[i] = measure.None
		}
	}
	lines := [][]string{first}
	for i, reason := range r.reasons() {
		if i > 0 {
			lines = append(lines, make([]string, len(first)))
		}
		lines[i][len(first)-1] = reason
	}
	return lines
}

// mostReasons is how many reasons of one kind a table names.
const mostReasons = 3

// reasons say in a line each what a reader must know: what failed, what is missing and why.
func (r *PullRow) reasons() []string {
	var lines []string
	if r.Error != "" {
		lines = append(lines, r.Error)
	}
	missing := grouped(r.Missing)
	for i, g := range missing {
		if i == mostReasons {
			lines = append(lines, fmt.Sprintf("%s more; --format json names each",
				measure.Count(int64(len(missing)-i), "reason")))
			break
		}
		if len(lines) == 0 || lines[0] != g.why {
			lines = append(lines, fmt.Sprintf("%s missing: %s", measure.Grouped(int64(len(g.of))), g.why))
		}
	}
	for i, f := range r.Findings {
		if i == mostReasons {
			lines = append(lines, fmt.Sprintf("%s more stored that are odd; --format json names each",
				measure.Grouped(int64(len(r.Findings)-i))))
			break
		}
		lines = append(lines, fmt.Sprintf("stored, but %s: %s", f.Why, f.Key))
	}
	if r.Excused > 0 {
		lines = append(lines, measure.Grouped(int64(r.Excused))+" gone at the vendor or excluded")
	}
	if r.Wasted > 0 {
		lines = append(lines, measure.Bytes(r.Wasted)+" downloaded in vain")
	}
	if r.Elsewhere != "" {
		lines = append(lines, "the audio came from "+r.Elsewhere)
	}
	return lines
}

// group is the recordings that are missing for one reason.
type group struct {
	why string
	of  []PullMissing
}

func grouped(missing []PullMissing) []group {
	byWhy := map[string][]PullMissing{}
	for _, m := range missing {
		byWhy[m.Why] = append(byWhy[m.Why], m)
	}
	groups := make([]group, 0, len(byWhy))
	for _, why := range slices.Sorted(maps.Keys(byWhy)) {
		groups = append(groups, group{why, byWhy[why]})
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(len(b.of), len(a.of)) })
	return groups
}

func planCells(r *PullRow, loc *time.Location) []string {
	p := &r.Plan
	if r.Error != "" {
		return []string{
			text.ShortenMiddle(text.Clean(r.Tenant), text.MaxName),
			measure.None, measure.None, measure.None, measure.None, r.Error,
		}
	}
	after := measure.Bytes(p.SumAfter)
	if p.Share > 0 {
		after += " " + measure.Percent(p.Share)
	}
	return []string{
		text.ShortenMiddle(text.Clean(r.Tenant), text.MaxName), measure.Grouped(int64(p.Recordings)),
		measure.Bytes(p.Bytes), p.length(), after, p.tonight(loc),
	}
}

// length is how long a run takes, foreseen and therefore in no parts of a second.
func (p *PullPlan) length() string {
	if p.Takes < 2*time.Minute {
		return measure.Grouped(int64(p.Takes.Round(time.Second)/time.Second)) + " s"
	}
	return measure.Duration(p.Takes.Microseconds())
}

// tonight says what fits, what binds first, and what becomes of the rest.
func (p *PullPlan) tonight(loc *time.Location) string {
	if p.Recordings == 0 {
		return "nothing to fetch"
	}
	s := "all of it fits"
	if p.Fits < p.Recordings {
		limit := p.Binds
		if !strings.HasPrefix(limit, "-") { // a flag has no article
			limit = "the " + limit
		}
		s = fmt.Sprintf("%s fit, then %s binds", measure.Grouped(int64(p.Fits)), limit)
		if p.Fits == 0 {
			s = "none fits: " + limit + " binds"
		}
		if !p.RestFrom.IsZero() {
			s += "; the rest from " + measure.Minute(p.RestFrom, loc)
		}
		if p.DoneOn.IsZero() {
			s += "; the backlog never ends at this rate"
		} else {
			s += fmt.Sprintf("; done in night %d, %s", p.Nights, measure.Date(p.DoneOn, loc))
		}
	}
	if p.UnknownSizes > 0 {
		s += "; " + measure.Grouped(int64(p.UnknownSizes)) + " of unknown size"
	}
	return s
}

func newPullTenantDoc(r *PullRow) pullTenantDoc {
	return pullTenantDoc{
		Tenant: r.Tenant, Complete: r.Error == "" && len(r.Missing) == 0,
		Listed: r.Listed, Already: r.Already, Stored: r.Stored, Excused: r.Excused,
		Missing: pullMissingDocs(r.Missing), Findings: pullMissingDocs(r.Findings),
		Bytes: r.Bytes, Wasted: r.Wasted, Elsewhere: r.Elsewhere, Stopped: r.Stopped, Error: r.Error,
		Started: measure.Exact(r.Started), Ended: measure.Exact(r.Ended), Plan: newPullPlanDoc(&r.Plan),
	}
}

func pullMissingDocs(list []PullMissing) []pullMissingDoc {
	docs := make([]pullMissingDoc, len(list))
	for i, m := range list {
		docs[i] = pullMissingDoc{m.Key, measure.Exact(m.Start), positiveOrNull(m.Bytes), m.Why}
	}
	return docs
}

func newPullPlanDoc(p *PullPlan) pullPlanDoc {
	d := pullPlanDoc{
		Recordings: p.Recordings, UnknownSizes: p.UnknownSizes, Bytes: p.Bytes, Fits: p.Fits,
		FitBytes: p.FitBytes, Takes: p.Takes.Seconds(), SumAfter: p.SumAfter, Nights: p.Nights,
		RestFrom: timeOrNull(p.RestFrom), DoneOn: timeOrNull(p.DoneOn),
	}
	if p.Share > 0 {
		d.Share = &p.Share
	}
	if p.Binds != "" {
		d.Binds = &p.Binds
	}
	return d
}

func pullRecord(r *PullRow) map[string]cell {
	return map[string]cell{
		"tenant": words(r.Tenant), "listed": whole(int64(r.Listed)),
		"already_stored": whole(int64(r.Already)),
		"stored":         whole(int64(r.Stored)), "excused": whole(int64(r.Excused)),
		"missing": whole(int64(len(r.Missing))), "bytes": whole(r.Bytes), "wasted_bytes": whole(r.Wasted),
		"stopped": words(r.Stopped), "error": words(r.Error),
	}
}
