package page

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report/text"
)

// blind says on the first screen that something was not seen, so that nobody takes silence for good
// news; the notes say why. It is "" where all was.
func blind(dropped, opaque, foreign int64) string {
	var parts []string
	if dropped > 0 {
		parts = append(parts, measure.Count(dropped, "request")+" dropped while recording")
	}
	if opaque > 0 {
		parts = append(parts, measure.Count(opaque, "connection")+" that could not be looked into")
	}
	if foreign > 0 {
		parts = append(parts, measure.Count(foreign, "request")+" to hosts that the policy does not know")
	}
	if parts == nil {
		return ""
	}
	return "Not judged: " + strings.Join(parts, ", ") + "."
}

// blindReport is blind of all tenants.
func blindReport(r *analyze.Report) string {
	var opaque, foreign int64
	for i := range r.Tenants {
		opaque += r.Tenants[i].Opaque
		foreign += r.Tenants[i].Foreign
	}
	return blind(r.Dropped, opaque, foreign)
}

// holds says whose data the file has, so that nobody sends one customer's to another.
func holds(r *analyze.Report) string {
	switch n := int64(len(r.Tenants)); n {
	case 0:
		return ""
	case 1:
		return "This file is about " + text.Clean(r.Tenants[0].Tenant) + " and holds no other tenant."
	default:
		return "This file holds " + measure.Count(n, "tenant") +
			". To give one of them its own, write a file for each: headroom report --split FOLDER."
	}
}

// footer is the style that writes below each printed page what it is about: pages get parted.
func footer(r *analyze.Report, asOf string) template.CSS {
	about := measure.Count(int64(len(r.Tenants)), "tenant")
	if len(r.Tenants) == 1 {
		about = text.ShortenMiddle(text.Clean(r.Tenants[0].Tenant), text.MaxName)
	}
	return template.CSS("@page { @bottom-left { content: " +
		cssString("headroom: "+about+", as of "+asOf) +
		"; font: 8pt system-ui, sans-serif; color: #444444; } }")
}

// cssString quotes a text for a style: all but plain letters and digits by their number, and the
// blank that ends it.
func cssString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case strings.ContainsRune(" :,.-", r), r >= '0' && r <= '9', r >= 'a' && r <= 'z',
			r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\%x ", r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// aboutPage says in a sentence what this is, to somebody who has never heard of it.
func aboutPage(p *limits.Policy) string {
	s := "headroom records every request to the vendor’s API and compares it with the published limits"
	if p == nil {
		return s + "."
	}
	var rules []string
	if f := p.Frequency.MinInterval; f > 0 {
		rules = append(rules, "downloads of recordings at least "+measure.Span(f)+" apart")
	}
	if w := p.Egress.Window; w > 0 {
		rules = append(rules, "their bytes in any "+measure.Span(w)+" under a cap")
	}
	if rules == nil {
		return s + "."
	}
	return s + ": " + strings.Join(rules, ", ") + "."
}

// question is what the answer answers. fleet.js has the same words for a range.
func question(r *analyze.Report, from, to string) string {
	if len(r.Tenants) == 0 {
		return "Were the limits kept?"
	}
	is, was := "Are", "Were"
	who := "these " + measure.Count(int64(len(r.Tenants)), "tenant")
	if len(r.Tenants) == 1 {
		is, was, who = "Is", "Was", text.Clean(r.Tenants[0].Tenant)
	}
	if r.About == analyze.AboutRange {
		return was + " " + who + " within the limits from " + from + " to " + to + "?"
	}
	return is + " " + who + " within the limits?"
}

// answer is the one sentence that the reader came for. fleet.js has the same words for a range.
func answer(r *analyze.Report) string {
	n := map[analyze.Verdict]int64{}
	over := int64(0)
	for i := range r.Tenants {
		t := &r.Tenants[i]
		n[t.Verdict]++
		if t.Verdict == analyze.Pass && len(t.Incidents) > 0 {
			over++
		}
	}
	if len(r.Tenants) == 1 {
		return answerOfOne(&r.Tenants[0])
	}
	all, others := int64(len(r.Tenants)), n[analyze.Warn]+n[analyze.NoData]
	switch {
	case all == 0:
		return ""
	case n[analyze.Fail] > 0 && others > 0:
		return fmt.Sprintf("No: %s broke a rule, %s more should change something, %s fine.",
			ofTenants(n[analyze.Fail], all), measure.Grouped(others), are(n[analyze.Pass]))
	case n[analyze.Fail] > 0:
		return fmt.Sprintf("No: %s broke a rule, %s fine.",
			ofTenants(n[analyze.Fail], all), are(n[analyze.Pass]))
	case others > 0:
		return fmt.Sprintf("Yes, but %s should change something.", ofTenants(others, all))
	case over > 0:
		return fmt.Sprintf("Yes, now: what %s did before is over.", ofTenants(over, all))
	}
	return fmt.Sprintf("Yes: %s kept all rules.", measure.Count(all, "tenant"))
}

// answerOfOne is answer for a page about one tenant.
func answerOfOne(t *analyze.Result) string {
	name := text.Clean(t.Tenant)
	switch {
	case t.Verdict == analyze.Fail:
		return "No: " + name + " broke a rule."
	case t.Verdict == analyze.NoData:
		return "Nothing is known of " + name + ": no request was recorded."
	case t.Verdict == analyze.Warn:
		return "Yes, but " + name + " should change something."
	case len(t.Incidents) > 0:
		return "Yes, now: what " + name + " did before is over."
	}
	return "Yes: " + name + " kept all rules."
}

func are(n int64) string {
	if n == 1 {
		return "1 is"
	}
	return measure.Grouped(n) + " are"
}

func ofTenants(n, all int64) string {
	return measure.Grouped(n) + " of " + measure.Count(all, "tenant")
}
