package report

import (
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

type incidentView struct {
	Severity               analyze.Severity
	Open                   bool
	Counts                 bool // for the verdict: of an audit about now, only an open one does
	ID, Title, Facts, Rows string
	Brief                  string // what happened, how often, when, and the command that shows more
}

func newIncidentView(i *analyze.Incident, loc *time.Location) incidentView {
	v := incidentView{
		Severity: i.Severity, Open: i.Open, ID: text.Clean(i.ID), Title: text.Clean(i.Title),
		Facts: incidentFacts(i, loc),
	}
	if name, ok := text.ShellQuote(i.ID); ok {
		v.Rows = "headroom audit --explain " + name
	}
	v.Brief = v.Title
	if i.Detail != "" {
		v.Brief += " " + causeWords(i) + text.Clean(i.Detail)
		if !i.Momentary() {
			v.Brief += "; " + span(i, loc)
		}
		v.Brief += "."
	}
	if v.Rows != "" {
		v.Brief += " " + v.Rows
	}
	return v
}

// causeWords name the cause and how often it fired: "spacing ×1: ".
func causeWords(i *analyze.Incident) string {
	if len(i.Counts) == 0 {
		return ""
	}
	return text.Clean(i.Cause) + " ×" + measure.Grouped(i.Counts[0]) + ": "
}

// span is when an incident had its first and its last hit, or since when something is absent.
func span(i *analyze.Incident, loc *time.Location) string {
	first, last := measure.StampMicros(i.First, loc), measure.StampMicros(i.Last, loc)
	switch {
	case i.Momentary():
		return "as of " + last
	case i.Lacking():
		return "since " + first
	case first == last:
		return "at " + first
	}
	return "from " + first + " to " + last
}

// incidentFacts are an incident's figures: "open, from 2026-11-06 09:00:02Z to 2026-11-12
// 09:33:13Z, 7 nights, 1,437 requests, 1,200 refused, 3.20 GB wasted, rules duplicate-download,
// over-cap".
func incidentFacts(i *analyze.Incident, loc *time.Location) string {
	parts := []string{
		stateOf(i.Open), span(i, loc),
		measure.Count(int64(i.Nights), "night"), measure.Count(i.Requests, "request"),
	}
	if i.Refused > 0 {
		parts = append(parts, measure.Grouped(i.Refused)+" refused")
	}
	if i.WastedBytes > 0 {
		parts = append(parts, measure.Bytes(i.WastedBytes)+" wasted")
	}
	if i.ResetAt != 0 {
		parts = append(parts, "reset "+measure.StampMicros(i.ResetAt, loc))
	}
	if i.CleanNights >= 0 {
		parts = append(parts, measure.Count(int64(i.CleanNights), "clean night")+" since")
	}
	rules := make([]string, len(i.Rules))
	for k, name := range i.Rules {
		rules[k] = text.Clean(name)
		if k < len(i.Counts) {
			rules[k] += " ×" + measure.Grouped(i.Counts[k])
		}
	}
	return strings.Join(append(parts, "rules "+strings.Join(rules, ", ")), ", ")
}
