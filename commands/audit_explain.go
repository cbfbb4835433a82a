package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/store"
)

// explain lists what made a rule fire for one tenant, or what an incident consists of.
func explain(
	ctx context.Context, se *session, snap store.Snapshot, names []string, o auditOptions,
) error {
	known := names
	if known == nil {
		known = se.knownTenants(snap)
	}
	tenant, incident, err := toExplain(o.explain, known)
	if err != nil {
		return fmt.Errorf("flag --explain: %w", err)
	}
	options := se.analysis(o.span, []string{tenant})
	var hits []analyze.Hit
	take := func(h analyze.Hit) { hits = append(hits, h) }
	if incident {
		err = analyze.ExplainIncident(ctx, snap, options, tenant, o.explain, take)
	} else {
		err = analyze.Explain(ctx, snap, options, tenant, func(h analyze.Hit) {
			if h.Rule == o.explain {
				take(h)
			}
		})
	}
	if none := (*analyze.NoIncidentError)(nil); errors.As(err, &none) {
		return fmt.Errorf("flag --explain: %w%s", err, nearestIncident(none))
	}
	if err != nil {
		return err
	}
	rows, err := explainedRows(ctx, snap, tenant, hits)
	if err != nil {
		return err
	}
	return se.write(o.output, func(w io.Writer) error { return report.Explain(w, rows, o.look) })
}

// nearestIncident is a hint to the incident that was probably meant: the nearest of the same cause,
// else of all.
func nearestIncident(none *analyze.NoIncidentError) string {
	if len(none.Known) == 0 {
		return ", nor any other"
	}
	if m := incidentForm.FindStringSubmatch(none.ID); m != nil {
		alike := slices.DeleteFunc(slices.Clone(none.Known), func(id string) bool {
			return !strings.HasSuffix(id, "-"+m[2])
		})
		if hint := didYouMean(none.ID, alike); hint != "" {
			return hint
		}
	}
	if hint := didYouMean(none.ID, none.Known); hint != "" {
		return hint
	}
	const few = 3
	latest := none.Known[max(0, len(none.Known)-few):]
	return "; its latest are " + strings.Join(latest, ", ")
}

// incidentForm is how the id of an incident ends, after its tenant: the date of its first night,
// and its cause.
var incidentForm = regexp.MustCompile(`^(.+)-[0-9]{4}-[0-9]{2}-[0-9]{2}-([a-z0-9-]+)$`)

// toExplain says of which tenant something is to be explained, and whether it is an incident or a
// rule. Known are the tenants that may be meant.
func toExplain(what string, known []string) (tenant string, incident bool, err error) {
	if m := incidentForm.FindStringSubmatch(what); m != nil {
		if !slices.Contains(known, m[1]) {
			return "", true, config.UnknownTenant(m[1], known)
		}
		return m[1], true, nil
	}
	if len(known) != 1 {
		return "", false, errors.New("needs exactly one --tenant")
	}
	return known[0], false, nil
}

// checkExplain refuses what is neither a rule nor of the form of an incident's id.
func checkExplain(what string) error {
	m := incidentForm.FindStringSubmatch(what)
	if what == "" || slices.Contains(rules.Names(), what) ||
		m != nil && slices.Contains(rules.Names(), m[2]) {
		return nil
	}
	return fmt.Errorf(
		"flag --explain: there is no rule %q%s; the rules are %s; an incident's id is like acme-2026-11-06-spacing",
		what, didYouMean(what, rules.Names()), strings.Join(rules.Names(), ", "))
}

// explainedRows gives the requests in order of time, whatever the order in which a rule could judge
// them.
func explainedRows(
	ctx context.Context, snap store.Snapshot, tenant string, hits []analyze.Hit,
) ([]report.ExplainedRow, error) {
	ids := make([]int64, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	slices.SortStableFunc(hits,
		func(a, b analyze.Hit) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	requests, err := snap.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[int64]store.Request, len(requests))
	for _, r := range requests {
		byID[r.ID] = r
	}
	keys, err := listedKeys(ctx, snap, tenant, hits)
	if err != nil {
		return nil, err
	}
	rows := make([]report.ExplainedRow, len(hits))
	for i, h := range hits {
		request, ok := byID[h.ID]
		if !ok { // the hit is about a time or a listed recording, not about a request
			request.Tenant, request.StartedAt, request.Key = tenant, h.At, keys[h.Item]
		}
		rows[i] = report.ExplainedRow{Request: request, Why: h.Why}
	}
	return rows, nil
}

// listedKeys are the keys of the listed recordings that hits in order of time are about, by
// Hit.Item.
func listedKeys(
	ctx context.Context, snap store.Snapshot, tenant string, hits []analyze.Hit,
) (map[uint64]string, error) {
	keys := map[uint64]string{}
	if !slices.ContainsFunc(hits, func(h analyze.Hit) bool { return h.Item != 0 }) {
		return keys, nil
	}
	all, err := snap.Recordings(ctx, tenant, hits[0].At, hits[len(hits)-1].At+1)
	for i := range all {
		keys[all[i].ItemHash()] = all[i].Key
	}
	return keys, err
}
