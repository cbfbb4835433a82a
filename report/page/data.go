package page

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// pageData is what all tenants share. Names are short because there is one of most for each tenant.
type pageData struct {
	From int `json:"from"` // first day, days since 1970
	To   int `json:"to"`   // last day
	// Start is the first day of what the audit is about, counted from From.
	Start int       `json:"start"`
	Edges []float64 `json:"edges"`
	// EdgeNames are Edges in words, LimitName is Limit.
	EdgeNames []string        `json:"edgeNames"`
	Limit     float64         `json:"limit"` // seconds
	LimitName string          `json:"limitName"`
	Window    string          `json:"window"` // of the rolling sum, in words
	Burst     int             `json:"burst"`  // refused tokens in a row that are a violation
	Rules     []string        `json:"rules"`
	Weights   []string        `json:"weights"` // severity of each rule
	Advice    []string        `json:"advice"`  // of each rule; "" where no finding gave any
	Options   json.RawMessage `json:"options"`
	// Origins are what the tenants' requests were captured by; each tenant counts into them.
	Origins []originData `json:"origins"`
	Range   bool         `json:"range,omitempty"` // the audit is about a range, not about now
	Live    string       `json:"live,omitempty"`

	originAt map[originData]int // where each of Origins is
}

// tenantData are the days of one tenant, by column. All columns of days are as long as Day, but one
// that is empty on each of them is left out: sums.js puts it back.
type tenantData struct {
	Name string `json:"name"`
	Zone string `json:"zone"`
	// Clocks are what the zone's clocks show, oldest first. The page asks no browser, whose own rules
	// may be of another year than those that the program went by.
	Clocks  []zoneClock `json:"clocks"`
	Verdict string      `json:"verdict"`
	Cap     int64       `json:"cap"`
	P50     int64       `json:"p50"` // gaps of all days, microseconds; -1 without any
	P95     int64       `json:"p95"`
	Window  string      `json:"window"` // a digit for each hour of the week: 1 is inside

	Day      []int     `json:"day"` // since pageData.From
	Requests []int64   `json:"req"`
	Bytes    []int64   `json:"bytes"`
	Peak     []int64   `json:"peak"`
	PeakAt   []int64   `json:"peakAt"` // seconds since the day's beginning
	Paced    []int64   `json:"paced"`
	Violate  []int64   `json:"viol,omitempty"`
	Unclear  []int64   `json:"ind,omitempty"`
	Into     []int64   `json:"into"`
	IntoIs   []int64   `json:"intoIs,omitempty"` // 1 violation, 2 indeterminate, 4 interleaved
	Least    []int64   `json:"least"`
	Auth     []int64   `json:"auth,omitempty"`
	Answers  [][]int64 `json:"ans"`           // kind, count, …
	Gaps     [][]int64 `json:"gaps"`          // bucket, count, …
	Hours    [][]int64 `json:"hrs"`           // hour of the week, count, …
	Findings [][]int64 `json:"fnd,omitempty"` // rule, count, …
	Again    [][]int64 `json:"dup,omitempty"` // day before, count, bytes, …

	Kinds    []kindData `json:"kinds"`
	Largest  [][]int64  `json:"big"` // row, at, bytes, status
	Repeated [][]int64  `json:"rep"` // first row, at, last row, at, downloads, wasted
	// LargestKeys and RepeatedKeys are the recordings' keys, in the same order.
	LargestKeys  []string      `json:"bigKeys"`
	RepeatedKeys []string      `json:"repKeys"`
	Origins      []int64       `json:"from"` // of pageData.Origins, count, …
	Outlook      *outlookData  `json:"fc,omitempty"`
	Finds        map[int]int64 `json:"finds"` // counts of the audit by rule
	Now          nowData       `json:"now"`
	Resets       []int64       `json:"resets"` // seconds since 1970
	Usage        []usageData   `json:"use,omitempty"`
}

// nowData is what the audit says; the page shows it until another range is selected.
type nowData struct {
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
	Paced    int64 `json:"paced"`
	Violate  int64 `json:"violations"`
	Unclear  int64 `json:"unclear"`
	Least    int64 `json:"least"`
}

func newNowData(r *analyze.Result) nowData {
	s := r.Spacing
	return nowData{
		Requests: r.Requests, Bytes: r.Audio, Paced: s.Requests, Violate: s.Violations,
		Unclear: s.Indeterminate, Least: s.Min,
	}
}

type kindData struct {
	Method   string `json:"m"`
	Class    string `json:"c"`
	Status   int    `json:"s"`
	Expected bool   `json:"e"`
}

type originData struct {
	Kind       string  `json:"k"`
	Source     string  `json:"s"`
	Client     string  `json:"c"`
	Resolution float64 `json:"r"` // seconds
}

// outlookData is the forecast: for each coming day its time and the quantiles that are drawn.
type outlookData struct {
	Days [][]int64 `json:"days"` // at (seconds), 10, 25, 50, 75, 90 %
}

// drawnLevels are the edges of the bands that are drawn, and the median.
var drawnLevels = [...]float64{.1, .25, .5, .75, .9}

func newPageData(p *report.Picture, a *assets, window string) *pageData {
	d := &pageData{
		Window:    window,
		Edges:     []float64{},
		EdgeNames: []string{},
		Rules:     rules.Names(),
		Options:   json.RawMessage(a.options),
		Live:      p.Live,
		Burst:     rules.AuthBurst,
		Origins:   []originData{},
		originAt:  map[originData]int{},
		Range:     p.Audit.About == analyze.AboutRange,
	}
	for i := range p.Audit.Tenants {
		least := p.Audit.Tenants[i].Spacing.MinInterval
		d.Limit, d.LimitName = least.Seconds(), measure.Span(least)
	}
	for _, r := range d.Rules {
		d.Weights = append(d.Weights, string(rules.Of(r).Severity))
	}
	d.Advice = adviceOf(p.Audit, d.Rules)
	days := analyze.Daily{}
	if p.Days != nil {
		days = *p.Days
	}
	for _, e := range days.Edges {
		d.Edges = append(d.Edges, float64(e)/1e6)
		d.EdgeNames = append(d.EdgeNames, measure.Span(time.Duration(e)*time.Microsecond))
	}
	if len(days.Tenants) == 0 {
		d.From = int(p.Audit.AsOf.Unix() / 86400)
		d.To = d.From
		return d
	}
	d.From, d.To = math.MaxInt, math.MinInt
	for _, t := range days.Tenants {
		d.From, d.To = min(d.From, t.Days[0].Day), max(d.To, t.Days[len(t.Days)-1].Day)
	}
	if !p.Audit.Since.IsZero() {
		d.Start = min(max(int(p.Audit.Since.Unix()/86400), d.From), d.To) - d.From
	}
	return d
}

// adviceOf finds what each rule's findings advise.
func adviceOf(r *analyze.Report, rules []string) []string {
	all := make([]string, len(rules))
	for i := range r.Tenants {
		for _, f := range r.Tenants[i].Findings {
			if k := slices.Index(rules, f.Rule); k >= 0 {
				all[k] = text.Clean(f.Advice)
			}
		}
	}
	return all
}

func newTenantData(
	p *report.Picture, r *analyze.Result, about egress.Tenant, f *outlook.Projection, all *pageData,
) *tenantData {
	d := &tenantData{
		Name: text.Clean(r.Tenant), Zone: about.Zone.String(), Verdict: string(r.Verdict),
		Cap: r.Egress.Cap.Bytes, P50: r.Spacing.P50, P95: r.Spacing.P95,
		Window: weekOf(about, p.Audit.AsOf), Finds: map[int]int64{}, Now: newNowData(r),
	}
	for _, x := range r.Resets {
		d.Resets = append(d.Resets, x.At/1e6)
	}
	for _, x := range r.Findings {
		for i, name := range all.Rules {
			if name == x.Rule {
				d.Finds[i] = x.Count
			}
		}
	}
	if days := daysOf(p, r.Tenant); days != nil {
		d.fill(days, all)
	}
	d.Outlook, d.Usage = newOutlookData(f), usageTables(p, r.Tenant)
	const day = 86400 // seconds
	d.Clocks = zoneClocks(about.Zone, time.Unix(int64(all.From)*day, 0),
		time.Unix(int64(all.To+forecast.MaxHorizon+1)*day, 0))
	return d
}

// zoneClock is what a zone's clocks show from a time on, up to the next one.
type zoneClock struct {
	From  int64  `json:"from"`  // seconds since 1970
	Ahead int    `json:"ahead"` // of UTC, in seconds
	Name  string `json:"name"`
}

// zoneClocks are those of the days from the first, to some days after the last, for the times of a
// forecast.
func zoneClocks(zone *time.Location, from, to time.Time) []zoneClock {
	var clocks []zoneClock
	for at := from.In(zone); ; {
		name, ahead := at.Zone()
		clocks = append(clocks, zoneClock{at.Unix(), ahead, name})
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(to) {
			return clocks
		}
		at = end
	}
}

// weekOf marks the hours of the week that touch the nightly window; "" without one. The week is the
// one before asOf.
func weekOf(about egress.Tenant, asOf time.Time) string {
	if about.Window == nil {
		return ""
	}
	local := asOf.In(about.Zone)
	monday := local.AddDate(0, 0, -7-(int(local.Weekday())+6)%7)
	marks := make([]byte, 7*24)
	for i := range marks {
		at := time.Date(monday.Year(), monday.Month(), monday.Day()+i/24, i%24, 0, 0, 0, about.Zone)
		marks[i] = '0'
		if about.Window.Contains(at) || about.Window.Contains(at.Add(59*time.Minute)) {
			marks[i] = '1'
		}
	}
	return string(marks)
}

func (d *tenantData) fill(t *analyze.TenantDays, all *pageData) {
	for _, k := range t.Kinds {
		d.Kinds = append(d.Kinds,
			kindData{text.Clean(k.Method), text.Clean(k.Class), k.Status, k.Expected})
	}
	for i := range t.Days {
		d.add(&t.Days[i], all.From)
	}
	d.Violate, d.Unclear = unlessEmpty(d.Violate), unlessEmpty(d.Unclear)
	d.IntoIs, d.Auth = unlessEmpty(d.IntoIs), unlessEmpty(d.Auth)
	d.Findings, d.Again = unlessAllEmpty(d.Findings), unlessAllEmpty(d.Again)
	for _, l := range t.Largest {
		d.Largest = append(d.Largest, []int64{l.ID, l.At / 1e6, l.Bytes, int64(l.Status)})
		d.LargestKeys = append(d.LargestKeys, shownKey(l.Key))
	}
	for _, x := range t.Repeated {
		d.RepeatedKeys = append(d.RepeatedKeys, shownKey(x.Key))
		d.Repeated = append(d.Repeated,
			[]int64{x.FirstID, x.FirstAt / 1e6, x.LastID, x.LastAt / 1e6, x.Downloads, x.Wasted})
	}
	for _, o := range t.Origins[:min(len(t.Origins), maxOrigins)] {
		k := all.origin(originData{
			text.Clean(o.Kind), text.Brief(o.Source, text.MaxName), text.Brief(o.Client, text.MaxName),
			o.Resolution.Seconds(),
		})
		d.Origins = append(d.Origins, int64(k), o.Requests)
	}
}

// origin is the place of o in Origins, which gets it where it is new: tenants share most of theirs.
func (d *pageData) origin(o originData) int {
	k, ok := d.originAt[o]
	if !ok {
		k = len(d.Origins)
		d.originAt[o] = k
		d.Origins = append(d.Origins, o)
	}
	return k
}

// unlessEmpty is a column of days, nil where it is 0 on each of them.
func unlessEmpty(column []int64) []int64 {
	if slices.ContainsFunc(column, func(n int64) bool { return n != 0 }) {
		return column
	}
	return nil
}

// unlessAllEmpty is a column of days, nil where each of them has nothing in it.
func unlessAllEmpty(column [][]int64) [][]int64 {
	if slices.ContainsFunc(column, func(c []int64) bool { return len(c) > 0 }) {
		return column
	}
	return nil
}

// shownKey is a recording's key as the vendor knows it; "" for a digest, which names nothing there.
func shownKey(key string) string {
	if limits.IsDigest(key) {
		return ""
	}
	return text.Brief(key, text.MaxName)
}

// maxOrigins is how many sources and clients the page lists of a tenant.
const maxOrigins = 40

func (d *tenantData) add(x *analyze.Day, from int) {
	d.Day = append(d.Day, x.Day-from)
	d.Requests = append(d.Requests, x.Requests)
	d.Bytes = append(d.Bytes, x.Bytes)
	d.Peak = append(d.Peak, x.Peak)
	d.PeakAt = append(d.PeakAt, max(0, x.PeakAt/1e6-int64(x.Day)*86400))
	d.Paced = append(d.Paced, x.Paced)
	d.Violate = append(d.Violate, x.Violations)
	d.Unclear = append(d.Unclear, x.Indeterminate)
	d.Into = append(d.Into, x.Into)
	is := int64(0)
	for i, mark := range []bool{x.IntoViolates, x.IntoUnclear, x.IntoMixed} {
		if mark {
			is |= 1 << i
		}
	}
	d.IntoIs = append(d.IntoIs, is)
	d.Least = append(d.Least, x.Least)
	d.Auth = append(d.Auth, x.AuthRun)
	d.Answers, d.Gaps = append(d.Answers, pairs(x.Answers)), append(d.Gaps, pairs(x.Gaps))
	d.Hours, d.Findings = append(d.Hours, pairs(x.Hours)), append(d.Findings, pairs(x.Findings))
	again := []int64{}
	for _, a := range x.Again {
		again = append(again, int64(a.Since-from), a.N, a.Bytes)
	}
	d.Again = append(d.Again, again)
}

func pairs(all []analyze.Tally) []int64 {
	flat := make([]int64, 0, 2*len(all))
	for _, t := range all {
		flat = append(flat, int64(t.Of), t.N)
	}
	return flat
}

func newOutlookData(f *outlook.Projection) *outlookData {
	if f == nil || len(f.Days) == 0 {
		return nil
	}
	out := &outlookData{}
	for i := range f.Days {
		row := []int64{f.Days[i].At.Unix()}
		for _, level := range drawnLevels {
			row = append(row, int64(math.Max(0, math.Round(f.Days[i].Quantile(level)))))
		}
		out.Days = append(out.Days, row)
	}
	return out
}
