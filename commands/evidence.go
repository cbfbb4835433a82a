package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/store"
)

const (
	// beforeIncident is how much of the log before an incident's first night goes into its bundle: the
	// window of the longest limit, so that rolling sums are whole.
	beforeIncident = 5 * 24 * time.Hour
	// bundlePeriod is what a bundle is about where there is no incident and no range.
	bundlePeriod = analyze.NowNights * 24 * time.Hour
)

func newEvidenceCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "evidence",
		Usage: "make one file for a ticket: what happened, and the proof of it",
		Description: "Writes a ZIP file about one tenant: a text to paste, the report, all requests, and what is needed to check\n" +
			"them without trusting who sent it. By default it is about the incident that must be acted on first, else the\n" +
			"one that ended last. Recording keys are in it; clients, file names and notes only with --with.\n\n" +
			"Examples:\n" +
			"  headroom evidence --tenant acme -o ticket.zip\n" +
			"  headroom evidence --tenant acme --since 7d -o ticket.zip\n" +
			"  headroom verify ticket.zip",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "tenant", Usage: "the `NAME` of the tenant; needed"},
			&cli.StringFlag{Name: "incident", Usage: "the `ID` of the incident, as the audit tells it"},
			&cli.StringFlag{Name: "with", Usage: "also disclose these `FIELDS`: client, source, note"},
			neededOutputFlag(),
		}, rangeFlags()...),
		Action: withStore(s, readEvidenceOptions, runEvidence, mustExist),
	}
}

type evidenceOptions struct {
	span
	tenant, incident, output string
	with                     []evidence.Field
}

func readEvidenceOptions(c *cli.Context, _ *streams) (o evidenceOptions, err error) {
	o.tenant, o.incident, o.output = c.String("tenant"), c.String("incident"), c.String("output")
	if o.tenant == "" && c.NArg() == 1 {
		o.tenant = c.Args().First()
	} else if err := noArguments(c); err != nil {
		return o, err
	}
	if o.tenant == "" {
		return o, errors.New("flag --tenant: is needed; a bundle is about one tenant")
	}
	if o.output == "" {
		return o, errors.New(
			"flag --output: is needed; name a file such as ticket.zip, or \"-\" for standard output")
	}
	if o.span, err = readSpan(c); err != nil {
		return o, err
	}
	if o.incident != "" && (!o.since.IsZero() || !o.until.IsZero()) {
		return o, errors.New("flag --incident: goes without --since and --until")
	}
	o.with, err = readFields(c.String("with"))
	return o, err
}

// readFields reads a list of fields that may be disclosed.
func readFields(list string) (fields []evidence.Field, err error) {
	if list == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(list, ",") {
		f := evidence.Field(strings.TrimSpace(word))
		if f != evidence.FieldClient && f != evidence.FieldSource && f != evidence.FieldNote {
			return nil, fmt.Errorf("flag --with: %q is none of client, source, note", word)
		}
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return slices.Compact(fields), nil
}

func runEvidence(c *cli.Context, se *session, o evidenceOptions) error {
	ctx := c.Context
	snap, names, err := se.snapshot(ctx, []string{o.tenant})
	if err != nil {
		return err
	}
	if len(names) != 1 {
		err = fmt.Errorf("flag --tenant: %q fits %d tenants; a bundle is about one", o.tenant, len(names))
		return errors.Join(err, snap.Close())
	}
	o.tenant = names[0]
	p, incident, err := se.bundlePeriod(ctx, snap, o)
	if err := errors.Join(err, snap.Close()); err != nil {
		return err
	}
	if !se.store.ReadOnly() {
		done, err := se.sealFor(ctx, o.tenant)
		if err != nil {
			return err
		}
		// A clock that was set back must not hide the rows that were sealed just now.
		if held, err := evidence.ParseSealLine(done.Line); err == nil && !c.IsSet("as-of") {
			p.AsOf = max(p.AsOf, held.At)
		}
	}
	data, err := se.bundle(ctx, p, incident) // which may be told under another name
	if err != nil {
		return err
	}
	if err := se.write(o.output, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}); err != nil {
		return err
	}
	return se.markTold(ctx)
}

// bundlePeriod chooses what a bundle is about. An incident's part of the log begins before its
// first night.
func (s *session) bundlePeriod(
	ctx context.Context, snap store.Snapshot, o evidenceOptions,
) (evidence.Period, *analyze.Incident, error) {
	zone := s.config.About(o.tenant).Zone
	p := evidence.Period{
		Tenant: o.tenant, With: o.with, AsOf: o.asOf.UnixMicro(), Until: o.asOf.UnixMicro() + 1,
		Since: o.asOf.Add(-bundlePeriod).UnixMicro(),
		Night: func(at time.Time) time.Time { return nightOf(at, zone) },
	}
	if !o.until.IsZero() {
		p.Until = o.until.UnixMicro()
	}
	if !o.since.IsZero() {
		p.Since = o.since.UnixMicro()
	}
	if !o.since.IsZero() || !o.until.IsZero() {
		return p, nil, nil
	}
	r, err := s.audit(ctx, snap, o.span, []string{o.tenant})
	if err != nil {
		return p, nil, err
	}
	incident, err := chooseIncident(r, o.incident)
	if err != nil || incident == nil {
		return p, nil, err
	}
	p.Since = nightOf(time.UnixMicro(incident.First), zone).Add(-beforeIncident).UnixMicro()
	return p, incident, nil
}

// chooseIncident gives the incident with that id; without one the open one that comes first, else
// the one that ended last; nil where there is none.
func chooseIncident(r *analyze.Report, id string) (*analyze.Incident, error) {
	if len(r.Tenants) == 0 {
		return nil, nil
	}
	incidents := r.Tenants[0].Incidents
	var known []string
	for i := range incidents {
		if id == "" || incidents[i].ID == id {
			return &incidents[i], nil // the order of Result.Incidents
		}
		known = append(known, incidents[i].ID)
	}
	if id != "" {
		return nil, fmt.Errorf(
			"flag --incident: there is no %q%s; \"headroom audit --tenant %s\" lists them", id,
			didYouMean(id, known), r.Tenants[0].Tenant)
	}
	return nil, nil
}

// nightOf is the noon at which the night of a time begins, in a zone.
func nightOf(at time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	begin := time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, zone)
	if at.Before(begin) {
		begin = time.Date(at.Year(), at.Month(), at.Day()-1, 12, 0, 0, 0, zone)
	}
	return begin
}

// bundle makes the bundle's bytes. The incident is the one of the whole log's audit, nil for none.
func (s *session) bundle(
	ctx context.Context, p evidence.Period, incident *analyze.Incident,
) ([]byte, error) {
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	in, err := s.store.Seals(ctx)
	if err != nil {
		return nil, err
	}
	c, err := evidence.Collect(ctx, in, key, p)
	if err := errors.Join(err, in.Close()); err != nil {
		return nil, err
	}
	c.About = evidence.About{
		Tenant: p.Tenant, Since: stamp(time.UnixMicro(p.Since)), Until: stamp(time.UnixMicro(p.Until)),
		AsOf: stamp(time.UnixMicro(p.AsOf)), With: p.With, Program: version(),
	}
	if incident != nil {
		c.About.Incident = incident.ID
	}
	c.Policy, c.Settings = s.policyText, s.config.TenantText(p.Tenant)
	return key.WriteBundle(c, func(content *evidence.Content) (evidence.Pages, error) {
		pages, err := s.incidentPages(ctx, content, incident)
		c.About.Incident = content.About.Incident
		if err == nil && bytes.Contains(pages.Ticket, []byte(evidence.TicketBlank)) {
			s.tell("headroom: evidence: TICKET.md has a blank for what you changed: fill it in where you " +
				"paste the text, and not in the ZIP file, whose signature that would break")
		}
		return pages, err
	})
}

// incidentPages computes a bundle's pages. Where its leaves alone do not show the incident by its
// name, because the name rests on what is withheld or on older requests, the incident is told as
// what the leaves show of it; where they show nothing of it, the bundle is about its period.
func (s *session) incidentPages(
	ctx context.Context, c *evidence.Content, incident *analyze.Incident,
) (evidence.Pages, error) {
	pages, audit, err := s.pagesAndAudit(ctx, c)
	if err != nil || incident == nil {
		return pages, err
	}
	as := sameIncident(audit.Incidents, incident)
	if as == incident.ID {
		return pages, nil
	}
	why := "rests on requests from before the bundle's"
	withheld := !slices.Contains(c.About.With, evidence.FieldClient)
	if withheld && slices.Contains(incident.Rules, rules.Interleaved) {
		why = "rests on which client sent what, which the bundle withholds: --with client discloses it"
	}
	told := "is not told; the bundle is about its period"
	if as != "" {
		told = "is told as " + as
	}
	s.tell("headroom: evidence: the incident %s %s. It %s", incident.ID, told, why)
	c.About.Incident = as
	return s.pages(ctx, c)
}

// sameIncident is the id of the incident that is, or shares the most time with, one of another
// audit of the same requests; "" where none does.
func sameIncident(found []analyze.Incident, of *analyze.Incident) (id string) {
	most := int64(-1)
	for i := range found {
		f := &found[i]
		if f.ID == of.ID {
			return f.ID
		}
		shared := min(f.Last, of.Last) - max(f.First, of.First)
		related := slices.ContainsFunc(f.Rules,
			func(rule string) bool { return slices.Contains(of.Rules, rule) })
		if related && shared > most {
			id, most = f.ID, shared
		}
	}
	return id
}
