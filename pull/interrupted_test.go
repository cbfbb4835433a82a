package pull

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

// afterRequests calls a function before a request, counted from 1, is sent.
type afterRequests struct {
	http.RoundTripper
	n     int
	audio bool // only requests for audio count
	call  func()
}

func (a *afterRequests) RoundTrip(r *http.Request) (*http.Response, error) {
	if !a.audio || strings.Count(r.URL.Path, "/") > strings.Count("/rest/api/v2/recordings", "/") {
		if a.n--; a.n == 0 {
			a.call()
		}
	}
	return a.RoundTripper.RoundTrip(r)
}

// A run that the user ends says so in one reason, not in the words of a library, and the next one
// goes on.
func TestRunInterrupted(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int
		audio  bool
		stored int
	}{
		{"while it lists", 2, false, 0},
		{"while it fetches", 3, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, sim.Config{})
			ctx, cancel := context.WithCancel(t.Context())
			plain := w.rt
			w.rt = &afterRequests{RoundTripper: plain, n: c.n, audio: c.audio, call: cancel}
			o := Options{Policy: policy(t), Log: w.log, To: Folder(w.dir), Now: w.clock.Now, Sleep: w.clock.Sleep}
			results, err := Run(ctx, []Tenant{w.tenant()}, o)
			if err != nil {
				t.Fatal(err)
			}
			res := results[0]
			if !errors.Is(res.Err, ErrInterrupted) || strings.Contains(res.Err.Error(), "context") || res.Stored != c.stored {
				t.Errorf("%d stored, error %v", res.Stored, res.Err)
			}
			if len(res.Missing) != res.Listed-res.Stored || c.stored > 0 && len(res.Missing) == 0 {
				t.Errorf("of %d listed %d are stored and %d missing", res.Listed, res.Stored, len(res.Missing))
			}
			for _, m := range res.Missing {
				if m.Why != ErrInterrupted.Error() {
					t.Errorf("missing for %q", m.Why)
				}
			}
			w.rt = plain
			if next := w.run(w.tenant(), nil); !next.Complete() || next.Already != c.stored {
				t.Errorf("the next run: %+v", next)
			}
		})
	}
}

// A run whose context ends for another reason says that one.
func TestRunEndedForAReason(t *testing.T) {
	w := newWorld(t, sim.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	lost := errors.New("the lease was lost")
	w.rt = &afterRequests{RoundTripper: w.rt, n: 2, audio: true, call: func() { cancel(lost) }}
	o := Options{Policy: policy(t), Log: w.log, To: Folder(w.dir), Now: w.clock.Now, Sleep: w.clock.Sleep}
	results, err := Run(ctx, []Tenant{w.tenant()}, o)
	if err != nil || !errors.Is(results[0].Err, lost) || results[0].Stopped != lost.Error() {
		t.Errorf("%+v, %v", results, err)
	}
}

// A plan's time begins with the lists, which a run asks for at the same interval.
func TestPlanIncludesTheLists(t *testing.T) {
	started := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	r := &runner{o: Options{Policy: policy(t), Cutoff: Cautious}, started: started, listing: 24 * time.Second}
	plan := func() Plan {
		return r.plan(make([]recording, 5), newBudget(r.t, r.o.Policy.Egress.Window, 0), started.Add(r.listing))
	}
	if p := plan(); p.Fits != 5 || p.Takes != 39*time.Second {
		t.Errorf("5 recordings after lists of 24 s: %+v", p)
	}
	r.o.MaxDuration = 30 * time.Second
	if p := plan(); p.Fits != 2 || p.Binds != BindsDuration {
		t.Errorf("in 30 s: %+v", p)
	}
}
