package page

import (
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/text"
)

// pageFact is what a support engineer asks about an incident, and the answer.
type pageFact struct{ Name, Text string }

// incidentFacts answer when it was, why, what it did and whether it is over.
func incidentFacts(i *analyze.Incident, c clock) []pageFact {
	when := exactly(c, i.First)
	switch {
	case i.Momentary():
		when = "as of " + when
	case i.Lacking():
		when = "since " + when
	case i.Last != i.First:
		when += " to " + exactly(c, i.Last)
	}
	cost := measure.Count(i.Requests, "request")
	if i.Refused > 0 {
		cost += ", " + measure.Grouped(i.Refused) + " of them refused"
	}
	if i.WastedBytes > 0 {
		cost += ", " + measure.Bytes(i.WastedBytes) + " wasted"
	}
	facts := []pageFact{
		{"When", when + ", " + measure.Count(int64(i.Nights), "night")},
		{"Likely cause", ruleWords(i, i.Cause)},
	}
	if effects := effectsOf(i); effects != "" {
		facts = append(facts, pageFact{"Effects", effects})
	}
	if i.Requests > 0 { // a forecast has none
		facts = append(facts, pageFact{"Cost", cost})
	}
	return append(facts, pageFact{"Over", overOf(i, c)})
}

// ruleWords say what came to pass where a rule of an incident fired, how often, and its name.
func ruleWords(i *analyze.Incident, rule string) string {
	s := text.Clean(rules.Words(rule)) + " (" + text.Clean(rule)
	if k := slices.Index(i.Rules, rule); k >= 0 && k < len(i.Counts) {
		s += " ×" + measure.Grouped(i.Counts[k])
	}
	return s + ")"
}

func effectsOf(i *analyze.Incident) string {
	var all []string
	for _, rule := range i.Rules {
		if rule != i.Cause {
			all = append(all, ruleWords(i, rule))
		}
	}
	return strings.Join(all, "; ")
}

func overOf(i *analyze.Incident, c clock) string {
	if i.Open && i.Momentary() {
		return "no"
	}
	if i.Open {
		return "no; its last request was " + exactly(c, i.Last)
	}
	s := "yes, " + measure.Count(int64(i.CleanNights), "clean night") + " since"
	if i.ResetAt != 0 {
		s += "; the window was reset " + both(c, i.ResetAt)
	}
	return s
}

// aboutEgress says whether an incident is about bytes in the window, which a reset takes out of it.
func aboutEgress(i *analyze.Incident) bool {
	for _, rule := range []string{rules.EgressCap, rules.OverCap, rules.EgressNear, rules.After509} {
		if slices.Contains(i.Rules, rule) {
			return true
		}
	}
	return false
}

// resetFacts answer whether a reset was given before, what one would do now, and what the vendor's
// page says of it. i is the incident that it would be asked for.
func resetFacts(
	i *analyze.Incident, r *analyze.Result, f *outlook.Projection, p *limits.Policy, c clock,
) []pageFact {
	before := resetWords(r, c)
	if before == nil {
		before = []string{"none is recorded here"}
	}
	facts := []pageFact{
		{"Reset before", strings.Join(before, "; ")}, {"Reset now", resetNow(i, r, f, c)},
	}
	if p != nil && p.Egress.Reset != "" {
		said := strings.TrimSuffix(p.Egress.Reset, ".") + " (" + p.Egress.Section + ")"
		facts = append(facts, pageFact{"Vendor’s page", text.Clean(said)})
	}
	return facts
}

// resetWords are the resets of a tenant, oldest first, each with what was noted of it.
func resetWords(r *analyze.Result, c clock) (all []string) {
	for _, reset := range r.Resets {
		s := both(c, reset.At)
		if reset.Note != "" {
			s += ", " + text.Clean(reset.Note)
		}
		all = append(all, s)
	}
	return all
}

// ResetNow says, as the page does but in UTC, what a reset would change now for the tenant of an
// incident; "" where the incident is not there, or not about the egress window.
func ResetNow(p *report.Picture, incident string) string {
	for k := range p.Audit.Tenants {
		t := &p.Audit.Tenants[k]
		for n := range t.Incidents {
			if i := &t.Incidents[n]; i.ID == incident && aboutEgress(i) {
				return resetNow(i, t, forecastOf(p, t.Tenant), clock{zone: time.UTC})
			}
		}
	}
	return ""
}

// resetNow says how full the window is, when it empties by itself, and whether it would fill again.
func resetNow(i *analyze.Incident, r *analyze.Result, f *outlook.Projection, c clock) string {
	s := "the window holds " + measure.Bytes(r.Egress.Current)
	limit := r.Egress.Cap.Bytes
	switch {
	case limit <= 0:
		s += "; the cap is unknown"
	case r.Egress.Current < limit:
		s += ", " + measure.Percent(share(r.Egress)) + " of the cap, so nothing is refused and a reset would change nothing"
	default:
		s += ", " + measure.Percent(share(r.Egress)) + " of the cap, so requests are refused"
		if at := emptiesAt(f, limit); !at.IsZero() {
			s += " until " + both(c, at.UnixMicro()) + " if nothing more is pulled"
		}
	}
	if i.Open {
		return s + ". What filled it goes on, so it would fill again"
	}
	if limit > 0 && r.Egress.Current >= limit {
		return s + ". What filled it is over: a reset lets pulls go on at once"
	}
	return s + ". What filled it is over"
}

// emptiesAt is when the sum falls under the cap if nothing more is pulled; the zero time where that
// is not known.
func emptiesAt(f *outlook.Projection, limit int64) (at time.Time) {
	if f == nil {
		return at
	}
	left := f.Current
	for _, h := range f.Room {
		if left -= h.Bytes; left < limit {
			return h.At
		}
	}
	return at
}
