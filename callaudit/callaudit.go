// Package callaudit is headroom for other Go programs: it records a program's API calls in a file,
// audits them against the vendor's limits, forecasts the rolling egress, and writes the report.
//
// For most uses, Open a Log, put Log.Transport below the program's own HTTP client, and ask
// Log.Audit, Log.Forecast or Log.WriteReport whenever there is something to tell. What they return
// and take are the values of the packages analyze, ingest and report, which do more than this one
// passes on.
//
// # Guarantees
//
// Recording never fails or delays a call. A request whose body was closed before Audit, Forecast or
// WriteReport is called is in what they tell. A Log may be used by many goroutines, and its file by
// many processes.
//
// Nothing is read from flags, environment or files but the log, and the configuration that
// WithConfigFile names.
//
// # What it does not do
//
// It makes no calls of its own, and retries none: put Transport under whatever retries, so that
// each attempt is a row.
package callaudit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/page"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/postgres"
	"github.com/6dcca832/headroom/store/sqlite"
)

// DefaultPolicy names the built-in policy that a Log goes by, unless WithPolicy gives another.
const DefaultPolicy = "xima"

// ErrClosed says that a Log was used after its Close.
var ErrClosed = errors.New("the log is closed")

// Config is what is known of all tenants, as headroom.toml says it or as Go values. The zero Config
// knows nothing of any. Its fields that a Log goes by:
//
//	Tenants  map[string]Tenant // what is known of each tenant, by name
//	Defaults Tenant            // holds for tenants that are not in Tenants
//
// For example, a tenant with 120 licensed agents, whose cap support told, in a ticket:
//
//	callaudit.Config{Tenants: map[string]callaudit.Tenant{
//		"acme": {
//			Agents: 120, CapBytes: 450e9, CapToldBy: "ticket 4711",
//			Window: callaudit.Window{From: 22 * time.Hour, To: 5 * time.Hour},
//		},
//		"acm": {AliasOf: "acme"},
//	}}
//
// The others, TokenEnv, Key, Hooks and Pull, are for the program headroom; a Log reads none.
type Config = config.Config

// Tenant is what is known of one tenant. Zero values mean that nothing was said. Its fields that a
// Log goes by:
//
//	Agents       int            // licensed recorded agents, at most 1,000,000
//	CapBytes     int64          // the egress cap that support told, in bytes
//	CapToldOn    time.Time      // the day on which it did, as midnight UTC
//	CapToldBy    string         // who did, such as a ticket's number
//	BytesPerHour float64        // the size of a recorded hour, in bytes
//	Location     *time.Location // where the calls are made; nil means UTC
//	Window       Window         // when recordings should be pulled, by Location's clocks
//	Closures     []Closure      // days without calls
//	Ignored      bool           // the tenant is left out of what is told, unless Scope names it
//	AliasOf      string         // its requests count as those of this tenant
//
// The others, TokenEnv, Host and Upstream, are for the program headroom, which makes calls.
type Tenant = config.Tenant

// Window is the part of every day in which recordings should be pulled, in whole minutes from
// midnight on the wall's clock. It goes past midnight where To is before From; the zero Window is
// the whole of every day. Its fields:
//
//	From time.Duration // inclusive, less than 24 hours
//	To   time.Duration // exclusive, at most 24 hours
type Window = config.Window

// Closure is a day without calls. Its fields:
//
//	Year  int        // 0 means every year
//	Month time.Month
//	Day   int
type Closure = config.Closure

// Log is an open request log. Close it when the last call is over.
type Log struct {
	store    store.Log
	policy   *limits.Policy
	config   *Config
	recorder recorder
	closed   atomic.Bool
}

// Option changes what Open opens.
type Option func(*Log) error

// WithPolicy sets the vendor's rules, from limits.Parse. By default, those of DefaultPolicy.
func WithPolicy(p *limits.Policy) Option {
	return func(l *Log) error {
		if p == nil {
			return errors.New("WithPolicy: there is no policy")
		}
		l.policy = p
		return nil
	}
}

// WithConfig sets what is known of the tenants, whose names must be such as may be kept. Values
// that a headroom.toml may not have are refused in the same words. By default, nothing is known,
// and caps are learned from the requests.
func WithConfig(c Config) Option {
	return func(l *Log) error {
		if err := l.configure(&c); err != nil {
			return fmt.Errorf("WithConfig: %w", err)
		}
		if err := c.Check(); err != nil {
			return fmt.Errorf("WithConfig: %w", err)
		}
		return nil
	}
}

// WithConfigFile reads what is known of the tenants from a headroom.toml. By default, no file is
// read.
func WithConfigFile(name string) Option {
	return func(l *Log) error {
		c, err := config.Load(name)
		if err != nil {
			return err
		}
		if err := l.configure(c); err != nil {
			return fmt.Errorf("config %s: %w", pathname.Quote(name), err)
		}
		return nil
	}
}

// configure takes a config whose names may be kept, and of what it says only what may be told.
func (l *Log) configure(c *Config) error {
	l.config = c.RewriteNotes(privacy.Note)
	return privacy.CheckTenants(l.config.Names())
}

// Open opens the log in a file, or in PostgreSQL by its URL, postgres://USER@HOST/DATABASE, and
// makes it where there is none. The error is one of package store's where the log is damaged,
// foreign, locked or full.
func Open(file string, opts ...Option) (*Log, error) {
	l := &Log{config: &Config{}}
	for i, opt := range opts {
		if opt == nil {
			return nil, fmt.Errorf("open log: option %d of %d is nil", i+1, len(opts))
		}
		if err := opt(l); err != nil {
			return nil, err
		}
	}
	var err error
	if l.policy == nil {
		if l.policy, err = limits.Builtin(DefaultPolicy); err != nil {
			return nil, err
		}
	}
	if postgres.IsURL(file) {
		l.store, err = postgres.Open(context.Background(), file)
	} else {
		l.store, err = sqlite.Open(file)
	}
	if err != nil {
		return nil, err
	}
	l.recorder.store = l.store
	return l, nil
}

// Close writes what is still to be recorded and closes the file. Its error tells what could not be
// recorded. Calls that are made afterwards are not recorded, and a second Close does nothing.
func (l *Log) Close() error {
	if l.closed.Swap(true) || l.store == nil {
		return nil
	}
	return errors.Join(l.recorder.close(), l.store.Close())
}

// Transport makes an http.RoundTripper that records each call it passes on to base, where nil means
// http.DefaultTransport. Options come after the Log's own, so that any of them can be replaced. By
// default, the calls carry no client's name; ingest.WithClient gives one.
func (l *Log) Transport(base http.RoundTripper, opts ...ingest.Option) http.RoundTripper {
	own := []ingest.Option{ingest.WithPolicy(l.policy), ingest.WithHashKey(l.store.HashKey())}
	return ingest.NewTransport(base, &l.recorder, append(own, opts...)...)
}

// Reset records that support reset a tenant's egress window at a time: what was downloaded up to
// then no longer counts against its cap. The note says why and who said so, such as a ticket's
// number; what looks like somebody's address, number or secret is not kept. It refuses, as the
// command does, a tenant that neither the log nor the config knows, a time in the future and an
// empty note. A reset that is known already is not added again.
func (l *Log) Reset(ctx context.Context, tenant string, at time.Time, note string) error {
	if err := l.reset(ctx, tenant, at, note); err != nil {
		return fmt.Errorf("reset: %w", l.ended(err))
	}
	return nil
}

func (l *Log) reset(ctx context.Context, tenant string, at time.Time, note string) error {
	if err := privacy.CheckTenant(tenant); err != nil {
		return err
	}
	switch {
	case at.IsZero():
		return errors.New("the time at which support did it is needed")
	case at.Before(time.UnixMicro(0)):
		return fmt.Errorf("time %s is before 1970", stamp(at))
	case at.After(time.Now().Add(store.ClockSlack)):
		return fmt.Errorf("time %s is in the future", stamp(at))
	case strings.TrimSpace(note) == "":
		return errors.New("a note is needed that says why and who said so, such as the ticket's number")
	}
	known := false
	err := l.look(ctx, func(snap store.Snapshot) error {
		tenants := l.config.KnownWith(store.TenantNames(snap))
		if !slices.Contains(tenants, tenant) {
			return config.UnknownTenant(tenant, tenants)
		}
		events, err := snap.Events(ctx)
		known = slices.ContainsFunc(events, func(e store.Event) bool {
			return e.Kind == store.EventReset && e.Tenant == tenant && e.At == at.UnixMicro()
		})
		return err
	})
	if err != nil || known {
		return err
	}
	return l.store.AddEvent(ctx, store.Event{
		Kind: store.EventReset, At: at.UnixMicro(), Tenant: tenant, Note: privacy.Note(note),
	})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Audit tells per tenant whether the vendor's rules were kept.
func (l *Log) Audit(ctx context.Context, s Scope) (r *analyze.Report, err error) {
	err = l.told(ctx, "audit", s, func(snap store.Snapshot, s Scope) error {
		r, err = l.audit(ctx, snap, l.auditOptions(s))
		return err
	})
	return r, err
}

// Forecast tells per tenant when the rolling egress meets the cap, and what may be pulled tonight.
// Its order is not the audit's: Report.Of finds a tenant.
func (l *Log) Forecast(ctx context.Context, s Scope) (r *outlook.Report, err error) {
	err = l.told(ctx, "forecast", s, func(snap store.Snapshot, s Scope) error {
		r, err = outlook.Project(ctx, snap, l.outlook(s))
		return err
	})
	return r, err
}

// WriteReport writes the whole picture to w, as one HTML page that needs neither network nor
// headroom to be read. It writes nothing where the log cannot be read.
func (l *Log) WriteReport(ctx context.Context, w io.Writer, s Scope) error {
	p := &report.Picture{Policy: l.policy}
	err := l.told(ctx, "report", s, func(snap store.Snapshot, s Scope) (err error) {
		p.About = l.config.About
		f := l.outlook(s)
		f.NoBudget, f.NoScores = true, true // the page shows neither
		if p.Forecast, err = outlook.Project(ctx, snap, f); err != nil {
			return err
		}
		o := l.auditOptions(s)
		o.Days, o.Examples, o.Projected = true, page.Examples(len(o.Tenants)), p.Forecast
		if analyze.CheapUsage(snap) {
			o.Usage = page.UsageBy
		}
		p.Audit, err = l.audit(ctx, snap, o)
		return err
	})
	if err != nil {
		return err
	}
	p.Days, p.Examples, p.Usage = p.Audit.Days, p.Audit.Examples, p.Audit.Usage
	return page.Write(w, p)
}

// told gives f the log as it is now, with the config's aliases, and the tenants of the Scope that
// something is to be told of. What is the verb of errors.
func (l *Log) told(
	ctx context.Context, what string, s Scope, f func(store.Snapshot, Scope) error,
) error {
	s, err := s.span()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err = l.look(ctx, func(snap store.Snapshot) (err error) {
		snap = store.Alias(snap, l.config.Aliases())
		if s.Tenants, err = l.config.Choose(store.TenantNames(snap), s.Tenants); err != nil {
			return fmt.Errorf("tenant %w", err)
		}
		return f(snap, s)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, l.ended(err))
	}
	return nil
}

// look gives f the log as it is now, with all that was recorded.
func (l *Log) look(ctx context.Context, f func(store.Snapshot) error) error {
	if l.closed.Load() {
		return ErrClosed
	}
	if l.store == nil {
		return errors.New("the log was not opened; callaudit.Open makes one")
	}
	l.recorder.flush()
	if err := harmless(l.store.Refresh(ctx)); err != nil {
		return err
	}
	snap, err := l.store.Snapshot(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(snap), snap.Close())
}

// ended is the error of something that a Close came in between of.
func (l *Log) ended(err error) error {
	if l.closed.Load() {
		return ErrClosed
	}
	return err
}

func (l *Log) auditOptions(s Scope) analyze.Options {
	return analyze.Options{
		Policy: l.policy, AsOf: s.AsOf, Since: s.Since, Until: s.Until, Tenants: s.Tenants,
		Known: l.config.KnownAmong(s.Tenants), About: l.config.About, Forecast: true,
	}
}

func (l *Log) outlook(s Scope) outlook.Options {
	return outlook.Options{
		Policy: l.policy, AsOf: s.AsOf, Tenants: s.Tenants, About: l.config.About,
	}
}

func (l *Log) audit(
	ctx context.Context, snap store.Snapshot, o analyze.Options,
) (*analyze.Report, error) {
	r, saved, err := analyze.Run(ctx, snap, o)
	if err != nil {
		return nil, err
	}
	zone := func(tenant string) *time.Location { return l.config.About(tenant).Zone }
	if err := evidence.FillPruned(ctx, l.store, r, o.Tenants, zone); err != nil {
		return nil, err
	}
	from, states := store.Unalias(snap, saved.States)
	if err := harmless(l.store.SaveStates(ctx, from, saved.Key, states)); err != nil {
		return nil, err
	}
	return r, nil
}

// harmless leaves out the errors from which only the cache suffers: the next look will be slower,
// and no less right.
func harmless(err error) error {
	for _, slower := range []error{store.ErrLocked, store.ErrFull, store.ErrReadOnly, store.ErrIO} {
		if errors.Is(err, slower) {
			return nil
		}
	}
	return err
}
