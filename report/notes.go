package report

import (
	"github.com/6dcca832/headroom/analyze"
)

// sourceNotes explain where a cap is from, best known first.
var sourceNotes = []struct {
	source analyze.CapSource
	note   string
}{
	{analyze.CapTold, "Cap told: as the vendor's support said."},
	{analyze.CapLearned, "Cap learned: from the rolling sums at which requests were refused or still served."},
	{analyze.CapMeasured, "Cap measured: an estimate from the number of agents and the tenant's own bytes per recorded hour, configured or from its recording lists."},
	{analyze.CapAssumed, "Cap assumed: an estimate from the number of agents and the policy's bytes per recorded hour; ask support for the real one."},
	{analyze.CapUnknown, "Cap unknown: neither support's word nor the number of licensed agents is configured; \"headroom init\" writes the file for them."},
}

// notes are what a reader must know to trust the figures.
func notes(r *analyze.Report) []string {
	var all []string
	if r.Dropped > 0 {
		all = append(all, plural(r.Dropped, "request was", "requests were")+" dropped while recording: the figures are too low by them.")
	}
	if r.Later > 0 {
		all = append(all, plural(r.Later, "request is", "requests are")+" left out, being later than the moment of the audit.")
	}
	var silent []string
	var undecided, opaque, foreign, held int64
	sources := map[analyze.CapSource]bool{}
	for i := range r.Tenants {
		undecided += r.Tenants[i].Spacing.Indeterminate
		opaque += r.Tenants[i].Opaque
		foreign += r.Tenants[i].Foreign
		held += r.Tenants[i].Held
		sources[capSource(r.Tenants[i].Egress.Cap)] = true
		if r.Tenants[i].Requests == 0 {
			silent = append(silent, brief(r.Tenants[i].Tenant, maxName))
		}
	}
	if silent != nil {
		all = append(all, "No request to judge, so that a pass says nothing: "+firstFew(silent)+". \"headroom tenants\" tells when their last one was.")
	}
	if undecided > 0 {
		all = append(all, plural(undecided, "gap is", "gaps are")+" indeterminate (+N?): the log's clock is too coarse to say whether the minimum was kept.")
	}
	if opaque > 0 {
		all = append(all, plural(opaque, "connection", "connections")+" could not be looked into, nor judged: the client did not accept our certificate; see headroom doctor.")
	}
	if foreign > 0 {
		all = append(all, plural(foreign, "request", "requests")+" to hosts that the policy does not know: the rules for recordings were not applied to them; add the host to a copy of the policy (--policy).")
	}
	if held > 0 {
		all = append(all, plural(held, "request was", "requests were")+" held back by --pace, so that the minimum interval was kept.")
	}
	for _, s := range sourceNotes {
		if sources[s.source] {
			all = append(all, s.note)
		}
	}
	return all
}

// nothing says that a report is about no tenant at all.
func nothing(r *analyze.Report) string {
	switch {
	case r.Later > 0:
		return "Nothing to audit: all requests start later than the moment of the audit."
	case !r.Since.IsZero() || !r.Until.IsZero():
		return "Nothing to audit: no tenant has a request in the range that was selected."
	}
	return "Nothing to audit: no requests are recorded."
}
