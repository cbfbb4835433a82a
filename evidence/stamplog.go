package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/6dcca832/headroom/store"
)

// ErrNoStampedSeal says that a time stamp is for no seal of the log.
var ErrNoStampedSeal = errors.New("is a time stamp of no seal of this log")

// NewestSeal gives the line of the newest seal and the query for a time stamp of it; nothing where
// nothing is sealed.
func NewestSeal(ctx context.Context, log store.Sealable) (line string, query []byte, err error) {
	text, err := newestText(ctx, log)
	if err != nil || text == nil {
		return "", nil, err
	}
	return SealLine(text), TimeStampQuery(text), nil
}

// AddTimeStamp keeps an authority's answer with the seal that it is about. It tells when the
// authority saw the seal; who signed is not checked, since that needs a certificate that somebody
// trusts.
func AddTimeStamp(
	ctx context.Context, log store.Sealable, answer []byte,
) (line string, at time.Time, err error) {
	sum, at, err := StampedSum(answer)
	if err != nil {
		return "", at, err
	}
	in, err := log.Seals(ctx)
	if err != nil {
		return "", at, err
	}
	run, text, err := sealOfSum(ctx, in, sum)
	if err := errors.Join(err, in.Close()); err != nil {
		return "", at, err
	}
	return SealLine(text), at, log.AddStamp(ctx, run, answer)
}

// sealOfSum finds the run whose text has that SHA-256.
func sealOfSum(
	ctx context.Context, in store.Seals, sum [32]byte,
) (n int64, text []byte, err error) {
	runs, err := in.Runs(ctx, 1)
	if err != nil {
		return 0, nil, err
	}
	i := slices.IndexFunc(runs, func(r store.SealRun) bool { return r.TextSum == sum })
	if i < 0 {
		return 0, nil, ErrNoStampedSeal
	}
	text, err = runText(ctx, in, &runs[i])
	return runs[i].N, text, err
}

// stamp checks the time stamp of a run, if it has one.
func (v *logVerifier) stamp(ctx context.Context, run *store.SealRun, text []byte) error {
	answer, err := v.in.Stamp(ctx, run.N)
	if err != nil || answer == nil {
		return err
	}
	if err := matchStamp(answer, text); err != nil {
		return altered("seal %d: its time stamp %v", run.N, err)
	}
	if v.o.Authorities == nil {
		v.unknownStamps++
		return nil
	}
	stamp, err := CheckTimeStamp(answer, text, v.o.Authorities)
	switch {
	case errors.Is(err, ErrAuthority):
		v.note("the time stamp of seal %d %v", run.N, err)
		return nil
	case err != nil:
		return altered("seal %d: its time stamp %v", run.N, err)
	}
	v.result.Stamp = &Stamp{TimeStamp: stamp, Line: SealLine(text)}
	for _, b := range v.logs {
		v.result.Stamp.Size += b.seq()
	}
	return nil
}

func (v *logVerifier) note(format string, args ...any) {
	v.result.Notes = append(v.result.Notes, fmt.Sprintf(format, args...))
}

// gradeStamp raises the grade where a time stamp covers all that is sealed.
func (v *logVerifier) gradeStamp() {
	if v.unknownStamps > 0 {
		v.note("time stamps were not checked: name the authority's certificate with --tsa-ca")
	}
	switch s := v.result.Stamp; {
	case s == nil:
	case s.Size == v.result.Sealed:
		v.result.Grade = Anchored
	default:
		v.note("the newest time stamp covers %d log entries; %d after them have none", s.Size,
			v.result.Sealed-s.Size)
	}
}
