package story

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

// tenant is one organisation in the course of the story. Only its own goroutine touches it during
// Run.
type tenant struct {
	tale
	story  *Story
	config sim.Config
	zone   *time.Location
	clock  *sim.Clock // the vendor's
	events []event
	resets []Reset
	tokens map[string]string // the tokens that the operators know, by program
}

// seat is a program that takes turns with the others of its tenant.
type seat struct {
	program *program
	next    func() (struct{}, bool)
	stop    func()
	err     error
}

// run lets the tenant's programs act until the story's end.
func (t *tenant) run(ctx context.Context, server *sim.Server, wrap Wrap) error {
	t.tokens = map[string]string{}
	var seats []*seat
	for _, role := range t.roles {
		network := server.Transport()
		defer network.CloseIdleConnections()
		p := t.program(role.name, network, wrap)
		seats = append(seats, sitDown(p, func() error { return role.act(ctx, p) }))
	}
	defer func() {
		for _, s := range seats {
			s.stop()
		}
	}()
	return takeTurns(seats)
}

// program makes a program with a clock, a network and, unless it is a person, a token of its own.
func (t *tenant) program(name string, network http.RoundTripper, wrap Wrap) *program {
	seed := t.story.seed
	for _, c := range t.name + "/" + name {
		seed = seed*31 + uint64(c)
	}
	clock := sim.NewClock(t.story.Start)
	p := &program{tenant: t, name: name, clock: clock, rng: rand.New(rand.NewPCG(seed, 7))}
	if name == operator {
		return p
	}
	line := sim.NewLine(network, clock, t.clock, seed)
	p.http = &http.Client{Transport: wrap(t.name, name, clock.Now, line)}
	p.token = t.story.vendor.AddUser(t.name, name)
	t.tokens[name] = p.token
	return p
}

// sitDown turns a program into a coroutine that stops before each of its requests.
func sitDown(p *program, act func() error) *seat {
	s := &seat{program: p}
	s.next, s.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.turn = func() bool { return yield(struct{}{}) }
		if err := act(); !errors.Is(err, errOver) {
			s.err = err
		}
	})
	return s
}

// takeTurns lets the program go on whose clock is furthest behind, until all have ended or one has
// failed. In this way the requests of a tenant reach the vendor in order of their start, although
// the programs know nothing of each other.
func takeTurns(seats []*seat) error {
	waiting := make([]*seat, 0, len(seats))
	for _, s := range seats {
		if _, ok := s.next(); ok {
			waiting = append(waiting, s)
		} else if s.err != nil {
			return fmt.Errorf("%s: %w", s.program.name, s.err)
		}
	}
	for len(waiting) > 0 {
		first := 0
		for i, s := range waiting {
			if s.program.clock.Now().Before(waiting[first].program.clock.Now()) {
				first = i
			}
		}
		s := waiting[first]
		if _, ok := s.next(); ok {
			continue
		}
		if s.err != nil {
			return fmt.Errorf("%s: %w", s.program.name, s.err)
		}
		waiting = append(waiting[:first], waiting[first+1:]...)
	}
	return nil
}
