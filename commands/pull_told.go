package commands

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/plainerr"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/report"
)

// summary says in one line whether all is there, to the user and to hooks, and gives the exit code.
// Errors that no table shows on the screen are told as well, under --quiet, too.
func (s *session) summary(ctx context.Context, results []pull.Result, o *pullOptions) error {
	var missing, failed, unlisted, stored, planned, fits int
	var bytes int64
	s.told = pullTold(results, o.DryRun)
	for i := range results {
		r := &results[i]
		missing, stored, bytes = missing+len(r.Missing), stored+r.Stored, bytes+r.Bytes
		planned, fits = planned+r.Plan.Recordings, fits+r.Plan.Fits
		if r.Err == nil {
			continue
		}
		failed++
		if notListed(r) {
			unlisted++
		}
		if o.output != "" || o.look.Format != "table" {
			s.warn("headroom: pull: %s: %v", r.Tenant, r.Err)
		}
	}
	if ctx.Err() != nil {
		s.tell("headroom: pull: %v", pull.ErrInterrupted)
	}
	if o.DryRun {
		s.outcome = fmt.Sprintf("%s to fetch; %s of them tonight",
			measure.Count(int64(planned), "recording"), measure.Grouped(int64(fits))) + ofUnlisted(unlisted)
		if unlisted == len(results) {
			s.outcome = "what is to be fetched is not known: no list could be read"
		}
		s.tell("headroom: plan: %s", s.outcome)
		missing = 0
	} else {
		lacks := fmt.Sprintf("%d missing", missing) + ofUnlisted(unlisted)
		if unlisted == len(results) {
			lacks = "what is missing is not known: no list could be read"
		}
		s.outcome = fmt.Sprintf("%s stored (%s); %s", measure.Count(int64(stored), "recording"),
			measure.Bytes(bytes), lacks)
		s.tell("headroom: pull: %s stored (%s) in %s; %s", measure.Count(int64(stored), "recording"),
			measure.Bytes(bytes), o.To, lacks)
	}
	if failed > 0 {
		s.outcome += fmt.Sprintf("; %s failed", measure.Count(int64(failed), "tenant"))
	}
	if missing > 0 || failed > 0 {
		return errPartly
	}
	return nil
}

// notListed says whether a tenant failed before its list was read.
func notListed(r *pull.Result) bool { return r.Err != nil && r.Listed == 0 }

// ofUnlisted says of how many tenants nobody knows what there is.
func ofUnlisted(tenants int) string {
	if tenants == 0 {
		return ""
	}
	return fmt.Sprintf("; not known of %s, whose list could not be read",
		measure.Count(int64(tenants), "tenant"))
}

// byNeed puts tenants that failed first, then those of which recordings are missing, then the
// complete ones, each by name.
func byNeed(a, b pull.Result) int {
	rank := func(r *pull.Result) int {
		switch {
		case r.Err != nil:
			return 0
		case len(r.Missing) > 0:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(&a), rank(&b)), strings.Compare(a.Tenant, b.Tenant))
}

// saysNothing says whether --quiet leaves the table out: on the screen, of a pull that is complete.
func (s *session) saysNothing(results []pull.Result, o *pullOptions) bool {
	return s.quiet && !o.DryRun && isStdout(o.output) && o.look.Format == "table" &&
		!slices.ContainsFunc(results, func(r pull.Result) bool { return !r.Complete() })
}

// pullTold are the tenants that a hook is told of: those that failed, and those of which recordings
// are missing, unless none was to be fetched.
func pullTold(results []pull.Result, dryRun bool) (all []hookTenant) {
	for i := range results {
		r := &results[i]
		told := hookTenant{Tenant: r.Tenant}
		if !dryRun {
			told.Missing = len(r.Missing)
		}
		if r.Err != nil {
			told.Error = oneLine(plainerr.Text(r.Err))
		}
		if told.Missing > 0 || told.Error != "" {
			all = append(all, told)
		}
	}
	return all
}

func pullRows(results []pull.Result) []report.PullRow {
	rows := make([]report.PullRow, len(results))
	for i, r := range results {
		rows[i] = report.PullRow{
			Tenant: r.Tenant, Listed: r.Listed, Already: r.Already, Stored: r.Stored, Excused: r.Excused,
			Missing: pullMissing(r.Missing), Findings: pullMissing(r.Findings), Bytes: r.Bytes,
			Wasted:    r.Wasted,
			Elsewhere: r.Elsewhere, Stopped: r.Stopped, Started: r.Started, Ended: r.Ended,
			Plan: report.PullPlan(r.Plan),
		}
		if r.Err != nil {
			rows[i].Unlisted = notListed(&r)
			rows[i].Error = oneLine(plainerr.Text(r.Err))
		}
	}
	return rows
}

func pullMissing(list []pull.Missing) []report.PullMissing {
	out := make([]report.PullMissing, len(list))
	for i, m := range list {
		out[i] = report.PullMissing{Key: m.Key, Start: m.Start, Bytes: m.Size, Why: m.Why}
	}
	return out
}
