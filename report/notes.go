package report

import (
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
func Notes(r *analyze.Report) (all []string) {
	count := func(n int64, noun string, words ...string) {
		if n > 0 {
			all = append(all, measure.Count(n, noun)+strings.Join(words, ""))
		}
	}
	count(r.Dropped, "request", was(r.Dropped), " dropped while recording: the figures are too low by them.")
	count(r.Later, "request", is(r.Later), " left out, being later than the moment of the audit.")
	if !r.Pruned.Before.IsZero() {
		all = append(all, prunedWords(r))
	}
	var silent []string
	var sum analyze.Result
	var unseen int64
	sources := map[egress.CapSource]bool{}
	for i := range r.Tenants {
		t := &r.Tenants[i]
		sum.Spacing.Indeterminate += t.Spacing.Indeterminate
		sum.Opaque += t.Opaque
		sum.Foreign += t.Foreign
		sum.Redirected += t.Redirected
		sum.Storage += t.Storage
		unseen += max(0, t.Redirected-t.Storage)
		sum.Held += t.Held
		sources[capSource(t.Egress.Cap)] = true
		if t.Requests == 0 {
			silent = append(silent, text.Clean(t.Tenant))
		}
	}
	if silent != nil {
		all = append(all, "No request to judge, so that a pass says nothing: "+firstFew(silent)+
			". \"headroom tenants\" tells when their last one was.")
	}
	if over := overTenants(r); over != nil {
		all = append(all, "What happened in incidents that are over does not count against now: "+
			firstFew(over)+".")
	}
	count(sum.Spacing.Indeterminate, "gap", is(sum.Spacing.Indeterminate),
		" indeterminate (+N?): the log's clock is too coarse to say whether the minimum was kept.")
	count(sum.Opaque, "connection",
		" could not be looked into, nor judged: the client did not accept our certificate; see headroom doctor.")
	count(sum.Foreign, "request",
		" to hosts that the policy does not know: the rules for recordings were not applied to them; add the host to a copy of the policy (--policy).")
	count(sum.Storage, "request",
		" to another host than the policy's, a storage that the vendor redirected to: their bytes count as egress.")
	if unseen > 0 {
		count(sum.Redirected, "answer", " led to a storage, and ", measure.Count(unseen, "request"),
			" of it", was(unseen), " not seen: what came from there is missing from the egress.")
	}
	count(sum.Held, "request", was(sum.Held), " held back by --pace, so that the minimum interval was kept.")
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

// prunedWords say which requests were removed from the log, and what is still known of them.
func prunedWords(r *analyze.Report) string {
	gone, how := r.Pruned, ""
	if gone.Requests > 0 {
		how = " (" + measure.Count(gone.Requests, "request") + ", " + measure.Bytes(gone.Bytes) + ")"
	}
	return "Requests from before " + measure.Stamp(gone.Before, time.UTC) + " were removed from the log" +
		how + ": of that time the figures know nothing." + stillKnown(gone.Nights)
}

func is(n int64) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func was(n int64) string {
	if n == 1 {
		return " was"
	}
	return " were"
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
