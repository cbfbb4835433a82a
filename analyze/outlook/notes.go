package outlook

import (
	"fmt"
	"time"

	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/internal/measure"
)

// unreliable notes that the history is short.
func (p *Projection) unreliable() {
	if p.History < forecast.Reliable {
		p.Notes = append(
			p.Notes,
			fmt.Sprintf("%s of history: chances are not reliable before %d.",
				measure.Count(int64(p.History), "day"), forecast.Reliable),
		)
	}
}

func unknownNote(nights int, until time.Time) string {
	last := "The last night is"
	if nights > 1 {
		last = fmt.Sprintf("The last %d nights are", nights)
	}
	return fmt.Sprintf(
		"The data ends at %s. %s not known yet, and forecast like the coming ones: import what has come since.",
		measure.Stamp(until, time.UTC), last)
}

// longSilence are the missed nights from which a reader is asked whether the pull has stopped.
const longSilence = 3

// stateNotes are sentences on what is out of the ordinary in the last days; lastPull is when the
// last pull was, until up to when the data reaches.
func stateNotes(s forecast.State, lastPull, until time.Time) []string {
	var notes []string
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	lost := measure.Bytes(whole(s.Lost))
	// A night with a pull may lack recordings all the same, and counts as missed.
	silent := until.Sub(lastPull) > time.Duration(s.Missed-1)*24*time.Hour
	switch {
	case s.Missed >= longSilence && silent:
		say(
			"Nothing was pulled since %s, in %d nights that usually have a pull. Has it stopped? That the %s they lack come with the next pull counts as %s likely, less from night to night.",
			measure.Stamp(lastPull, time.UTC), s.Missed, lost, measure.Percent(s.CatchUp))
	case s.Missed > 1:
		say(
			"%d nights were missed, cut off by the cap, or lack recordings: %s may come on top of a coming one.",
			s.Missed, lost)
	case s.Missed == 1:
		say(
			"A night was missed, cut off by the cap, or lacks recordings: %s may come on top of a coming one.",
			lost)
	}
	switch {
	case s.Steps > 1 && s.Factor > 1:
		say(
			"The last %d nights brought %.1f times what was expected: a new level counts as possible, and the upper quantiles hold it.",
			s.Steps, s.Factor)
	case s.Steps > 1:
		say(
			"The last %d nights brought %s of what was expected: a new level counts as possible, and the lower quantiles hold it.",
			s.Steps, measure.Percent(s.Factor))
	}
	if s.Surprise > mentionedSurprise {
		say(
			"The last sums came out %.1f mean errors above their forecasts: the volume may be growing, and the bands are raised.",
			s.Surprise)
	}
	if off := 100 * (s.Growth - 1); off >= 1 || off <= -1 {
		say("The volume has been changing steadily: %+.0f%% are added to what the last weeks show.", off)
	}
	if s.Every > 1 {
		say(
			"Pulls come about every %d days, on no fixed weekdays: the forecast plays the past ones again.",
			s.Every)
	}
	return notes
}

// mentionedSurprise is where a surprise is worth a note: one of 1 is mean.
const mentionedSurprise = 1.5
