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
	"time"

	"github.com/6dcca832/headroom/analyze/outlook"

	"github.com/6dcca832/headroom/analyze"
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

// What is known of the tenants beside their requests, as headroom.toml says it or as Go values:
//
//	callaudit.Config{Tenants: map[string]callaudit.Tenant{"acme": {Agents: 120, CapBytes: 450e9}}}
type (
	// Config is what is known of all tenants; its zero value knows nothing of any.
	Config = config.Config
	// Tenant is what is known of one tenant: agents, the cap that support told, window, zone and
	// closure days.
	Tenant = config.Tenant
	// Window is the part of every night in which recordings should be pulled.
	Window = config.Window
	// Closure is a day without calls.
	Closure = config.Closure
)

// Log is an open request log. Close it when the last call is over.
type Log struct {
	store    store.Log
	policy   *limits.Policy
	config   *Config
	recorder recorder
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

// WithConfig sets what is known of the tenants, whose names must be such as may be kept. By
// default, nothing is known, and caps are learned from the requests.
func WithConfig(c Config) Option {
	return func(l *Log) error {
		return l.configure(&c)
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
	for _, opt := range opts {
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
// recorded.
func (l *Log) Close() error {
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
// number; what looks like somebody's address, number or secret is not kept. A name that no tenant
// may have is refused.
func (l *Log) Reset(ctx context.Context, tenant string, at time.Time, note string) error {
	if err := privacy.CheckTenant(tenant); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return l.store.AddEvent(ctx, store.Event{
		Kind: store.EventReset, At: at.UnixMicro(), Tenant: tenant, Note: privacy.Note(note),
	})
}

// Scope says what an audit, a forecast or a report is about. The zero Scope is all tenants as of
// now.
type Scope struct {
	// Tenants are those to look at; none means all.
	Tenants []string
	// AsOf is the moment taken as now; the zero time means the clock's.
	AsOf time.Time
	// Since (inclusive) and Until (exclusive) select requests by their start; the zero time means no
	// bound. A forecast looks at all requests, whatever the range.
	Since, Until time.Time
}

func (s *Scope) asOf() time.Time {
	if s.AsOf.IsZero() {
		return time.Now().UTC().Truncate(time.Microsecond)
	}
	return s.AsOf
}

// Audit tells per tenant whether the vendor's rules were kept.
func (l *Log) Audit(ctx context.Context, s Scope) (r *analyze.Report, err error) {
	s.AsOf = s.asOf()
	err = l.look(ctx, func(snap store.Snapshot) error {
		r, err = l.audit(ctx, snap, l.auditOptions(s))
		return err
	})
	return r, err
}

// Forecast tells per tenant when the rolling egress meets the cap, and what may be pulled tonight.
func (l *Log) Forecast(ctx context.Context, s Scope) (r *outlook.Report, err error) {
	s.AsOf = s.asOf()
	err = l.look(ctx, func(snap store.Snapshot) error {
		r, err = l.forecast(ctx, snap, s)
		return err
	})
	return r, err
}

// WriteReport writes the whole picture to w, as one HTML page that needs neither network nor
// headroom to be read. It writes nothing where the log cannot be read.
func (l *Log) WriteReport(ctx context.Context, w io.Writer, s Scope) error {
	s.AsOf = s.asOf()
	p := &report.Picture{Policy: l.policy, About: l.config.About}
	err := l.look(ctx, func(snap store.Snapshot) (err error) {
		o := l.auditOptions(s)
		o.Days, o.Examples = true, page.Examples(len(o.Tenants))
		if analyze.CheapUsage(snap) {
			o.Usage = page.UsageBy
		}
		if p.Audit, err = l.audit(ctx, snap, o); err != nil {
			return err
		}
		p.Days, p.Examples, p.Usage = p.Audit.Days, p.Audit.Examples, p.Audit.Usage
		p.Forecast, err = l.forecast(ctx, snap, s)
		return err
	})
	if err != nil {
		return err
	}
	return page.Write(w, p)
}

// look gives f the log as it is now, with all that was recorded.
func (l *Log) look(ctx context.Context, f func(store.Snapshot) error) error {
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

func (l *Log) auditOptions(s Scope) analyze.Options {
	return analyze.Options{
		Policy: l.policy, AsOf: s.AsOf, Since: s.Since, Until: s.Until, Tenants: s.Tenants,
		Known: l.config.Names(), About: l.config.About, Forecast: true,
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
	if err := harmless(l.store.SaveStates(ctx, snap, saved.Key, saved.States)); err != nil {
		return nil, err
	}
	return r, nil
}

func (l *Log) forecast(ctx context.Context, snap store.Snapshot, s Scope) (*outlook.Report, error) {
	r, err := outlook.Project(ctx, snap, outlook.Options{
		Policy: l.policy, AsOf: s.AsOf, Tenants: s.Tenants, About: l.config.About,
	})
	if err != nil {
		return nil, fmt.Errorf("forecast: %w", err)
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
