package evidence

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/6dcca832/headroom/store"
)

// hintSize is how many bytes of a leaf's hash are kept to find the leaf that was changed.
const hintSize = 4

// logBuilder appends the leaves of one tenant's log. It is for one goroutine.
type logBuilder struct {
	tenant    string
	log       store.SealLog
	salter    *salter
	peaks     Peaks
	hints     []byte
	lines     []store.SealLine   // those that no row says
	pruned    []store.PrunedHash // hashes of removed rows that come next
	skips     int64              // leaves whose rows were removed
	allPruned []store.PrunedHash

	// emit is given each leaf before it is appended, with the values that it commits to, whose salts
	// are in salts; nil in builders that only hash.
	emit func(line []byte, values ...fieldValue)

	// removed is asked of each row before its leaf, b.line, is appended, by a prune: at is the row's
	// time, and r the request where it is one. A row of no tenant is in several logs: shared is then
	// its number, negative for a time of capture, and 0 for all others.
	removed func(at, shared int64, r *store.Request)

	line  []byte // scratch
	salts [len(fields)]Salt
}

func newLogBuilder(tenant string, log store.SealLog, key *Key) *logBuilder {
	return &logBuilder{tenant: tenant, log: log, salter: newSalter(key.salt, log.ID)}
}

// resume goes on from a head.
func (b *logBuilder) resume(head *store.SealHead) (err error) {
	b.peaks, err = headPeaks(head)
	return err
}

// headPeaks are the subtrees over a head's log.
func headPeaks(head *store.SealHead) (Peaks, error) {
	var hashes []tlog.Hash
	for part := range slices.Chunk(head.Peaks, sha256.Size) {
		if len(part) != sha256.Size {
			return Peaks{}, fmt.Errorf("log of %q, seal %d: %w", head.Tenant, head.Run, ErrPeaks)
		}
		hashes = append(hashes, tlog.Hash(part))
	}
	p, err := NewPeaks(head.Size, hashes)
	if err != nil {
		return p, fmt.Errorf("log of %q, seal %d: %w", head.Tenant, head.Run, err)
	}
	return p, nil
}

// fieldValue is a value that a leaf commits to.
type fieldValue struct {
	field Field
	value string
}

// seq is the next leaf's.
func (b *logBuilder) seq() int64 { return b.peaks.Size }

// add appends b.line.
func (b *logBuilder) add() {
	h := HashLeaf(b.line)
	b.hints = append(b.hints, h[:hintSize]...)
	b.peaks.Add(h)
}

// addLine appends a leaf that no row says.
func (b *logBuilder) addLine(line string) {
	b.lines = append(b.lines, store.SealLine{Seq: b.seq(), Line: line})
	b.line = append(b.line[:0], line...)
	if b.emit != nil {
		b.emit(b.line)
	}
	b.add()
}

// addRequest appends a request's leaf.
func (b *logBuilder) addRequest(r *store.Request) {
	b.skipPruned()
	b.line = b.encodeRequest(b.line[:0], b.seq(), r)
	if b.emit != nil {
		b.emit(b.line, fieldValue{FieldKey, r.Key}, fieldValue{FieldClient, r.Client},
			fieldValue{FieldSource, r.Source.Name})
	}
	if b.removed != nil {
		b.removed(r.StartedAt, 0, r)
	}
	b.add()
}

func (b *logBuilder) addEvent(e *store.Event) {
	b.skipPruned()
	b.line = b.encodeEvent(b.line[:0], b.seq(), e)
	if b.emit != nil {
		b.emit(b.line, fieldValue{FieldNote, e.Note})
	}
	if b.removed != nil {
		shared := int64(0)
		if e.Tenant == "" {
			shared = e.ID
		}
		b.removed(e.At, shared, nil)
	}
	b.add()
}

func (b *logBuilder) addRecording(r *store.ListedRecording) {
	b.skipPruned()
	b.line = b.encodeRecording(b.line[:0], b.seq(), r)
	if b.emit != nil {
		b.emit(b.line, fieldValue{FieldKey, r.Key})
	}
	if b.removed != nil {
		b.removed(r.StartedAt, 0, nil)
	}
	b.add()
}

func (b *logBuilder) addCapture(c *store.Capture) {
	b.skipPruned()
	b.line = append(b.line[:0], CaptureLine(b.seq(), c.At, c.Kind, c.Version)...)
	if b.emit != nil {
		b.emit(b.line)
	}
	if b.removed != nil {
		b.removed(c.At, -c.ID, nil)
	}
	b.add()
}

// skipPruned appends the leaves that come next in the log and whose rows were removed.
func (b *logBuilder) skipPruned() {
	for len(b.pruned) > 0 {
		p := &b.pruned[0]
		if p.N<<p.Level != b.seq() {
			return
		}
		b.peaks.addSubtree(p.Level, p.Hash)
		b.hints = append(b.hints, make([]byte, hintSize<<p.Level)...)
		b.skips += 1 << p.Level
		b.pruned = b.pruned[1:]
	}
}

// encodeRequest appends a request's leaf with that seq.
func (b *logBuilder) encodeRequest(line []byte, seq int64, r *store.Request) []byte {
	b.salter.salts(seq, &b.salts)
	leaf := Request{
		StartedAt: r.StartedAt, ResolutionUS: r.Source.Resolution, TimeIs: r.Source.TimeIs.String(),
		Method: r.Route.Method,
		Origin: r.Route.Origin, Template: r.Route.Template, Status: int64(r.Status),
		ResponseBytes: r.ResponseBytes,
		RequestBytes:  r.RequestBytes, CutShort: r.CutShort, DurationUS: r.Duration,
		FirstByteUS: r.FirstByte,
		RetryAfterS: r.RetryAfter, Error: r.Error, SourceKind: r.Source.Kind, Params: r.Params,
		VendorID:     r.VendorID,
		Key:          commitText(FieldKey, &b.salts, r.Key),
		ClientSource: commitClientSource(&b.salts, r.Client, r.Source.Name), Query: r.Query,
	}
	if r.DateSkew.Known {
		skew := r.DateSkew.N
		leaf.DateSkewS = &skew
	}
	return AppendRequest(line, seq, &leaf)
}

func (b *logBuilder) encodeEvent(line []byte, seq int64, e *store.Event) []byte {
	b.salter.salts(seq, &b.salts)
	return AppendEvent(
		line,
		seq,
		&Event{
			At:    e.At,
			Kind:  e.Kind,
			Count: e.Count,
			Bytes: e.Bytes,
			Note:  commitText(FieldNote, &b.salts, e.Note),
		},
	)
}

func (b *logBuilder) encodeRecording(line []byte, seq int64, r *store.ListedRecording) []byte {
	b.salter.salts(seq, &b.salts)
	return AppendRecording(
		line,
		seq,
		&Recording{ListedAt: r.ListedAt, StartedAt: r.StartedAt, DurationUS: r.Duration,
			Bytes: r.Bytes, Key: commitText(FieldKey, &b.salts, r.Key)},
	)
}

// checkpoint is the log's head.
func (b *logBuilder) checkpoint() Checkpoint {
	return Checkpoint{Log: b.log.ID, Size: b.peaks.Size, Root: b.peaks.Root()}
}

// head ends a run: it signs the log and starts the next run's part.
func (b *logBuilder) head(key *Key, run int64) (store.SealHead, error) {
	c := b.checkpoint()
	signed, err := key.SignCheckpoint(&c)
	if err != nil {
		return store.SealHead{}, err
	}
	h := store.SealHead{
		Tenant:     b.tenant,
		Run:        run,
		Log:        b.log,
		Size:       b.peaks.Size,
		Checkpoint: signed,
		Hints:      b.hints,
		Lines:      b.lines,
	}
	for _, hash := range b.peaks.Hashes {
		h.Peaks = append(h.Peaks, hash[:]...)
	}
	b.hints, b.lines = nil, nil
	return h, nil
}

// sealedEvent says whether an event is a leaf of the tenants' logs: a prune is told by a p1 leaf,
// and what else is noted among the events is no part of the record.
func sealedEvent(e *store.Event) bool {
	return e.Kind == store.EventReset || e.Kind == store.EventDropped || e.Kind == eventPaced
}

// eventPaced is the kind of event that tells how long requests were held back.
const eventPaced = "paced"

// publicKey is a log's key.
func publicKey(log *store.SealLog) ed25519.PublicKey { return log.PublicKey[:] }
