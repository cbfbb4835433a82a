package evidence

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/store"
)

// LogOptions is what a reader brings to the check of a whole database.
type LogOptions struct {
	// Key is the log's. Without it (nil) leaves that commit to fields cannot be computed: only how
	// many rows there are, what no row says, and the signatures are checked.
	Key *Key
	// Anchors are what the reader held before.
	Anchors []Anchor
	// Authorities are the certificates of those whose time stamps are trusted. Nil means that none is.
	Authorities *x509.CertPool
}

// LogResult is what the check of a database found.
type LogResult struct {
	Grade   Grade
	Problem error // the first place that is not as it was sealed
	Notes   []string

	Logs, Runs   int
	Sealed       int64 // leaves
	Unsealed     int64 // rows after the last seal
	Pruned       int64 // leaves whose rows were removed
	LongestDelay time.Duration
	Fingerprint  string
	Line         string
	SealedAt     int64  // of the newest seal, in microseconds since 1970 UTC
	SealedSince  int64  // of the first one
	Stamp        *Stamp // the newest time stamp that was checked; nil without one
}

// VerifyLog recomputes every leaf from the rows and compares with what was sealed. An error means
// that it could not be carried out.
func VerifyLog(ctx context.Context, in store.Seals, o LogOptions) (*LogResult, error) {
	v := &logVerifier{
		in: in, o: o, logs: map[string]*logBuilder{}, bodies: map[string][]byte{},
		pruned: map[string]int64{}, met: make([]bool, len(o.Anchors)),
		result: &LogResult{},
	}
	err := v.verify(ctx)
	var altered *alteredError
	switch {
	case errors.As(err, &altered):
		v.result.Grade, v.result.Problem = Altered, altered
	case err != nil:
		return nil, err
	}
	return v.result, nil
}

// alteredError says where the log is not as it was sealed.
type alteredError struct{ what string }

func (e *alteredError) Error() string { return e.what }

func altered(
	format string, args ...any,
) error {
	return &alteredError{fmt.Sprintf(format, args...)}
}

// logVerifier walks through all runs.
type logVerifier struct {
	in     store.Seals
	o      LogOptions
	logs   map[string]*logBuilder
	bodies map[string][]byte // of each log's newest checkpoint
	pruned map[string]int64  // leaves that p1 leaves tell of
	met    []bool            // which anchors were met
	result *LogResult

	unknownStamps int // those that nobody was named for
}

func (v *logVerifier) verify(ctx context.Context) error {
	runs, err := v.in.Runs(ctx, 1)
	if err != nil {
		return err
	}
	v.result.Runs = len(runs)
	last := store.SealRun{}
	for i := range runs {
		run := &runs[i]
		if run.N != last.N+1 || run.SealedAt <= last.SealedAt || !follows(&last.Upto, &run.Upto) {
			return altered("seal %d does not follow the one before it", run.N)
		}
		if err := v.run(ctx, &last, run); err != nil {
			return err
		}
		last = *run
	}
	v.result.Logs, v.result.SealedAt = len(v.logs), last.SealedAt
	if len(runs) > 0 {
		v.result.SealedSince = runs[0].SealedAt
	}
	if err := v.countUnsealed(ctx, &last); err != nil {
		return err
	}
	return v.finish()
}

// follows says that a run covers no less than the one before it.
func follows(a, b *store.RowIDs) bool {
	return a.Request <= b.Request && a.Event <= b.Event && a.Recording <= b.Recording &&
		a.Capture <= b.Capture
}

// finish grades what held together.
func (v *logVerifier) finish() error {
	for tenant, b := range v.logs {
		v.result.Sealed += b.seq()
		v.result.Pruned += b.skips
		if b.skips != v.pruned[tenant] || len(b.pruned) > 0 {
			return altered("log of %q: the rows of %d leaves are gone, while prunes tell of %d", tenant,
				b.skips, v.pruned[tenant])
		}
		fingerprint := Fingerprint(publicKey(&b.log))
		if v.result.Fingerprint != "" && v.result.Fingerprint != fingerprint {
			return altered("log of %q is signed with another key than the others", tenant)
		}
		v.result.Fingerprint = fingerprint
	}
	for i, a := range v.o.Anchors {
		if !v.met[i] {
			return altered("%s: the log has no such seal", a.Name)
		}
	}
	switch {
	case v.result.Runs == 0:
		v.result.Problem = errors.New("\"headroom seal\" does it")
	case len(v.o.Anchors) > 0:
		v.result.Grade = Held
	default:
		v.result.Grade = SelfSigned
	}
	v.gradeStamp()
	if v.o.Key == nil && v.result.Runs > 0 {
		v.result.Notes = append(v.result.Notes,
			"without the key the rows' contents were not checked, only how many there are; name it with --key")
	}
	return nil
}

// countUnsealed counts the rows after the last run.
func (v *logVerifier) countUnsealed(ctx context.Context, last *store.SealRun) error {
	from, upto := after(last), v.in.Last()
	for _, err := range v.in.Requests(ctx, "", from.Request, upto.Request) {
		if err != nil {
			return err
		}
		v.result.Unsealed++
	}
	for _, err := range v.in.Listed(ctx, "", from.Recording, upto.Recording) {
		if err != nil {
			return err
		}
		v.result.Unsealed++
	}
	events, err := v.in.Events(ctx, "", from.Event, upto.Event)
	for i := range events {
		if sealedEvent(&events[i]) {
			v.result.Unsealed++
		}
	}
	return err
}
