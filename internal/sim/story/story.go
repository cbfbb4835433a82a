// Package story tells 30 simulated days of five organisations that pull from the simulated vendor,
// each in its own way.
//
// For most uses, make a Story with New, Run it with a function that wraps each program's transport,
// and compare what was recorded with the Truth of each tenant. Every request goes over TCP on
// loopback; only time is simulated.
//
// # Guarantees
//
// The same end and seed give the same requests, at the same simulated microsecond, with the same
// statuses and sizes. Tenants run at the same time, but the requests of one tenant are sent one
// after the other, by one goroutine, in order of their start. Nothing is sent after the story's
// end.
//
// # What it does not do
//
// Truth is what the programs saw, counted by the rules of the command line's contract in the
// simplest way; it does not forecast and says nothing about a nightly window.
package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
	_ "time/tzdata" // the tenants' time zones must be known everywhere

	"github.com/6dcca832/headroom/internal/sim"
)

const (
	// Days is how long a story lasts, in days.
	Days = 30
	// BytesPerSecond is the size of a recorded second in the story: a hundredth of the vendor's, so
	// that a month of recordings is sent within seconds. The caps follow from it.
	BytesPerSecond = 25.27
)

// Wrap puts a recorder around one program's transport. base takes simulated time, which clock
// tells.
type Wrap func(
	tenant, clientName string, clock func() time.Time, base http.RoundTripper,
) http.RoundTripper

// Story is the five tenants' month. It is run once.
type Story struct {
	// Start and End bound it, in whole microseconds UTC.
	Start, End time.Time

	seed    uint64
	tenants []*tenant
	vendor  *sim.Vendor
}

// New prepares the story that ends at end.
func New(end time.Time, seed uint64) (*Story, error) { return newStory(end, seed, tales) }

func newStory(end time.Time, seed uint64, tales []tale) (*Story, error) {
	end = end.UTC().Truncate(time.Microsecond)
	s := &Story{Start: end.AddDate(0, 0, -Days), End: end, seed: seed}
	var configs []sim.Config
	for _, tale := range tales {
		t, err := s.cast(tale)
		if err != nil {
			return nil, fmt.Errorf("prepare story: %w", err)
		}
		s.tenants = append(s.tenants, t)
		configs = append(configs, t.config)
	}
	vendor, err := sim.NewVendor(configs...)
	if err != nil {
		return nil, fmt.Errorf("prepare story: %w", err)
	}
	s.vendor = vendor
	return s, nil
}

// cast makes one tenant of a tale.
func (s *Story) cast(tl tale) (*tenant, error) {
	zone, err := time.LoadLocation(tl.zone)
	if err != nil {
		return nil, err
	}
	t := &tenant{tale: tl, story: s, zone: zone, clock: sim.NewClock(s.Start)}
	t.config = sim.Config{
		Name:           tl.name,
		Agents:         tl.agents,
		Now:            t.clock.Now,
		Location:       zone,
		BytesPerSecond: BytesPerSecond,
		MeanCall:       15 * time.Minute,
		Weekend:        0.2,
		Seed:           s.seed,
		SlowReports:    tl.slowReports,
		ReportBuild:    90 * time.Second,
	}
	return t, nil
}

// Vendor is the vendor of the story, with its own log of what happened.
func (s *Story) Vendor() *sim.Vendor { return s.vendor }

// Run tells the story. wrap is called once for each program before its first request, from the
// goroutine of its tenant. By default (nil), programs use the bare network. Run returns the first
// error that is no part of the story: an answer that did not come, or the context's.
func (s *Story) Run(ctx context.Context, wrap Wrap) (err error) {
	if wrap == nil {
		wrap = func(_, _ string, _ func() time.Time, base http.RoundTripper) http.RoundTripper {
			return base
		}
	}
	server, err := sim.Start(s.vendor)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, t := range s.tenants {
		all.Go(func() {
			if err := t.run(ctx, server, wrap); err != nil {
				cancel(fmt.Errorf("tell the story of %s: %w", t.name, err))
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// Handover is what a program needs that pulls the last night of a tenant whose own program does
// not.
type Handover struct {
	Tenant, Token string
	// Clock begins at two o'clock of that night, by the clocks of the tenant's place; Network takes
	// its time.
	Clock   *sim.Clock
	Network http.RoundTripper
}

// LastNight lets f pull the last night of the first tenant that leaves it. It comes after Run; what
// f does is in no Truth.
func (s *Story) LastNight(f func(Handover) error) (err error) {
	i := slices.IndexFunc(s.tenants, func(t *tenant) bool { return t.leavesLast })
	if i < 0 {
		return nil
	}
	t := s.tenants[i]
	server, err := sim.Start(s.vendor)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	network := server.Transport()
	defer network.CloseIdleConnections()
	y, m, d := s.End.In(t.zone).Date()
	at := time.Date(y, m, d, 2, 0, 0, 0, t.zone)
	if at.After(s.End) {
		at = at.AddDate(0, 0, -1)
	}
	clock := sim.NewClock(at)
	return f(Handover{
		Tenant: t.name, Token: s.vendor.AddUser(t.name, "Nightly Pull"), Clock: clock,
		Network: sim.NewLine(network, clock, t.clock, s.seed),
	})
}

// Truth returns what happened, tenant by tenant in the order of the tale. It is complete after Run.
func (s *Story) Truth() []Truth {
	list := make([]Truth, len(s.tenants))
	for i, t := range s.tenants {
		list[i] = t.truth()
	}
	return list
}
