package evidence

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

// Errors of Collect.
var (
	// ErrNothingSealed: the tenant has no log, or the period no leaf.
	ErrNothingSealed = errors.New("nothing is sealed")
	// ErrPruned: rows of the period were removed.
	ErrPruned = errors.New("rows of the period were removed")
)

// Period is what a bundle is about.
type Period struct {
	Tenant string
	// Since and Until bound the times of the leaves that must be in the bundle, microseconds since
	// 1970 UTC, the first inclusive, the second exclusive.
	Since, Until int64
	// AsOf is the moment of the bundle: it ends with the newest head that was sealed by then, or with
	// the newest of all where none was.
	AsOf int64
	// With are the fields that are disclosed besides recording keys.
	With []Field
	// Night gives the beginning of the night that a time is in; the last seal of each night goes into
	// the bundle.
	Night func(at time.Time) time.Time
}

// Collect gathers the contents of a bundle: a contiguous part of the tenant's log, from the last
// checkpoint before the period to its head, and the seals in between. About, Policy and Settings
// are the caller's to fill in.
func Collect(ctx context.Context, in store.Seals, key *Key, p Period) (*Contents, error) {
	c := &collector{in: in, key: key, p: p, out: &Contents{}}
	steps := []func(context.Context) error{c.chooseHeads, c.refusePruned, c.leaves, c.seals}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

type collector struct {
	in       store.Seals
	key      *Key
	p        Period
	out      *Contents
	newest   store.SealRun    // whose seal covers the head
	heads    []store.SealHead // of the tenant, from the one before the first leaf (if any) to the last
	hasStart bool             // heads[0] is the one before the first leaf
}

// chooseHeads finds the last head before the period's first leaf, and the bundle's head.
func (c *collector) chooseHeads(ctx context.Context) error {
	runs, err := c.in.Runs(ctx, 1)
	if err != nil {
		return err
	}
	heads, err := c.in.TenantHeads(ctx, c.p.Tenant)
	if err != nil {
		return err
	}
	if len(heads) == 0 {
		return fmt.Errorf("tenant %q: %w", c.p.Tenant, ErrNothingSealed)
	}
	c.newest = runs[len(runs)-1]
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].SealedAt <= c.p.AsOf && runs[i].N >= heads[0].Run {
			c.newest = runs[i]
			break
		}
	}
	last, _ := slices.BinarySearchFunc(heads, c.newest.N+1,
		func(h store.SealHead, n int64) int { return int(h.Run - n) })
	heads = heads[:last]
	if len(heads) == 0 || !publicKey(&heads[0].Log).Equal(c.key.Public()) {
		return fmt.Errorf("tenant %q: %w; name its key with --key", c.p.Tenant, ErrOtherKey)
	}
	first, err := c.firstRun(ctx, runs)
	if err != nil {
		return err
	}
	from, _ := slices.BinarySearchFunc(heads, first,
		func(h store.SealHead, n int64) int { return int(h.Run - n) })
	if from == len(heads) {
		return fmt.Errorf("tenant %q: %w of the period", c.p.Tenant, ErrNothingSealed)
	}
	if c.hasStart = from > 0; c.hasStart {
		from--
	}
	c.heads = heads[from:]
	return nil
}

// firstRun is the first run with a row whose time is in the period.
func (c *collector) firstRun(ctx context.Context, runs []store.SealRun) (int64, error) {
	first, err := c.in.FirstIn(ctx, c.p.Tenant, c.p.Since, c.p.Until)
	if err != nil {
		return 0, err
	}
	for _, r := range runs {
		for _, row := range [][2]int64{
			{first.Request, r.Upto.Request}, {first.Event, r.Upto.Event},
			{first.Recording, r.Upto.Recording},
		} {
			if row[0] != 0 && row[0] <= row[1] {
				return r.N, nil
			}
		}
	}
	return math.MaxInt64, nil
}

// refusePruned refuses a part of the log whose rows are not all there.
func (c *collector) refusePruned(ctx context.Context) error {
	pruned, err := c.in.Pruned(ctx, c.p.Tenant)
	if err != nil {
		return err
	}
	from, to := int64(0), c.heads[len(c.heads)-1].Size
	if c.hasStart {
		from = c.heads[0].Size
	}
	for _, h := range pruned {
		if (h.N+1)<<h.Level > from && h.N<<h.Level < to {
			return fmt.Errorf(
				"tenant %q: %w: the leaves from %d to %d need some of them; name a later --since", c.p.Tenant,
				ErrPruned, from, to-1)
		}
	}
	return nil
}

// leaves encodes the part of the log once more, and compares it with its head.
func (c *collector) leaves(ctx context.Context) error {
	b := newLogBuilder(c.p.Tenant, c.heads[0].Log, c.key)
	b.emit = func(line []byte, fields ...fieldValue) {
		c.out.Leaves = append(c.out.Leaves, line...)
		for _, f := range fields {
			if d, needed := c.disclose(b, f); needed {
				c.out.Disclosed = append(c.out.Disclosed, d)
			}
		}
	}
	heads := c.heads
	if c.hasStart {
		if err := b.resume(&heads[0]); err != nil {
			return err
		}
		heads = heads[1:]
	}
	c.out.Before = Peaks{b.peaks.Size, slices.Clone(b.peaks.Hashes)}
	for i := range heads {
		if err := c.run(ctx, b, &heads[i]); err != nil {
			return err
		}
	}
	last := &c.heads[len(c.heads)-1]
	c.out.Checkpoint = last.Checkpoint
	if head, err := OpenCheckpoint(last.Checkpoint, c.key.Public()); err != nil ||
		head != b.checkpoint() {
		return fmt.Errorf(
			"tenant %q: the rows are not the ones that were sealed; \"headroom verify\" names the first that is not",
			c.p.Tenant)
	}
	return nil
}

// disclose gives the line of disclosed.tsv about a field of the next leaf; needed is false where
// there is none.
func (c *collector) disclose(b *logBuilder, f fieldValue) (d Disclosure, needed bool) {
	salt := b.salts[saltIndex(f.field)]
	if f.field == FieldKey || slices.Contains(c.p.With, f.field) {
		return Disclosure{Seq: b.seq(), Field: f.field, Salt: salt, Value: f.value}, true
	}
	if other := pairOf(f.field); other == "" || !slices.Contains(c.p.With, other) {
		return d, false
	}
	digest := DigestField(f.field, salt, f.value)
	return Disclosure{Seq: b.seq(), Field: f.field, Withheld: &digest}, true
}

// run appends what one run added to the log.
func (c *collector) run(ctx context.Context, b *logBuilder, head *store.SealHead) error {
	run, err := c.in.Run(ctx, head.Run)
	if err != nil {
		return err
	}
	last := store.SealRun{}
	if head.Run > 1 {
		if last, err = c.in.Run(ctx, head.Run-1); err != nil {
			return err
		}
	}
	lines, err := c.in.Lines(ctx, c.p.Tenant, b.seq())
	if err != nil {
		return err
	}
	for len(lines) > 0 && lines[0].Seq == b.seq() && b.seq() == 0 {
		b.addLine(lines[0].Line)
		lines = lines[1:]
	}
	if err := appendRows(ctx, c.in, b, &last, &run); err != nil {
		return err
	}
	b.skipPruned()
	for len(lines) > 0 && lines[0].Seq == b.seq() && b.seq() < head.Size {
		b.addLine(lines[0].Line)
		lines = lines[1:]
	}
	b.hints, b.lines = b.hints[:0], nil
	return nil
}

// appendRows appends the rows of one tenant's part of a run.
func appendRows(
	ctx context.Context, in store.Seals, b *logBuilder, last, run *store.SealRun,
) error {
	from := after(last)
	for r, err := range in.Requests(ctx, b.tenant, from.Request, run.Upto.Request) {
		if err != nil {
			return err
		}
		b.addRequest(r)
	}
	events, err := in.Events(ctx, b.tenant, from.Event, run.Upto.Event)
	if err != nil {
		return err
	}
	for i := range events {
		if sealedEvent(&events[i]) {
			b.addEvent(&events[i])
		}
	}
	captures, err := in.Captures(ctx, from.Capture, run.Upto.Capture)
	if err != nil {
		return err
	}
	for i := range captures {
		b.addCapture(&captures[i])
	}
	for r, err := range in.Listed(ctx, b.tenant, from.Recording, run.Upto.Recording) {
		if err != nil {
			return err
		}
		b.addRecording(&r)
	}
	return nil
}

// seals adds the text of the head's seal, and the earlier seals: those whose line left the machine,
// and the last of each night.
func (c *collector) seals(ctx context.Context) (err error) {
	if c.out.Seal, err = runText(ctx, c.in, &c.newest); err != nil {
		return err
	}
	if c.out.TimeStamp, err = c.in.Stamp(ctx, c.newest.N); err != nil {
		return err
	}
	runs, err := c.in.Runs(ctx, c.heads[0].Run)
	if err != nil {
		return err
	}
	for i, r := range runs {
		if r.N >= c.newest.N {
			break
		}
		night := func(at int64) time.Time { return c.p.Night(time.UnixMicro(at)) }
		if !r.Told && i+1 < len(runs) && night(r.SealedAt).Equal(night(runs[i+1].SealedAt)) {
			continue
		}
		e := Earlier{Checkpoint: c.checkpointAt(r.N)}
		if e.Seal, err = runText(ctx, c.in, &r); err != nil {
			return err
		}
		if e.TimeStamp, err = c.in.Stamp(ctx, r.N); err != nil {
			return err
		}
		c.out.Earlier = append(c.out.Earlier, e)
	}
	return nil
}

// checkpointAt is the tenant's newest checkpoint at a run, which is not before the first of
// c.heads.
func (c *collector) checkpointAt(run int64) []byte {
	newest := c.heads[0].Checkpoint
	for i := range c.heads {
		if c.heads[i].Run <= run {
			newest = c.heads[i].Checkpoint
		}
	}
	return newest
}
