package story

import (
	"context"
	"net/http"
	"slices"
	"time"
)

const (
	// pace is what the programs keep between their own recordings; they add up to 0.4 s.
	pace = 3 * time.Second
	// operator is the person who acts at the vendor; every other name is a program's.
	operator = "operator"
)

// tale is what one tenant does.
type tale struct {
	name, about string
	zone        string
	agents      int
	slowReports float64
	untold      bool // nobody has asked support for the cap
	leavesLast  bool // the last night is left to LastNight
	roles       []role
}

// role is a program of the tale.
type role struct {
	name string
	act  func(context.Context, *program) error
}

// tales are the five tenants. Their names begin with a, b, c, d and e.
var tales = []tale{
	{
		name: "acme", zone: "America/New_York", agents: 8, slowReports: 0.15, leavesLast: true,
		about: "pulls every night at the right pace and fetches its report",
		roles: []role{{"Recording Export", clean}, {"CRM Dialer", dialer}},
	},
	{
		name: "borealis", zone: "America/Winnipeg", agents: 10,
		about: "from the ninth night on, two copies of the program pull at once and do not wait after a 429",
		roles: []role{{"Recording Export A", halves(0)}, {"Recording Export B", halves(1)}},
	},
	{
		name: "cobalt", zone: "America/Denver", agents: 4,
		about: "for a week the program forgets what it has and fetches everything again each night, into the egress cap",
		roles: []role{{"Recording Export", forgetful}, {operator, pleader}},
	},
	{
		name: "dunmore", zone: "Europe/London", agents: 6,
		about: "someone refreshed the token, and one night was lost until the program got the new one",
		roles: []role{{"Recording Export", locked}, {operator, refresher}},
	},
	{
		name: "elmwood", zone: "America/Los_Angeles", agents: 6, slowReports: 0.3, untold: true,
		about: "takes a 202 for done and never fetches the reports that timed out",
		roles: []role{{"Recording Export", plain}, {"Report Export", careless}},
	},
}

// nightly calls do at two o'clock of every night of the story, with the night's number from 0 and
// its date.
func (p *program) nightly(do func(night int, day time.Time) error) error {
	y, m, d := p.tenant.story.Start.In(p.tenant.zone).Date()
	for night, date := 0, d; ; date++ {
		day := time.Date(y, m, date, 0, 0, 0, 0, p.tenant.zone)
		at := time.Date(y, m, date, 2, 0, 0, 0, p.tenant.zone)
		if at.After(p.tenant.lastNight()) {
			return errOver
		}
		if at.Before(p.tenant.story.Start) {
			continue
		}
		p.clock.Set(at.Add(p.jitter(2 * time.Second)))
		if err := do(night, day); err != nil {
			return err
		}
		night++
	}
}

// lastNight is the last moment at which a night of the tenant's programs may begin.
func (t *tenant) lastNight() time.Time {
	if t.leavesLast {
		return t.story.End.Add(-24 * time.Hour)
	}
	return t.story.End
}

// pull lists the recordings of the day before and fetches them and those that are still missing.
func (p *program) pull(ctx context.Context, day time.Time, missing []string) error {
	_, keys, err := p.list(ctx, day.AddDate(0, 0, -1), day)
	if err != nil {
		return err
	}
	_, err = p.downloadAll(ctx, append(missing, keys...))
	return err
}

// clean is how it should be done.
func clean(ctx context.Context, p *program) error {
	return p.nightly(func(_ int, day time.Time) error {
		if err := p.pull(ctx, day, nil); err != nil {
			return err
		}
		status, err := p.report(ctx, "agent-summary", day.AddDate(0, 0, -1))
		for err == nil && status == http.StatusAccepted {
			p.clock.Advance(2 * time.Minute)
			status, err = p.report(ctx, "agent-summary", day.AddDate(0, 0, -1))
		}
		return err
	})
}

// plain pulls every night and nothing else.
func plain(ctx context.Context, p *program) error {
	return p.nightly(func(_ int, day time.Time) error {
		err := p.pull(ctx, day, nil)
		return err
	})
}

// dialer lets one agent call back a customer every working day.
func dialer(ctx context.Context, p *program) error {
	return p.nightly(func(night int, day time.Time) error {
		if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
			return nil
		}
		p.clock.Set(day.Add(11*time.Hour + p.jitter(4*time.Hour)))
		return p.dial(ctx, 1001+night%p.tenant.agents, number(night))
	})
}

// halves is one of two copies of a program: from the ninth night on, each takes every second
// recording.
func halves(which int) func(context.Context, *program) error {
	const begin = 8
	return func(ctx context.Context, p *program) error {
		return p.nightly(func(night int, day time.Time) error {
			if night < begin && which == 1 {
				return nil
			}
			_, keys, err := p.list(ctx, day.AddDate(0, 0, -1), day)
			for i, key := range keys {
				if err == nil && (night < begin || i%2 == which) {
					err = p.insist(ctx, key)
				}
			}
			return err
		})
	}
}

// insist asks for a recording up to three times, the later times sooner than it may.
func (p *program) insist(ctx context.Context, key string) error {
	gap := pace
	for range 3 {
		status, err := p.download(ctx, key, gap)
		if err != nil || status != http.StatusTooManyRequests {
			return err
		}
		gap = 1600 * time.Millisecond
	}
	return nil
}

// The week of the bug, by number of the night.
const (
	firstBugNight = 10
	lastBugNight  = 16
)

// forgetful loses its list of what it has for a week: it fetches everything since the start each
// night, goes on after a 509, and fetches what it missed when the bug is fixed.
func forgetful(ctx context.Context, p *program) error {
	has := map[string]bool{}
	return p.nightly(func(night int, day time.Time) error {
		_, keys, err := p.list(ctx, p.tenant.story.Start.In(p.tenant.zone).AddDate(0, 0, -1), day)
		if err != nil {
			return err
		}
		if night < firstBugNight || night > lastBugNight {
			keys = slices.DeleteFunc(keys, func(key string) bool { return has[key] })
		}
		failed, err := p.downloadAll(ctx, keys)
		for _, key := range keys {
			has[key] = has[key] || !slices.Contains(failed, key)
		}
		return err
	})
}

// pleader asks support for a reset in the morning after the last night of the bug.
func pleader(_ context.Context, p *program) error {
	return p.nightly(func(night int, day time.Time) error {
		if night != lastBugNight {
			return nil
		}
		p.clock.Set(day.Add(11 * time.Hour))
		if err := p.wait(); err != nil {
			return err
		}
		p.tenant.clock.Set(p.clock.Now())
		at := p.tenant.story.vendor.Reset(p.tenant.name)
		p.tenant.resets = append(p.tenant.resets,
			Reset{At: at, Note: "re-download bug fixed, reset granted by support"})
		return errOver
	})
}

// refreshNight is the night after the token was refreshed.
const refreshNight = 20

// refresher refreshes the token in the afternoon and tells the program the morning after.
func refresher(_ context.Context, p *program) error {
	const who = "Recording Export"
	return p.nightly(func(night int, day time.Time) error {
		if night != refreshNight-1 {
			return nil
		}
		p.clock.Set(day.Add(14 * time.Hour))
		if err := p.wait(); err != nil {
			return err
		}
		fresh := p.tenant.story.vendor.RefreshToken(p.tenant.name, who)
		p.clock.Set(day.AddDate(0, 0, 1).Add(9 * time.Hour))
		if err := p.wait(); err != nil {
			return err
		}
		p.tenant.tokens[who] = fresh
		return errOver
	})
}

// locked pulls every night; when its token is refused, it tries for ten minutes and again when the
// operators are in.
func locked(ctx context.Context, p *program) error {
	return p.nightly(func(_ int, day time.Time) error {
		from := day.AddDate(0, 0, -1)
		status, keys, err := p.list(ctx, from, day)
		for try := 1; err == nil && try < 40 && status == http.StatusUnauthorized; try++ {
			p.clock.Advance(15 * time.Second)
			status, keys, err = p.list(ctx, from, day)
		}
		if err == nil && status == http.StatusUnauthorized {
			keys, err = p.secondShift(ctx, from, day)
		}
		if err == nil {
			_, err = p.downloadAll(ctx, keys)
		}
		return err
	})
}

// secondShift lists again at half past nine, with the token that the operators know by then.
func (p *program) secondShift(ctx context.Context, from, day time.Time) ([]string, error) {
	p.clock.Set(day.Add(9*time.Hour + 30*time.Minute))
	if err := p.wait(); err != nil {
		return nil, err
	}
	p.token = p.tenant.tokens[p.name]
	_, keys, err := p.list(ctx, from, day)
	return keys, err
}

// careless asks for three reports a night and does not look at the answers.
func careless(ctx context.Context, p *program) error {
	return p.nightly(func(_ int, day time.Time) error {
		p.clock.Advance(20 * time.Minute)
		for _, id := range []string{"agent-summary", "call-detail", "queue-summary"} {
			if _, err := p.report(ctx, id, day.AddDate(0, 0, -1)); err != nil {
				return err
			}
			p.clock.Advance(5 * time.Second)
		}
		return nil
	})
}
