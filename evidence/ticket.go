package evidence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
)

// ticketRequests is how many requests the ticket names.
const ticketRequests = 20

// Ticket is TICKET.md: what a support engineer who has never heard of headroom needs in one minute,
// ready to paste. It says only what follows from the leaves and from what the settings tell of the
// cap.
func Ticket(c *Content, r *analyze.Result, p *limits.Policy) []byte {
	t := &ticket{c: c, r: r, p: p}
	for i := range r.Incidents {
		if r.Incidents[i].ID == c.About.Incident {
			t.incident = &r.Incidents[i]
		}
	}
	t.head()
	t.happened()
	t.numbers()
	t.requests()
	t.check()
	return []byte(t.b.String())
}

type ticket struct {
	b        strings.Builder
	c        *Content
	r        *analyze.Result
	p        *limits.Policy
	incident *analyze.Incident // nil where the bundle is about a period
}

func (t *ticket) line(format string, args ...any) { fmt.Fprintf(&t.b, format+"\n", args...) }

// head is the subject and what is asked for.
func (t *ticket) head() {
	vendor := cmp.Or(t.p.Vendor, "the vendor")
	if t.incident == nil {
		t.line("# %s: API calls from %s to %s\n", plain(t.r.Tenant), day(t.c.About.Since),
			day(t.c.About.Until))
		t.line(
			"**What we ask:** please compare these calls with your own log, and tell us where it differs.")
		return
	}
	t.line("# %s: %s\n", plain(t.r.Tenant), plain(t.incident.Title))
	switch {
	case t.aboutEgress() && t.incident.ResetAt == 0 && (t.incident.Open || t.nearCap()):
		t.line(
			"**What we ask:** would you please reset the egress window of %s? What filled it is told below, with what we did about it.",
			plain(t.r.Tenant))
	case t.incident.Open:
		t.line(
			"**What we ask:** would you please look at these calls with us? It is still going on, and the requests below should be in the log of %s.",
			plain(vendor))
	default:
		t.line(
			"**What we ask:** nothing has to be done now; would you please confirm that your log shows the same, and that it ended?")
	}
}

func (t *ticket) aboutEgress() bool {
	return slices.ContainsFunc(t.incident.Rules, func(rule string) bool {
		return rule == "egress-cap" || rule == "over-cap" || rule == "egress-near" || rule == "after-509"
	})
}

// nearCap says whether four fifths of the cap are used.
func (t *ticket) nearCap() bool {
	const near = 0.8
	share, known := t.r.Egress.Utilization()
	return known && share >= near
}

// happened is what happened, in a few lines.
func (t *ticket) happened() {
	t.line("\n## What happened\n")
	if i := t.incident; i != nil {
		t.line("- From %s to %s (UTC), in %s.", second(i.First), second(i.Last),
			measure.Count(int64(i.Nights), "night"))
		t.line("- Likely cause: %s.", explained(i.Cause))
		for _, rule := range i.Rules[min(1, len(i.Rules)):] {
			t.line("- Effect: %s.", explained(rule))
		}
		t.line("- %s, %s of them refused; %s were transferred in vain.",
			measure.Count(i.Requests, "request"), measure.Grouped(i.Refused), measure.Bytes(i.WastedBytes))
		switch {
		case i.Open:
			t.line("- It is still going on.")
		default:
			t.line("- It ended; %s followed without it.", measure.Count(int64(i.CleanNights), "night"))
		}
		if i.ResetAt != 0 {
			t.line("- You reset the window at %s (UTC).", second(i.ResetAt))
		}
		return
	}
	t.line("- %s between %s and %s (UTC).", measure.Count(t.r.Requests, "request"),
		second(t.r.FirstRequest), second(t.r.LastRequest))
	for _, f := range t.r.Findings[:min(4, len(t.r.Findings))] {
		t.line("- %s (%s): %s", f.Rule, f.Severity, plain(f.Detail))
	}
	if len(t.r.Findings) == 0 {
		t.line("- No rule that we know of was broken.")
	}
}

// explained is a rule's name with what it counts, since whoever reads a ticket knows no rule.
func explained(rule string) string {
	if r := rules.Of(rule); r != nil {
		return rule + " (" + r.Counts + ")"
	}
	return rule
}

// numbers are the bytes, the cap and where it is known from, and the resets.
func (t *ticket) numbers() {
	e := t.r.Egress
	t.line("\n## The numbers\n")
	var wasted int64
	if t.incident != nil {
		wasted = t.incident.WastedBytes
	}
	t.line("- Recordings: %s in all, of which %s came again or were broken off.",
		measure.Bytes(e.Total), measure.Bytes(wasted))
	t.line("- In the %s before %s (UTC): %s. The most that such a window held: %s, at %s.",
		measure.Hours(e.Window), strings.TrimSuffix(t.c.About.AsOf, "Z"), measure.Bytes(e.Current),
		measure.Bytes(e.Peak), second(e.PeakAt))
	t.line("- The cap: %s.", t.cap())
	for _, reset := range t.r.Resets {
		t.line("- Reset before: %s (UTC).", second(reset.At))
	}
	if len(t.r.Resets) == 0 {
		t.line("- No reset before, as far as we know.")
	}
}

func (t *ticket) cap() string {
	limit := t.r.Egress.Cap
	switch limit.Source {
	case egress.CapUnknown:
		return "we do not know it; please tell us"
	case egress.CapTold:
		words := measure.Bytes(limit.Bytes) + ", as you told us"
		if on := t.r.Facts.ToldOn; !on.IsZero() {
			words += " on " + on.Format(time.DateOnly)
		}
		if by := t.r.Facts.ToldBy; by != "" {
			words += " (" + plain(by) + ")"
		}
		return words
	case egress.CapLearned:
		return measure.Bytes(
			limit.Bytes) + ", learned from what was refused and what was served in these calls"
	}
	return fmt.Sprintf("about %s, estimated from %s; please tell us the right one",
		measure.Bytes(limit.Bytes), measure.Count(int64(t.r.Facts.Agents), "recorded agent"))
}

// requests is the table of what to look up.
func (t *ticket) requests() {
	rows := t.chosen()
	t.line("\n## Requests to look up\n")
	head, rule := "| started (UTC) | status | bytes | recording key |", "|---|---|---|---|"
	withIDs := slices.ContainsFunc(rows,
		func(l *DisclosedLeaf) bool { return l.Request.VendorID != "" })
	if withIDs {
		head, rule = head+" your request id |", rule+"---|"
	}
	t.line("%s\n%s", head, rule)
	for _, l := range rows {
		key, _ := l.Value(FieldKey)
		row := fmt.Sprintf("| %s | %d | %d | %s |", second(l.Request.StartedAt), l.Request.Status,
			l.Request.ResponseBytes, cell(cmp.Or(key, l.Request.Template)))
		if withIDs {
			row += " " + cell(l.Request.VendorID) + " |"
		}
		t.line("%s", row)
	}
	t.line("\nAll %s, with their keys, are in requests.csv.",
		measure.Count(t.c.Facts().Requests, "request"))
}

// chosen are refused requests first, then those without an answer, then the largest; in order of
// time.
func (t *ticket) chosen() []*DisclosedLeaf {
	from, to := int64(0), int64(1)<<62
	if t.incident != nil {
		from, to = t.incident.First, t.incident.Last
	}
	var rows []*DisclosedLeaf
	for i := range t.c.Leaves {
		if r := t.c.Leaves[i].Request; r != nil && r.StartedAt >= from && r.StartedAt <= to {
			rows = append(rows, &t.c.Leaves[i])
		}
	}
	weight := func(l *DisclosedLeaf) int64 {
		switch {
		case refused(l.Request.Status):
			return 2
		case l.Request.Status == 0 || l.Request.Status >= 400:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(rows, func(a, b *DisclosedLeaf) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)),
			cmp.Compare(b.Request.ResponseBytes, a.Request.ResponseBytes),
			cmp.Compare(a.Request.StartedAt, b.Request.StartedAt))
	})
	rows = rows[:min(len(rows), ticketRequests)]
	slices.SortStableFunc(rows,
		func(a, b *DisclosedLeaf) int { return cmp.Compare(a.Request.StartedAt, b.Request.StartedAt) })
	return rows
}

// check says how far this can be relied on.
func (t *ticket) check() {
	t.line("\n## How to check this\n")
	t.line(
		"This file, report.html and requests.csv follow from leaves.tsv, which cannot be changed without breaking its signature.")
	t.line(
		"VERIFY.md tells how to check that by hand; the times are our clock's. Your own log of the requests above is the best check.")
}

// plain keeps text from outside from being markup, and on one line.
func plain(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ", "<", "&lt;", "`", "'",
		"[", "(", "]", ")", "*", "\\*", "_", "\\_", "#", "\\#").Replace(s)
}

// cell is plain, for a table.
func cell(s string) string { return strings.ReplaceAll(plain(s), "|", "\\|") }

func second(us int64) string {
	if us == 0 {
		return measure.None
	}
	return time.UnixMicro(us).UTC().Format(time.DateTime)
}

// day is the date of an RFC 3339 time.
func day(t string) string { return t[:min(len(t), len(time.DateOnly))] }
