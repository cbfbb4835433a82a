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
	when := measure.DateRange(time.UnixMicro(x.First), time.UnixMicro(x.Last), zone)
	joint := " from "
	if measure.Date(time.UnixMicro(x.First), zone) == measure.Date(time.UnixMicro(x.Last), zone) {
		joint = " on "
	}
	var b strings.Builder
	cause := rules.Of(x.Cause)
	switch {
	case cause.Now:
		b.WriteString(cause.Title)
	case cause.Absence && x.Open:
		b.WriteString(cause.Title + " since " + measure.ShortDate(time.UnixMicro(x.First), zone))
	case cause.Absence:
		b.WriteString(
			cause.Title + " from " + measure.DateRange(time.UnixMicro(x.First), time.UnixMicro(x.end()),
				zone),
		)
	default:
		b.WriteString(cause.Title + joint + when)
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
