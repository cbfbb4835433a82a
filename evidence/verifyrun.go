package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/6dcca832/headroom/store"
)

// run checks one run.
func (v *logVerifier) run(ctx context.Context, last, run *store.SealRun) error {
	heads, err := v.in.Heads(ctx, run.N)
	if err != nil {
		return err
	}
	w := &runWalk{logVerifier: v, last: last, run: run, parts: map[string]*part{}}
	for i := range heads {
		if err := w.begin(ctx, &heads[i]); err != nil {
			return err
		}
	}
	if err := w.rows(ctx); err != nil {
		return err
	}
	for _, tenant := range slices.Sorted(maps.Keys(w.parts)) {
		if err := w.end(ctx, w.parts[tenant]); err != nil {
			return err
		}
	}
	text := SealText(run.SealedAt, slices.Collect(maps.Values(v.bodies)), run.Pad)
	if sha256.Sum256(text) != run.TextSum {
		return altered("seal %d: its text is not the one that was sealed", run.N)
	}
	v.result.Line = SealLine(text)
	for i, a := range v.o.Anchors {
		if a.Line != nil && a.Line.At == run.SealedAt {
			if a.Line.Sum != run.TextSum {
				return altered("%s: the seal of that time (%d) is another one", a.Name, run.N)
			}
			v.met[i] = true
		}
	}
	return v.stamp(ctx, run, text)
}

// part is what a run adds to one tenant's log.
type part struct {
	b     *logBuilder
	head  *store.SealHead
	from  int64
	lines []store.SealLine // not added yet
	count int64            // rows
}

// runWalk recomputes one run.
type runWalk struct {
	*logVerifier
	last, run *store.SealRun
	parts     map[string]*part
}

// begin takes up a tenant's log.
func (w *runWalk) begin(ctx context.Context, head *store.SealHead) error {
	b := w.logs[head.Tenant]
	if b == nil {
		b = newLogBuilder(head.Tenant, head.Log, w.keyOrNone())
		if w.o.Key != nil && !publicKey(&head.Log).Equal(w.o.Key.Public()) {
			return fmt.Errorf("%w: %s, not %s; name that key with --key", ErrOtherKey,
				Fingerprint(publicKey(&head.Log)), Fingerprint(w.o.Key.Public()))
		}
		var err error
		if b.pruned, err = w.in.Pruned(ctx, head.Tenant); err != nil {
			return err
		}
		b.allPruned = b.pruned
		w.logs[head.Tenant] = b
	}
	p := &part{b: b, head: head, from: b.seq(), lines: head.Lines}
	w.parts[head.Tenant] = p
	if p.from > 0 {
		return nil
	}
	if len(p.lines) == 0 || p.lines[0].Seq != 0 {
		return altered("log of %q does not begin with its tenant", head.Tenant)
	}
	first, err := ParseLeaf([]byte(p.lines[0].Line))
	if err != nil || first.Kind != KindTenant || first.Fields[0] != head.Tenant ||
		first.Fields[3] != Fingerprint(publicKey(&head.Log)) {
		return altered("log of %q begins with another tenant or key", head.Tenant)
	}
	b.addLine(p.lines[0].Line)
	p.lines = p.lines[1:]
	return nil
}

// keyOrNone is a key for builders that compute no leaf of a row.
func (w *runWalk) keyOrNone() *Key {
	if w.o.Key == nil {
		return &Key{}
	}
	return w.o.Key
}

// rows appends the rows of the run.
func (w *runWalk) rows(ctx context.Context) error {
	for r, err := range w.in.Requests(ctx, "", after(w.last).Request, w.run.Upto.Request) {
		if err != nil {
			return err
		}
		p := w.parts[r.Tenant]
		if p == nil {
			return w.inserted(requestName(r))
		}
		p.count++
		w.delay(r)
		if w.o.Key != nil {
			p.b.addRequest(r)
		}
	}
	events, err := w.in.Events(ctx, "", after(w.last).Event, w.run.Upto.Event)
	if err != nil {
		return err
	}
	for i := range events {
		if err := w.event(&events[i]); err != nil {
			return err
		}
	}
	if err := w.captures(ctx); err != nil {
		return err
	}
	for r, err := range w.in.Listed(ctx, "", after(w.last).Recording, w.run.Upto.Recording) {
		if err != nil {
			return err
		}
		p := w.parts[r.Tenant]
		if p == nil {
			return w.inserted(recordingName(&r))
		}
		p.count++
		if w.o.Key != nil {
			p.b.addRecording(&r)
		}
	}
	return nil
}

func (w *runWalk) event(e *store.Event) error {
	if !sealedEvent(e) {
		return nil
	}
	if e.Tenant != "" && w.parts[e.Tenant] == nil {
		return w.inserted(eventName(e))
	}
	for tenant, p := range w.parts {
		if e.Tenant != "" && e.Tenant != tenant {
			continue
		}
		p.count++
		if w.o.Key != nil {
			p.b.addEvent(e)
		}
	}
	return nil
}

func (w *runWalk) captures(ctx context.Context) error {
	captures, err := w.in.Captures(ctx, after(w.last).Capture, w.run.Upto.Capture)
	for i := range captures {
		for _, p := range w.parts {
			p.count++
			if w.o.Key != nil {
				p.b.addCapture(&captures[i])
			}
		}
	}
	return err
}

func (w *runWalk) inserted(name string) error {
	return altered("%s was inserted, or moved to another tenant, after seal %d was made", name,
		w.run.N)
}

// delay keeps the longest time from the end of a request that was recorded live to its seal.
func (w *runWalk) delay(r *store.Request) {
	if !live(r.Source.Kind) {
		return
	}
	d := time.Duration(w.run.SealedAt-r.StartedAt-r.Duration) * time.Microsecond
	w.result.LongestDelay = max(w.result.LongestDelay, d)
}

// live says whether rows of that kind of source were recorded by headroom itself.
func live(kind string) bool { return kind == "transport" || kind == "proxy" }

// end appends what no row says and compares the log with its checkpoint.
func (w *runWalk) end(ctx context.Context, p *part) error {
	c, err := OpenCheckpoint(p.head.Checkpoint, publicKey(&p.head.Log))
	if err != nil {
		return altered("log of %q, seal %d: %v", p.head.Tenant, w.run.N, err)
	}
	if c.Log != p.b.log.ID || c.Size != p.head.Size || c.Size <= p.from || p.head.Log != p.b.log {
		return altered("log of %q, seal %d: its checkpoint is of another log or size", p.head.Tenant,
			w.run.N)
	}
	if err := w.checkLines(p); err != nil {
		return err
	}
	w.bodies[p.head.Tenant] = c.Body()
	for i, a := range w.o.Anchors {
		if a.Checkpoint != nil && a.Checkpoint.Log == c.Log && a.Checkpoint.Size == c.Size {
			if *a.Checkpoint != c {
				return altered("%s: contradicts the log of %q: its first %d leaves were others", a.Name,
					p.head.Tenant, c.Size)
			}
			w.met[i] = true
		}
	}
	if w.o.Key == nil {
		return w.count(p)
	}
	p.b.skipPruned()
	for _, l := range p.lines {
		if l.Seq != p.b.seq() {
			return w.locate(ctx, p)
		}
		p.b.addLine(l.Line)
	}
	if p.b.seq() != p.head.Size || p.b.peaks.Root() != c.Root {
		return w.locate(ctx, p)
	}
	return w.checkCache(p)
}

// checkCache compares what AddSeal kept to go on from, which nothing is proven with.
func (w *runWalk) checkCache(p *part) error {
	peaks, err := headPeaks(p.head)
	if err != nil || !slices.Equal(peaks.Hashes, p.b.peaks.Hashes) {
		return altered("log of %q, seal %d: the hashes to go on from were changed", p.head.Tenant,
			w.run.N)
	}
	for i := 0; i+hintSize <= len(p.b.hints); i += hintSize {
		if got := p.b.hints[i : i+hintSize]; !bytes.Equal(got, make([]byte, hintSize)) &&
			(i+hintSize > len(p.head.Hints) || !bytes.Equal(got, p.head.Hints[i:i+hintSize])) {
			return altered("log of %q, seal %d: the hint of leaf %d was changed", p.head.Tenant, w.run.N,
				p.from+int64(i/hintSize))
		}
	}
	if len(p.b.hints) != len(p.head.Hints) {
		return altered("log of %q, seal %d: its hints were changed", p.head.Tenant, w.run.N)
	}
	p.b.hints, p.b.lines = p.b.hints[:0], nil
	return nil
}

// checkLines checks the leaves that no row says.
func (w *runWalk) checkLines(p *part) error {
	for i, l := range p.head.Lines {
		leaf, err := ParseLeaf([]byte(l.Line))
		if err != nil || leaf.Seq != l.Seq {
			return altered("log of %q, leaf %d: is not as it was sealed", p.head.Tenant, l.Seq)
		}
		switch isLast := i == len(p.head.Lines)-1; {
		case leaf.Kind == KindPrune:
			var rows int64
			if _, err := fmt.Sscan(leaf.Fields[2], &rows); err != nil {
				return altered("log of %q, leaf %d: is not as it was sealed", p.head.Tenant, l.Seq)
			}
			w.pruned[p.head.Tenant] += rows
		case isLast != (leaf.Kind == KindSeal),
			isLast && (leaf.Seq != p.head.Size-1 || leaf.Time != w.run.SealedAt):
			return altered("log of %q, leaf %d: is not the seal %d", p.head.Tenant, l.Seq, w.run.N)
		}
	}
	if len(p.head.Lines) == 0 {
		return altered("log of %q, seal %d: its last leaf is gone", p.head.Tenant, w.run.N)
	}
	return nil
}

// count is what can be checked without the key: that there are as many rows as leaves.
func (w *runWalk) count(p *part) error {
	skipped := int64(0)
	for len(p.b.pruned) > 0 && p.b.pruned[0].N<<p.b.pruned[0].Level < p.head.Size {
		skipped += 1 << p.b.pruned[0].Level
		p.b.pruned = p.b.pruned[1:]
	}
	p.b.skips += skipped
	want := p.head.Size - p.from - int64(len(p.head.Lines)) - skipped
	if p.count != want {
		return altered("log of %q, seal %d: has %d rows, while %d were sealed", p.head.Tenant, w.run.N,
			p.count, want)
	}
	peaks, err := headPeaks(p.head)
	if err != nil || peaks.Root() != mustRoot(p.head.Checkpoint) {
		return altered("log of %q, seal %d: the hashes to go on from were changed", p.head.Tenant,
			w.run.N)
	}
	p.b.peaks = peaks
	return nil
}

// mustRoot is the root of a checkpoint that was opened before.
func mustRoot(signed []byte) tlog.Hash {
	c, err := ParseBody(checkpointBody(signed))
	if err != nil {
		return tlog.Hash{}
	}
	return c.Root
}
