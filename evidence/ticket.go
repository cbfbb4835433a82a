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

// TicketBlank stands in TICKET.md where only the sender knows what to say: no log tells what was
// changed. It is filled in where the text is pasted; in the bundle it would break the signature.
const TicketBlank = "**(write here what you changed, and when)**"

// TicketFacts are what a ticket tells beside the audit of the leaves.
type TicketFacts struct {
	// Examples are requests of the incident; a request's ID is its row in requests.csv.
	Examples []analyze.Example
	// ResetNow says, without a full stop, what a reset of the egress window would change now; ""
	// leaves it out.
	ResetNow string
}

// Ticket is TICKET.md: what a support engineer who has never heard of headroom needs in one minute,
// ready to paste but for TicketBlank, where that is in it. It says only what follows from the
// leaves and from what the settings tell of the cap.
func Ticket(c *Content, r *analyze.Result, p *limits.Policy, facts TicketFacts) []byte {
	t := &ticket{c: c, r: r, p: p, examples: facts.Examples, resetNow: facts.ResetNow}
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
	examples []analyze.Example
	resetNow string
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
	case t.wantsReset() && t.incident.Open:
		t.line(
			"**What we ask:** would you please look at these calls with us? What fills the egress window of %s still goes on. Once we have mended it, we shall ask you for a reset.",
			plain(t.r.Tenant))
	case t.wantsReset():
		t.line(
			"**What we ask:** would you please reset the egress window of %s? What filled it is over, and is told below.",
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

// wantsReset says whether a reset of the egress window is what the sender needs, now or once the
// incident is over.
func (t *ticket) wantsReset() bool {
	return t.aboutEgress() && t.incident.ResetAt == 0 && (t.incident.Open || t.nearCap())
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
		switch {
		case i.Momentary():
			t.line("- As of %s (UTC).", second(i.Last))
		case i.Lacking():
			t.line("- Since %s (UTC), in %s.", second(i.First), measure.Count(int64(i.Nights), "night"))
		default:
			t.line("- From %s to %s (UTC), in %s.", second(i.First), second(i.Last),
				measure.Count(int64(i.Nights), "night"))
		}
		for k, rule := range i.Rules {
			word := "Effect"
			if k == 0 {
				word = "Likely cause"
			}
			count := ""
			if k < len(i.Counts) {
				count = measure.Count(i.Counts[k], "time") + "; "
			}
			t.line("- %s: %s (%s: %s%s).", word, rules.Words(rule), rule, count, counted(rule))
		}
		t.line("- %s, %s of them refused; %s were transferred in vain.",
			measure.Count(i.Requests, "request"), measure.Grouped(i.Refused), measure.Bytes(i.WastedBytes))
		switch {
		case i.Open:
			t.line("- It is still going on.")
		default:
			t.line("- It ended: %s since, with requests of its kind and none of this.",
				measure.Count(int64(i.CleanNights), "clean night"))
		}
		if i.ResetAt != 0 {
			t.line("- You reset the window at %s (UTC).", second(i.ResetAt))
		}
		if t.wantsReset() {
			t.line("- What we did about it: %s", TicketBlank)
			if t.resetNow != "" {
				t.line("- A reset now: %s.", plain(t.resetNow))
			}
			if said := t.p.Egress.Reset; said != "" {
				t.line("- What your page says of it: %s (%s).", plain(strings.TrimSuffix(said, ".")),
					plain(t.p.Egress.Section))
			}
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

// counted is what a rule counts, since whoever reads a ticket knows no rule.
func counted(rule string) string {
	if r := rules.Of(rule); r != nil {
		return r.Counts
	}
	return "a rule of another version"
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
