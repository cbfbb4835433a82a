package analyze

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
)

// title tells an incident in a sentence or three.
func title(a *Auditor, x *incident) string {
	zone := a.calend.zone
	first := nightWords(a.calend, x.firstNight)
	var b strings.Builder
	cause := rules.Of(x.Cause)
	switch {
	case cause.Now:
		b.WriteString(cause.Title)
	case cause.Absence && x.Open:
		b.WriteString(cause.Title + " since the " + first)
	case cause.Absence:
		b.WriteString(cause.Title + " from the " + first + " until " +
			measure.ShortDate(time.UnixMicro(x.end()), zone))
	case x.firstNight == x.lastNight:
		b.WriteString(cause.Title + " in the " + first)
	default:
		b.WriteString(cause.Title + " in the nights from " +
			measure.DateRange(a.calend.date(x.firstNight), a.calend.date(x.lastNight+1), nil))
	}
	b.WriteString(effects(x))
	b.WriteString(".")
	switch {
	case x.Open:
		b.WriteString(" Not over yet" + endedBy(x) + ".")
	case x.ResetAt != 0 && x.ResetAt >= x.Last:
		fmt.Fprintf(&b, " Ended by a reset on %s; %s since.",
			measure.ShortDate(time.UnixMicro(x.ResetAt), zone),
			measure.Count(int64(x.CleanNights), "clean night"))
	default:
		fmt.Fprintf(&b, " Ended; %s since.", measure.Count(int64(x.CleanNights), "clean night"))
	}
	return b.String()
}

// nightWords name a night by both of its days, "night of 21 to 22 Nov": its id has the first, most
// of its requests the second.
func nightWords(c calendar, night int32) string {
	return "night of " + measure.DateRange(c.date(night), c.date(night+1), nil)
}

// detail says what the hits of an incident's cause come to, among the requests of its nights.
func (v *view) detail(a *Auditor, x *incident) string {
	cause := rules.Of(x.Cause)
	var h rules.Hits
	for _, e := range x.episodes {
		if rules.All[e.rule] == cause {
			h.Merge(&e.hits)
		}
	}
	if cause.Distinct {
		h.Count = int64(len(h.Keys))
	}
	f := rules.Found{Hits: &h, Policy: a.policy, Egress: a.facts.Egress, Of: "its nights"}
	for _, n := range v.nights[v.index(x.firstNight):v.index(x.lastNight+1)] {
		f.Paced += n.Paced
		f.Indeterminate += n.Indeterminate
		f.Slips += n.Slips
		f.Audio += n.Bytes
	}
	return cause.Detail(&f)
}

// endedBy says what ends an open incident; "" where a forecast or a comparison of weeks decides.
func endedBy(x *incident) string {
	words := ""
	for _, e := range x.episodes {
		switch r := rules.All[e.rule]; {
		case !e.open || r.Now:
		case r.Absence:
			return "; it ends when what is missing comes"
		default:
			words = ": one clean night ends it"
		}
	}
	return words
}

// effects tells what came of the cause.
func effects(x *incident) string {
	var s string
	if len(x.Rules) > 1 &&
		slices.ContainsFunc(x.Rules[1:], func(r string) bool { return slices.Contains(aboutEgress, r) }) {
		s = "; that filled the window"
	}
	if x.Refused == 0 {
		return s
	}
	link := "; "
	if s != "" {
		link = " and "
	}
	verb := " were refused"
	if x.Refused == 1 {
		verb = " was refused"
	}
	return s + link + measure.Count(x.Refused, "request") + verb
}
