package report

import (
	"bytes"
	"fmt"
	"math"
	"time"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// What a forecast tells with detail, of tenants that were asked for by name.

// fanTable has all days of a tenant, then how room frees.
func fanTable(b *bytes.Buffer, p *outlook.Projection, o Options) {
	fmt.Fprintf(b, "\n%s\n", colored(text.Brief(p.Tenant, text.MaxName), bold, o))
	for _, s := range detailLines(p) {
		b.WriteString("  ")
		paragraph(b, s, "    ", o)
	}
	for _, l := range []*listing{fanListing(p, o.location()), roomListing(p, o.location())} {
		if len(l.rows) > 0 {
			b.WriteByte('\n')
			l.table(b, o)
		}
	}
}

func detailLines(p *outlook.Projection) []string {
	var lines []string
	if p.Method != "" {
		lines = append(lines,
			fmt.Sprintf("Method: %s, from %s of history.", p.Method, measure.Count(int64(p.History), "day")))
	}
	if p.Budget != nil {
		lines = append(
			lines,
			fmt.Sprintf(
				"At most %s tonight (bound by %s), for at most 2.5 more points of chance; or %s every night from now on, for a chance under 5%%.",
				measure.Bytes(p.Budget.Tonight), p.Budget.Binds, measure.Bytes(p.Budget.Daily)),
		)
	}
	if len(p.Scores) > 0 {
		s := p.Scores[0]
		lines = append(lines, fmt.Sprintf("On your last %s the 80%% band held %s, the 95%% band %s.",
			measure.Count(int64(s.Origins), "day"), measure.Percent(s.Cover80), measure.Percent(s.Cover95)))
	}
	if p.Unscored != "" && p.Reason == "" {
		lines = append(lines, "Not scored on its past: "+text.Clean(p.Unscored)+".")
	}
	for _, n := range p.Notes {
		lines = append(lines, text.Clean(n))
	}
	return lines
}

// fanLevels are the quantiles that people get to see; JSON and CSV have more.
var fanLevels = []float64{.1, .25, .5, .75, .9, .975}

func fanListing(p *outlook.Projection, loc *time.Location) *listing {
	l := &listing{columns: []column{{head: "24 h up to, " + loc.String()}}}
	for _, q := range fanLevels {
		l.columns = append(l.columns, column{head: fmt.Sprintf("p%g", 100*q), right: true})
	}
	l.columns = append(l.columns, column{head: "p50 of cap", right: true})
	for i := range p.Days {
		d := &p.Days[i]
		row := []string{measure.Weekday(d.At, loc)}
		for _, q := range fanLevels {
			row = append(row, measure.Bytes(wholeBytes(d.Quantile(q))))
		}
		share := measure.None
		if p.Cap.Bytes > 0 {
			share = measure.Percent(d.Quantile(.5) / float64(p.Cap.Bytes))
		}
		l.rows = append(l.rows, append(row, share))
	}
	return l
}

// roomListing leaves out the hours in which nothing leaves the window.
func roomListing(p *outlook.Projection, loc *time.Location) *listing {
	l := &listing{
		columns: []column{
			{head: "Room frees up to, " + loc.String()},
			{head: "Leaves", right: true},
			{head: "Still in the window", right: true},
		},
	}
	left := p.Current
	for _, h := range p.Room {
		if left -= h.Bytes; h.Bytes > 0 {
			l.rows = append(l.rows,
				[]string{measure.Weekday(h.At, loc), measure.Bytes(h.Bytes), measure.Bytes(left)})
		}
	}
	return l
}

// wholeBytes rounds to what an int64 holds.
func wholeBytes(v float64) int64 {
	if !(v < math.MaxInt64) {
		return math.MaxInt64
	}
	return int64(math.Round(math.Max(v, 0)))
}
