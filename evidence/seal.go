package evidence

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

const (
	// defaultStep is how many rows of a kind one run seals at most: so much is in memory at once, and
	// lost when the process is killed.
	defaultStep = 1 << 18
	// settingsEvery is how often a log says again which policy and settings hold, so that a part of it
	// does.
	settingsEvery = 24 * time.Hour
	// maxSealTries bounds how often a seal begins anew because others seal too.
	maxSealTries = 100
)

// ErrOtherKey says that a log was begun with another key. Nothing is sealed then.
var ErrOtherKey = errors.New("the log is sealed with another key")

// SealOptions say how to seal.
type SealOptions struct {
	Key *Key
	// Now is the time, in microseconds since 1970 UTC.
	Now int64
	// Policy is the policy's text, Settings gives a tenant's. The log keeps their hashes.
	Policy   []byte
	Settings func(tenant string) []byte
	// Restate names a tenant whose log is to say the policy and the settings of now, even where no row
	// is new: a bundle has them from its log. "" means none.
	Restate string
	// Step is how many rows a run covers at most. By default, 262,144.
	Step int64
}

// fits says whether a log was begun with the key.
func (o *SealOptions) fits(log *store.SealLog) error {
	if publicKey(log).Equal(o.Key.Public()) {
		return nil
	}
	return fmt.Errorf("%w: %s, not %s; name that key with --key", ErrOtherKey,
		Fingerprint(publicKey(log)), Fingerprint(o.Key.Public()))
}

// Sealed is what a seal did.
type Sealed struct {
	Runs int
	Rows int64  // requests, events and listed recordings
	Line string // of the newest run; "" where nothing is sealed
	// First says that nothing was sealed before: until now all rows could be changed without trace.
	First bool
}

// Seal appends all rows that are not sealed yet to the logs of their tenants, a run after the
// other, and signs the heads. It costs what was added since the last time. A seal that is killed
// leaves whole runs; the next goes on.
func Seal(ctx context.Context, log store.Sealable, o SealOptions) (done Sealed, err error) {
	if o.Step <= 0 {
		o.Step = defaultStep
	}
	for tries := 0; ; {
		one, err := sealRun(ctx, log, &o)
		switch {
		case errors.Is(err, store.ErrSealedMeanwhile) && tries < maxSealTries:
			tries++
			continue
		case err != nil:
			return done, fmt.Errorf("seal: %w", err)
		case one.Runs == 0:
			done.Line = one.Line
			return done, nil
		}
		done.join(one)
	}
}

// join counts what another seal did.
func (done *Sealed) join(more Sealed) {
	done.Runs += more.Runs
	done.Rows += more.Rows
	done.First = done.First || more.First
}

// sealRun makes one run. Runs is 0 where there was nothing to seal; then Line is that of the newest
// run.
func sealRun(ctx context.Context, log store.Sealable, o *SealOptions) (one Sealed, err error) {
	in, err := log.Seals(ctx)
	if err != nil {
		return one, err
	}
	s, heads, err := nextRun(ctx, in, o)
	if err := errors.Join(err, in.Close()); err != nil {
		return one, err
	}
	if len(heads) == 0 {
		if s.last.N > 0 {
			one.Line = sealLine(sealTime(s.last.SealedAt), s.last.TextSum)
		}
		return one, nil
	}
	return s.done(), log.AddSeal(ctx, &s.run, heads)
}

// done is what the run did, once it is added to the log.
func (s *sealing) done() Sealed { return Sealed{Runs: 1, Rows: s.rows, First: s.run.N == 1} }

// nextRun makes the heads of the next run; none where there was nothing to seal. An audit that
// finds nothing new seals too, and reads only the heads of the newest run for it.
func nextRun(
	ctx context.Context, in store.Seals, o *SealOptions,
) (s *sealing, heads []store.SealHead, err error) {
	last, err := in.Run(ctx, 0)
	if err != nil {
		return nil, nil, err
	}
	if last.N > 0 && o.Restate == "" && covers(last.Upto, in.Last()) {
		// All logs have one key, so one of them stands for the rest.
		heads, err := in.Heads(ctx, last.N)
		if err == nil && len(heads) > 0 {
			err = o.fits(&heads[0].Log)
		}
		return &sealing{last: last}, nil, err
	}
	if s, err = newSealing(ctx, in, o); err != nil {
		return s, nil, err
	}
	if err = s.readRows(ctx); err == nil && s.active() {
		heads, err = s.finish(ctx)
	}
	return s, heads, err
}

// covers says whether rows up to there are all of a log.
func covers(upto, last store.RowIDs) bool {
	return last.Request <= upto.Request && last.Event <= upto.Event &&
		last.Recording <= upto.Recording && last.Capture <= upto.Capture
}

// sealing is one run while it is made.
type sealing struct {
	*SealOptions
	in     store.Seals
	format int // of the store
	last   store.SealRun
	run    store.SealRun
	heads  map[string]*store.SealHead // the newest before the run
	logs   map[string]*logBuilder     // those that get a leaf
	rows   int64
}

func newSealing(ctx context.Context, in store.Seals, o *SealOptions) (*sealing, error) {
	s := &sealing{
		SealOptions: o,
		in:          in,
		format:      in.Format(),
		heads:       map[string]*store.SealHead{},
		logs:        map[string]*logBuilder{},
	}
	var err error
	if s.last, err = in.Run(ctx, 0); err != nil {
		return nil, err
	}
	heads, err := in.NewestHeads(ctx, s.last.N)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		h := &heads[i]
		if err := o.fits(&h.Log); err != nil {
			return nil, err
		}
		s.heads[h.Tenant] = h
	}
	s.run = store.SealRun{N: s.last.N + 1, SealedAt: max(o.Now, s.last.SealedAt+1)}
	s.setUpto()
	rand.Read(s.run.Pad[:]) // never fails: crypto/rand
	return s, nil
}

// setUpto has the run cover all rows of s.in, at most a step of each kind.
func (s *sealing) setUpto() {
	upto, from := s.in.Last(), s.last.Upto
	upto.Request = max(min(upto.Request, from.Request+s.Step), from.Request)
	upto.Recording = max(min(upto.Recording, from.Recording+s.Step), from.Recording)
	upto.Event, upto.Capture = max(upto.Event, from.Event), max(upto.Capture, from.Capture)
	s.run.Upto = upto
}

// after are the numbers after which the rows of the run after this one begin: the first run takes
// all, whatever their numbers.
func after(last *store.SealRun) store.RowIDs {
	if last.N == 0 {
		return store.RowIDs{
			Request:   math.MinInt64,
			Event:     math.MinInt64,
			Recording: math.MinInt64,
			Capture:   math.MinInt64,
		}
	}
	return last.Upto
}

// log is the builder of a tenant's log, begun or resumed at its first leaf in the run.
func (s *sealing) log(tenant string) (*logBuilder, error) {
	if b := s.logs[tenant]; b != nil {
		return b, nil
	}
	head := s.heads[tenant]
	if head == nil {
		l := store.SealLog{ID: NewLogID()}
		copy(l.PublicKey[:], s.Key.Public())
		b := newLogBuilder(tenant, l, s.Key)
		b.addLine(TenantLine(tenant, s.format, s.run.SealedAt, Fingerprint(s.Key.Public())))
		s.logs[tenant] = b
		return b, nil
	}
	b := newLogBuilder(tenant, head.Log, s.Key)
	s.logs[tenant] = b
	return b, b.resume(head)
}

// active says whether any log gets a leaf.
func (s *sealing) active() bool { return len(s.logs) > 0 }

// readRows appends the rows: requests, events, captures, then listed recordings, each in order of
// arrival. Events and captures of no tenant go into each log that gets another leaf in this run;
// where none does, they wait.
func (s *sealing) readRows(ctx context.Context) error {
	err := s.hash(s.in.Requests(ctx, "", after(&s.last).Request, s.run.Upto.Request))
	if err != nil {
		return err
	}
	return s.readOthers(ctx)
}

// readOthers appends what are no requests.
func (s *sealing) readOthers(ctx context.Context) error {
	from := after(&s.last)
	events, err := s.in.Events(ctx, "", from.Event, s.run.Upto.Event)
	if err != nil {
		return err
	}
	captures, err := s.in.Captures(ctx, from.Capture, s.run.Upto.Capture)
	if err != nil {
		return err
	}
	listed, err := s.listed(ctx, from.Recording)
	if err != nil {
		return err
	}
	if err := errors.Join(s.restate(ctx), s.beginLogs(events, listed)); err != nil || !s.active() {
		return err
	}
	s.addSmall(events, captures, listed)
	return nil
}

func (s *sealing) listed(
	ctx context.Context, after int64,
) (listed []store.ListedRecording, err error) {
	for r, err := range s.in.Listed(ctx, "", after, s.run.Upto.Recording) {
		if err != nil {
			return nil, err
		}
		listed = append(listed, r)
	}
	return listed, nil
}

// beginLogs makes all logs of the run known, before what is of no tenant goes into each of them.
func (s *sealing) beginLogs(events []store.Event, listed []store.ListedRecording) error {
	for i := range events {
		if e := &events[i]; e.Tenant != "" && sealedEvent(e) {
			if _, err := s.log(e.Tenant); err != nil {
				return err
			}
		}
	}
	for i := range listed {
		if _, err := s.log(listed[i].Tenant); err != nil {
			return err
		}
	}
	return nil
}

func (s *sealing) addSmall(
	events []store.Event, captures []store.Capture, listed []store.ListedRecording,
) {
	for i := range events {
		e := &events[i]
		if !sealedEvent(e) {
			continue
		}
		s.rows++
		for tenant, b := range s.logs {
			if e.Tenant == "" || e.Tenant == tenant {
				b.addEvent(e)
			}
		}
	}
	for i := range captures {
		for _, b := range s.logs {
			b.addCapture(&captures[i])
		}
	}
	for i := range listed {
		s.logs[listed[i].Tenant].addRecording(&listed[i])
		s.rows++
	}
}

// finish adds what no row says to each log, signs the heads and the seal over all of them.
func (s *sealing) finish(ctx context.Context) ([]store.SealHead, error) {
	var heads []store.SealHead
	for _, tenant := range slices.Sorted(maps.Keys(s.logs)) {
		b := s.logs[tenant]
		if err := s.addSettings(ctx, b); err != nil {
			return nil, err
		}
		b.addLine(SealLeaf(b.seq(), s.run.SealedAt))
		h, err := b.head(s.Key, s.run.N)
		if err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	s.run.TextSum = sha256.Sum256(s.text(heads))
	return heads, nil
}

// text is the seal's: over the new heads, and the newest of the logs that got no leaf.
func (s *sealing) text(heads []store.SealHead) []byte {
	newest := maps.Clone(s.heads)
	for i := range heads {
		newest[heads[i].Tenant] = &heads[i]
	}
	var bodies [][]byte
	for _, h := range newest {
		bodies = append(bodies, checkpointBody(h.Checkpoint))
	}
	return SealText(s.run.SealedAt, bodies, s.run.Pad)
}

// checkpointBody is the text of a signed checkpoint.
func checkpointBody(signed []byte) []byte {
	body, _, _ := bytes.Cut(signed, []byte("\n\n"))
	return append(bytes.Clone(body), '\n')
}

// newestText is the text of the newest seal; nil where nothing is sealed.
func newestText(ctx context.Context, log store.Sealable) (text []byte, err error) {
	in, err := log.Seals(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	run, err := in.Run(ctx, 0)
	if err != nil || run.N == 0 {
		return nil, err
	}
	return runText(ctx, in, &run)
}

// runText is the text of a run's seal. It is made anew from the heads.
func runText(ctx context.Context, in store.Seals, run *store.SealRun) ([]byte, error) {
	heads, err := in.NewestHeads(ctx, run.N)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	for i := range heads {
		bodies = append(bodies, checkpointBody(heads[i].Checkpoint))
	}
	return SealText(run.SealedAt, bodies, run.Pad), nil
}
