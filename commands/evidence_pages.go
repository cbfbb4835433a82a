package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
)

// ownTrouble says of an error of pages that it is about this machine, such as a full disk, and says
// nothing of the bundle.
func ownTrouble(ctx context.Context, err error) bool {
	var path *fs.PathError
	return ctx.Err() != nil || storeFailed(err) || errors.Is(err, errNoFolder) || errors.As(err, &path)
}

// pages computes a bundle's pages from its content alone: the leaves become a log of their own,
// which is audited under the policy and the settings of the bundle.
func (s *session) pages(ctx context.Context, c *evidence.Content) (evidence.Pages, error) {
	pages, _, err := s.pagesAndAudit(ctx, c)
	return pages, err
}

// pagesAndAudit gives the audit of the leaves, too.
func (s *session) pagesAndAudit(
	ctx context.Context, c *evidence.Content,
) (pages evidence.Pages, audit *analyze.Result, err error) {
	policy, err := limits.Parse("policy.toml", c.Policy)
	if err != nil {
		return pages, nil, err
	}
	settings, err := config.Parse("settings.toml", c.Settings)
	if err != nil {
		return pages, nil, err
	}
	sp, err := aboutSpan(&c.About)
	if err != nil {
		return pages, nil, err
	}
	// What a killed run leaves of the leaves' database is removed by the next.
	folder, err := newRunFolder(os.TempDir())
	if err != nil {
		return pages, nil, err
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	own := &session{
		streams:    &streams{out: io.Discard, err: io.Discard, quiet: true},
		policy:     policy,
		config:     settings,
		policyText: c.Policy,
	}
	err = own.open(ctx, filepath.Join(folder.path, "leaves.db"), func() (err error) {
		pages, audit, err = own.leafPages(ctx, c, sp)
		return err
	})
	return pages, audit, err
}

// aboutSpan is the range that a bundle is about. An incident is told whole, so its audit has no
// range.
func aboutSpan(about *evidence.About) (sp span, err error) {
	asOf, err := time.Parse(time.RFC3339, about.AsOf)
	since, err2 := time.Parse(time.RFC3339, about.Since)
	until, err3 := time.Parse(time.RFC3339, about.Until)
	if err := errors.Join(err, err2, err3); err != nil {
		return sp, fmt.Errorf("bundle.json: %w", err)
	}
	sp.asOf = asOf.UTC()
	if about.Incident == "" {
		sp.since, sp.until = since.UTC(), until.UTC()
	}
	return sp, nil
}

func (s *session) leafPages(
	ctx context.Context, c *evidence.Content, sp span,
) (pages evidence.Pages, audit *analyze.Result, err error) {
	if err := s.storeLeaves(ctx, c); err != nil {
		return pages, nil, err
	}
	if err := s.store.Refresh(ctx); err != nil {
		return pages, nil, err
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return pages, nil, err
	}
	defer func() { err = errors.Join(err, snap.Close()) }()
	tenants := []string{c.About.Tenant}
	picture, err := s.picture(ctx, snap, sp, tenants, s.pageOnly(sp, tenants))
	if err != nil {
		return pages, nil, err
	}
	if len(picture.Audit.Tenants) != 1 {
		return pages, nil, errors.New("the leaves are of no tenant")
	}
	picture.Audit.FromCache, picture.Rows = false, evidence.RequestsName
	audit = &picture.Audit.Tenants[0]
	broke, err := s.broke(ctx, snap, sp, &c.About, audit)
	if err != nil {
		return pages, nil, err
	}
	var text, html bytes.Buffer
	err = errors.Join(report.Audit(&text, picture.Audit, report.Options{Format: "json"}),
		page.Write(&html, picture))
	return evidence.Pages{
		Ticket: evidence.Ticket(c, audit, s.policy, ticketFacts(picture, c.About.Incident)),
		Report: html.Bytes(), Audit: text.Bytes(), Requests: evidence.RequestsCSV(c, broke),
	}, audit, err
}

// ticketFacts are what the page tells of an incident, and the ticket as well.
func ticketFacts(p *report.Picture, incident string) evidence.TicketFacts {
	return evidence.TicketFacts{
		Examples: p.Examples[incident], ResetNow: page.ResetNow(p, incident),
	}
}

// broke are the rules that requests broke in a bundle's incident, or in its period, by row.
func (s *session) broke(
	ctx context.Context, snap store.Snapshot, sp span, about *evidence.About, r *analyze.Result,
) (map[int64][]string, error) {
	broke := map[int64][]string{}
	note := func(h analyze.Hit) {
		if h.ID != 0 && !slices.Contains(broke[h.ID], h.Rule) {
			broke[h.ID] = append(broke[h.ID], h.Rule)
		}
	}
	o := s.analysis(sp, []string{about.Tenant})
	isIt := func(i analyze.Incident) bool { return i.ID == about.Incident }
	switch {
	case about.Incident == "":
		return broke, analyze.Explain(ctx, snap, o, about.Tenant, note)
	case slices.ContainsFunc(r.Incidents, isIt):
		return broke, analyze.ExplainIncident(ctx, snap, o, about.Tenant, about.Incident, note)
	}
	return broke, nil
}

// storeLeaves makes a log of the leaves.
func (s *session) storeLeaves(ctx context.Context, c *evidence.Content) error {
	rows := leafRows{
		tenant:  c.About.Tenant,
		policy:  s.policy,
		routes:  map[[3]string]*store.Route{},
		sources: map[store.Source]*store.Source{},
	}
	for i := range c.Leaves {
		l := &c.Leaves[i]
		switch {
		case l.Request != nil:
			rows.request(l)
		case l.Recording != nil:
			key, _ := l.Value(evidence.FieldKey)
			rows.recordings = append(
				rows.recordings,
				store.Recording{Tenant: rows.tenant, Key: key, StartedAt: l.Recording.StartedAt,
					Duration: l.Recording.DurationUS, Bytes: l.Recording.Bytes},
			)
		case l.Event != nil:
			note, _ := l.Value(evidence.FieldNote)
			e := store.Event{
				Kind:   l.Event.Kind,
				At:     l.Event.At,
				Count:  l.Event.Count,
				Bytes:  l.Event.Bytes,
				Note:   note,
				Tenant: rows.tenant,
			}
			if err := s.store.AddEvent(ctx, e); err != nil {
				return err
			}
		}
	}
	if _, err := s.store.AddRecordings(ctx, rows.recordings); err != nil {
		return err
	}
	return s.store.Append(ctx, rows.requests)
}

// leafRows turns leaves into rows.
type leafRows struct {
	tenant     string
	policy     *limits.Policy
	routes     map[[3]string]*store.Route
	sources    map[store.Source]*store.Source
	requests   []store.Request
	recordings []store.Recording
}

func (r *leafRows) request(l *evidence.DisclosedLeaf) {
	q := l.Request
	key, _ := l.Value(evidence.FieldKey)
	client, _ := l.Value(evidence.FieldClient)
	source, _ := l.Value(evidence.FieldSource)
	name := [3]string{q.Method, q.Origin, q.Template}
	if r.routes[name] == nil {
		class := limits.OtherClass
		if q.Method == http.MethodConnect {
			class = store.OpaqueClass
		}
		r.routes[name] = &store.Route{
			Method:   q.Method,
			Origin:   q.Origin,
			Template: q.Template,
			Class:    class,
		}
	}
	from := store.Source{
		Kind:       q.SourceKind,
		Name:       source,
		Resolution: q.ResolutionUS,
		TimeIs:     store.ParseTimeMeaning(q.TimeIs),
	}
	if r.sources[from] == nil {
		r.sources[from] = &from
	}
	row := store.Request{
		Tenant: r.tenant, StartedAt: q.StartedAt, Duration: q.DurationUS, FirstByte: q.FirstByteUS,
		RequestBytes:  q.RequestBytes,
		ResponseBytes: q.ResponseBytes, Status: int(q.Status), CutShort: q.CutShort,
		RetryAfter: q.RetryAfterS, Error: q.Error,
		Route: r.routes[name], Key: key, Query: q.Query, Params: q.Params, Client: client,
		Source:   r.sources[from],
		VendorID: q.VendorID,
	}
	if q.DateSkewS != nil {
		row.DateSkew = store.Seconds{N: *q.DateSkewS, Known: true}
	}
	r.requests = append(r.requests, row)
}
