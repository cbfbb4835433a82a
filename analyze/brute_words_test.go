package analyze_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
)

// describe writes down, line by line, all of a result that the promises fix.
func describe(r analyze.Result) []string {
	s, e := r.Spacing, r.Egress
	lines := []string{
		fmt.Sprintf("%s: %s, %d requests, %d bytes of audio, %d at fault, first %d, last %d, last pull %d", r.Tenant, r.Verdict, r.Requests, r.Audio, r.AtFault, r.FirstRequest,
			r.LastRequest, r.LastPull),
		fmt.Sprintf("%s: spacing of %s: %d requests, min %s, %d violations, %d indeterminate, gaps %d %d %d", r.Tenant,
			s.Class, s.Requests, s.MinInterval, s.Violations, s.Indeterminate, s.Min, s.P50, s.P95),
		fmt.Sprintf("%s: egress in %s: %d now, %d at %d, %d in all, cap %d (%d to %d) %s", r.Tenant, e.Window, e.Current, e.Peak,
			e.PeakAt, e.Total, e.Cap.Bytes, e.Cap.Low, e.Cap.High, e.Cap.Source),
	}
	for i, c := range r.Statuses {
		lines = append(lines, fmt.Sprintf("%s: status row %d: %s %s %d: %d, expected %t", r.Tenant, i, c.Method, c.Class, c.Status, c.Requests, c.Expected))
	}
	for i, f := range r.Findings {
		lines = append(lines, fmt.Sprintf("%s: finding %d: %s %s: %d from %d to %d, %v %q", r.Tenant, i, f.Severity, f.Rule, f.Count,
			f.First, f.Last, f.Requests, told(f)))
	}
	return lines
}

var toldPart = regexp.MustCompile(`"[^"]*"|[0-9.]+ [kMGTPE]?B|[0-9.]+%`)

// told is what the promises want a finding's detail to say: names and amounts, for the rules that have some.
func told(f analyze.Finding) string {
	switch f.Rule {
	case rules.Interleaved, rules.DuplicateDownload, rules.CutShort:
		return strings.ReplaceAll(strings.Join(toldPart.FindAllString(f.Detail, -1), " "), ",", "")
	}
	return ""
}

// diff is what only one of the two has, "" if they are equal.
func diff(got, want []string) string {
	if slices.Equal(got, want) {
		return ""
	}
	var b strings.Builder
	for _, line := range got {
		if !slices.Contains(want, line) {
			fmt.Fprintln(&b, "  got ", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			fmt.Fprintln(&b, "  want", line)
		}
	}
	if b.Len() == 0 {
		fmt.Fprintf(&b, "  order: got %q\n        want %q\n", got, want)
	}
	return b.String()
}
