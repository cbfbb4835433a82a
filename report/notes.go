package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report/text"
)

// sourceNotes explain where a cap is from, best known first.
var sourceNotes = []struct {
	source egress.CapSource
	note   string
}{
	{egress.CapTold, "Cap told: as the vendor's support said."},
	{
		egress.CapLearned,
		"Cap learned: from the rolling sums at which requests were refused or still served.",
	},
	{
		egress.CapMeasured,
		"Cap measured: an estimate from the number of agents and the tenant's own bytes per recorded hour, configured or from its recording lists.",
	},
	{
		egress.CapAssumed,
		"Cap assumed: an estimate from the number of agents and the policy's bytes per recorded hour; ask support for the real one.",
	},
	{
		egress.CapUnknown,
		"Cap unknown: neither support's word nor the number of licensed agents is configured; \"headroom init\" writes the file for them.",
	},
}

// Notes are what a reader must know to trust the figures.
func Notes(r *analyze.Report) []string {
	var all []string
	if r.Dropped > 0 {
		all = append(
			all,
			measure.Count(r.Dropped, "request")+was(
				r.Dropped)+" dropped while recording: the figures are too low by them.",
		)
	}
	if r.Later > 0 {
		all = append(
			all,
			measure.Count(r.Later, "request")+is(
				r.Later)+" left out, being later than the moment of the audit.",
		)
	}
	if gone := r.Pruned; !gone.Before.IsZero() {
		how := ""
		if gone.Requests > 0 {
			how = " (" + measure.Count(gone.Requests, "request") + ", " + measure.Bytes(gone.Bytes) + ")"
		}
		all = append(all, "Requests from before "+measure.Stamp(gone.Before, time.UTC)+
			" were removed from the log"+how+": of that time the figures know nothing."+stillKnown(gone.Nights))
	}
	var silent []string
	var undecided, opaque, foreign, held, redirected, storage, unseen int64
	sources := map[egress.CapSource]bool{}
	for i := range r.Tenants {
		undecided += r.Tenants[i].Spacing.Indeterminate
		opaque += r.Tenants[i].Opaque
		foreign += r.Tenants[i].Foreign
		redirected += r.Tenants[i].Redirected
		storage += r.Tenants[i].Storage
		unseen += max(0, r.Tenants[i].Redirected-r.Tenants[i].Storage)
		held += r.Tenants[i].Held
		sources[capSource(r.Tenants[i].Egress.Cap)] = true
		if r.Tenants[i].Requests == 0 {
			silent = append(silent, text.Clean(r.Tenants[i].Tenant))
		}
	}
	if silent != nil {
		all = append(
			all,
			"No request to judge, so that a pass says nothing: "+firstFew(
				silent)+". \"headroom tenants\" tells when their last one was.",
		)
	}
	if over := overTenants(r); over != nil {
		all = append(
			all,
			"What happened in incidents that are over does not count against now: "+firstFew(
				over)+".",
		)
	}
	if undecided > 0 {
		all = append(
			all,
			measure.Count(undecided, "gap")+is(
				undecided,
			)+" indeterminate (+N?): the log's clock is too coarse to say whether the minimum was kept.",
		)
	}
	if opaque > 0 {
		all = append(
			all,
			measure.Count(
				opaque,
				"connection",
			)+" could not be looked into, nor judged: the client did not accept our certificate; see headroom doctor.",
		)
	}
	if foreign > 0 {
		all = append(
			all,
			measure.Count(
				foreign,
				"request",
			)+" to hosts that the policy does not know: the rules for recordings were not applied to them; add the host to a copy of the policy (--policy).",
		)
	}
	if storage > 0 {
		all = append(
			all,
			measure.Count(
				storage,
				"request",
			)+" to another host than the policy's, a storage that the vendor redirected to: their bytes count as egress.",
		)
	}
	if unseen > 0 {
		all = append(
			all,
			fmt.Sprintf(
				"%s led to a storage, and %s of it %s not seen: what came from there is missing from the egress.",
				measure.Count(
					redirected,
					"answer",
				),
				measure.Count(unseen, "request"),
				strings.TrimSpace(was(unseen)),
			),
		)
	}
	if held > 0 {
		all = append(
			all,
			measure.Count(held, "request")+was(
				held)+" held back by --pace, so that the minimum interval was kept.",
		)
	}
	for _, s := range sourceNotes {
		if sources[s.source] {
			all = append(all, s.note)
		}
	}
	return append(all, refusalNotes(r)...)
}

// refusalNotes tell of the first few caps that are, or were, learned from a refusal until when.
func refusalNotes(r *analyze.Report) (notes []string) {
	for i := range r.Tenants {
		if note := r.Tenants[i].Egress.Cap.Note(); note != "" {
			notes = append(notes, text.Clean(r.Tenants[i].Tenant)+": "+note)
		}
	}
	const few = 3
	if more := int64(len(notes) - few); more > 0 {
		notes = append(notes[:few], measure.Count(more, "more tenant")+
			" with such a cap; \"headroom forecast\" tells of each.")
	}
	return notes
}

// Nothing says that a report is about no tenant at all.
func Nothing(r *analyze.Report) string {
	switch {
	case r.Later > 0:
		return "Nothing to audit: all requests start later than the moment of the audit."
	case !r.Since.IsZero() || !r.Until.IsZero():
		return "Nothing to audit: no tenant has a request in the range that was selected."
	}
	return "Nothing to audit: no requests are recorded."
}

// overTenants are those that pass now and had incidents.
func overTenants(r *analyze.Report) (names []string) {
	for i := range r.Tenants {
		if t := &r.Tenants[i]; t.Verdict == analyze.Pass && len(t.Incidents) > 0 {
			names = append(names, text.Clean(t.Tenant))
		}
	}
	return names
}

// stillKnown sums up the nights whose requests were removed.
func stillKnown(nights []analyze.PrunedNight) string {
	if len(nights) == 0 {
		return ""
	}
	var requests, refused, bytes int64
	first, last := nights[0].Night, nights[0].Night
	of := map[time.Time]bool{}
	for _, n := range nights {
		requests, refused, bytes = requests+n.Requests, refused+n.Refused, bytes+n.Bytes
		of[n.Night] = true
		if n.Night.Before(first) {
			first = n.Night
		}
		if n.Night.After(last) {
			last = n.Night
		}
	}
	when := measure.Count(int64(len(of)), "night") + " from " + first.Format(time.DateOnly) + " to " +
		last.Format(time.DateOnly)
	if len(of) == 1 {
		when = "the night of " + first.Format(time.DateOnly)
	}
	return " Still known of " + when + ": " + measure.Count(requests, "request") + ", " +
		measure.Count(refused, "refusal") + ", " + measure.Bytes(bytes) + "."
}
