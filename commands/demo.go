package commands

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/internal/sim/story"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
)

const (
	defaultDemoFolder = "headroom-demo"
	demoReport        = "report.html"
	demoCalls         = "calls"      // what pull fetched
	demoTicket        = "ticket.zip" // the evidence about demoTenant
	demoKey           = "seal.key"   // what the demo's log is sealed with
	demoTenant        = "cobalt"
	// demoMark begins the config of a demo, by which a later one knows that it may replace the files.
	demoMark = "# Written by \"headroom demo\""
	demoSeed = 1
)

func newDemoCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "simulate a month of five tenants and audit it",
		Description: "Needs nothing: a simulated vendor answers on loopback, and five tenants pull from it through the real\n" +
			"transport, on simulated time. Writes " + defaultDatabase + ", " + defaultConfig + " and " + demoReport + " into the folder.\n\n" +
			"Examples:\n" +
			"  headroom demo\n" +
			"  headroom demo --dir /tmp/demo --as-of 2026-11-01T12:00:00Z",
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name:  "dir",
				Value: defaultDemoFolder,
				Usage: "write into this `FOLDER`, which must be new, empty or an earlier demo's",
			},
			&cli.StringFlag{
				Name:  "as-of",
				Usage: "let the month end at this `TIME` (default: noon of yesterday, UTC)",
			},
		},
		Action: action(func(c *cli.Context) error {
			o, err := readDemoOptions(c, s)
			if err != nil {
				return err
			}
			return runDemo(c.Context, s, o)
		}),
	}
}

type demoOptions struct {
	dir  string
	asOf time.Time
	look report.Options
}

func readDemoOptions(c *cli.Context, s *streams) (o demoOptions, err error) {
	if err := noArguments(c); err != nil {
		return o, err
	}
	now := time.Now().UTC()
	if o.asOf, err = readTime(c, "as-of", now); err != nil {
		return o, err
	}
	if o.asOf.IsZero() {
		o.asOf = now.Truncate(24 * time.Hour).Add(-12 * time.Hour)
	}
	o.dir, o.look = c.String("dir"), lookOf(s)
	return o, nil
}

// runDemo makes the files in a folder of their own and moves them to their places when all are
// there.
func runDemo(ctx context.Context, s *streams, o demoOptions) (err error) {
	if err := checkDemoFolder(o.dir); err != nil {
		return err
	}
	if _, there := os.Stat(o.dir); there != nil {
		if err := os.MkdirAll(o.dir, 0o777); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		defer os.Remove(o.dir) // which does nothing once there is something in it
	}
	work, err := os.MkdirTemp(o.dir, ".making-*")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var table bytes.Buffer
	if err := makeDemo(ctx, s, work, o, &table); err != nil {
		return err
	}
	if err := moveDemo(work, o.dir); err != nil {
		return err
	}
	return buffered(s.out, func(w io.Writer) error {
		_, err := table.WriteTo(w)
		tellNext(w, o)
		return err
	})
}

// checkDemoFolder refuses a folder with other people's files.
func checkDemoFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read folder: %w", err)
	}
	// A file that cannot be read is no earlier demo's.
	config, _ := os.ReadFile(filepath.Join(dir, defaultConfig))
	if !bytes.HasPrefix(config, []byte(demoMark)) {
		return fmt.Errorf("folder %s is not empty and no earlier demo's; name another with --dir",
			pathname.Quote(dir))
	}
	return nil
}

func moveDemo(from, to string) error {
	for _, old := range []string{defaultDatabase, defaultDatabase + "-wal", defaultDatabase + "-shm"} {
		if err := os.Remove(filepath.Join(to, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("replace earlier demo: %w", err)
		}
	}
	if err := os.RemoveAll(filepath.Join(to, demoCalls)); err != nil {
		return fmt.Errorf("replace earlier demo: %w", err)
	}
	for _, name := range []string{
		defaultConfig, defaultDatabase, demoReport, demoCalls, demoKey, demoTicket,
	} {
		if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
			return fmt.Errorf("move demo: %w", err)
		}
	}
	return nil
}

// makeDemo tells the story, writes the files into dir and the audit's table into w.
func makeDemo(ctx context.Context, s *streams, dir string, o demoOptions, w io.Writer) error {
	tale, err := story.New(o.asOf, demoSeed)
	if err != nil {
		return err
	}
	policy, err := limits.Builtin(defaultPolicy)
	if err != nil {
		return err
	}
	se := &session{streams: s, policy: policy, keyFile: filepath.Join(dir, demoKey)}
	if se.policyText, err = limits.BuiltinText(defaultPolicy); err != nil {
		return err
	}
	return se.open(ctx, filepath.Join(dir, defaultDatabase), func() error {
		s.tell("headroom: simulating %d days of five tenants …", story.Days)
		if err := se.recordStory(ctx, tale); err != nil {
			return err
		}
		if err := se.pullLastNight(ctx, tale, dir); err != nil {
			return err
		}
		if err := se.writeDemoConfig(filepath.Join(dir, defaultConfig), tale); err != nil {
			return err
		}
		if err := se.writeDemoReports(ctx, filepath.Join(dir, demoReport), o, w); err != nil {
			return err
		}
		return se.writeDemoTicket(ctx, dir, o)
	})
}

// memoryRecorder collects what the transports record.
type memoryRecorder struct {
	mu       sync.Mutex
	requests []store.Request
	listed   []store.Recording
}

func (t *memoryRecorder) RecordListed(recordings []store.Recording) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listed = append(t.listed, recordings...)
}

func (t *memoryRecorder) Record(r store.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests = append(t.requests, r)
}

// recordStory lets the tenants' programs run and stores what they did. Tenants run at the same
// time, and in the file the requests are to have the same numbers each time, so they are put in
// order before they are stored.
func (s *session) recordStory(ctx context.Context, tale *story.Story) error {
	var t memoryRecorder
	source := &store.Source{Kind: "transport", Name: "demo"}
	err := tale.Run(
		ctx,
		func(tenant, client string, clock func() time.Time, base http.RoundTripper) http.RoundTripper {
			return ingest.NewTransport(base, &t, ingest.WithPolicy(s.policy),
				ingest.WithHashKey(s.store.HashKey()), ingest.WithTenant(tenant), ingest.WithClient(client),
				ingest.WithClock(clock), ingest.WithSource(source))
		},
	)
	if err != nil {
		return err
	}
	slices.SortStableFunc(t.requests, func(a, b store.Request) int {
		return cmp.Or(cmp.Compare(a.StartedAt, b.StartedAt), cmp.Compare(a.Tenant, b.Tenant))
	})
	slices.SortFunc(t.listed, func(a, b store.Recording) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.StartedAt, b.StartedAt),
			cmp.Compare(a.Key, b.Key))
	})
	if _, err := s.store.AddRecordings(ctx, t.listed); err != nil {
		return err
	}
	recorder := store.NewRecorder(s.store)
	for _, r := range t.requests {
		recorder.Record(r)
	}
	if err := recorder.Close(); err != nil {
		return err
	}
	return s.recordResets(ctx, tale)
}

func (s *session) recordResets(ctx context.Context, tale *story.Story) error {
	for _, truth := range tale.Truth() {
		for _, r := range truth.Resets {
			e := store.Event{
				Kind:   store.EventReset,
				At:     r.At.UnixMicro(),
				Tenant: truth.Tenant,
				Note:   r.Note,
			}
			if err := s.store.AddEvent(ctx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeDemoConfig writes down what the customer would know, and reads it as the next commands will.
func (s *session) writeDemoConfig(name string, tale *story.Story) (err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: five made-up tenants. \"headroom init\" writes one for real ones.\n",
		demoMark)
	for _, t := range tale.Truth() {
		fmt.Fprintf(&b, "\n# %s\n[tenants.%s]\nagents = %d\ntime_zone = %q\n", t.About, t.Tenant,
			t.Agents, t.Zone)
		if t.CapTold {
			fmt.Fprintf(&b, "cap = %d\ncap_told_on = %s\n", t.CapBytes, tale.Start.Format(time.DateOnly))
		}
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	s.config, err = config.Parse(name, b.Bytes())
	return err
}

// writeDemoReports tells of the whole month: what happened, whether it is over or not.
func (s *session) writeDemoReports(
	ctx context.Context, html string, o demoOptions, w io.Writer,
) error {
	if err := s.store.Refresh(ctx); err != nil {
		return err
	}
	snap, err := s.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer snap.Close()
	sp := span{asOf: o.asOf, since: o.asOf.AddDate(0, 0, -story.Days)}
	p, err := s.picture(ctx, snap, sp, nil, s.pageOnly(sp, nil))
	if err != nil {
		return err
	}
	if err := safefile.Replace(html, func(w io.Writer) error { return page.Write(w, p) }); err != nil {
		return err
	}
	return report.Audit(w, p.Audit, o.look)
}

// tellNext says what to try on the demo's files.
func tellNext(w io.Writer, o demoOptions) {
	file := func(name string) string { return quoted(filepath.Join(o.dir, name)) }
	run := fmt.Sprintf("headroom --db %s --config %s --key %s", file(defaultDatabase),
		file(defaultConfig), file(demoKey))
	ticket := filepath.Join(o.dir, demoTicket)
	fmt.Fprintf(
		w,
		"\nThe page: %s\nThe evidence about %s, for a ticket: %s; whoever gets it checks it by hand:\n"+
			"  unzip -d ticket %s && less ticket/VERIFY.md\n"+
			"The audit above counts all of the month. Try next, as of its end, when what is over no longer "+
			"counts:\n",
		filepath.Join(o.dir, demoReport),
		demoTenant,
		ticket,
		quoted(ticket),
	)
	for _, next := range []string{
		"audit --as-of " + stamp(o.asOf),
		"audit --as-of " + stamp(o.asOf) + " --explain spacing --tenant borealis",
		"forecast --as-of " + stamp(o.asOf),
		"tenants --as-of " + stamp(o.asOf),
		"verify " + quoted(ticket),
	} {
		fmt.Fprintf(w, "  %s %s\n", run, next)
	}
}

// quoted is a file name as a shell takes it.
func quoted(name string) string {
	if strings.Trim(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+") == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
