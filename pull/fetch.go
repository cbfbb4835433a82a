package pull

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/plainerr"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
)

const (
	// maxResumes is how often a body that broke off is asked for again.
	maxResumes = 4
	// resumePause is the wait before that; it doubles.
	resumePause = 1500 * time.Millisecond
	// maxFailures is how many recordings in a row may fail for want of an answer. Each was asked for
	// several times, so that the next would fail as well.
	maxFailures = 3
)

// Errors that end a tenant's downloads.
var (
	errToken = errors.New("the token is not accepted")
	errRole  = errors.New("the token is valid, but its user may not do this")
	errCap   = errors.New("the vendor's egress cap is reached")
	errDisk  = errors.New("the disk is full")
	errBusy  = errors.New("the vendor asks to wait")
	errDown  = fmt.Errorf("the vendor serves no recordings now: %d in a row failed", maxFailures)
)

// tokenError tells a token that is missing, expired or wrong from one whose user lacks a role.
func tokenError(e *api.Error) error {
	if e.Status == http.StatusForbidden {
		return errRole
	}
	return errToken
}

// ErrInterrupted is the error of a run that was ended by its context, as Ctrl-C does.
var ErrInterrupted = errors.New("stopped; the next run goes on")

// refused is a recording that did not pass the gate, or that the vendor would not give.
type refused struct {
	state string // the ledger's, "" for a fault that may pass: no entry is written
	why   string
	down  bool // for want of an answer, which the next recording may lack, too
}

func (e *refused) Error() string { return e.why }

// staged is a whole recording that waits to be kept.
type staged struct {
	item
	file   string // where it lies
	ending string
	sum    string // SHA-256 in hex
	size   int64
	note   string // what is odd about it
	whole  bool   // it was found whole, left by a run that was killed
}

// fetch downloads one recording into a file under a passing name, and hands it to the keeper. Its
// error is one of the above, a *refused, or one of the disk's or the context's.
func (r *runner) fetch(ctx context.Context, it item, k *keeper) (size int64, err error) {
	d := newDownload(r.o.To.Stage(r.t.Name, it.start(), it.Key))
	if err := r.fetchWhole(ctx, it, d, k); err != nil {
		r.spool.settle()
		_ = d.discard() // what cannot be removed now is swept by the next run
		return 0, err
	}
	size = d.size
	k.expect(staged{item: it, ending: d.ending, size: size, note: it.sizeNote(size)}, d)
	return size, nil
}

// fetchWhole downloads a recording until it has come whole: once, or twice where its size is not
// the list's. What came twice in another size is listed wrongly for good.
func (r *runner) fetchWhole(ctx context.Context, it item, d *download, k *keeper) error {
	for again := false; ; again = true {
		if err := r.transfer(ctx, it.Key, d, k); err != nil {
			return err
		}
		if again || it.sizeNote(d.size) == "" {
			return nil
		}
		if err := r.startOver(d); err != nil {
			return err
		}
	}
}

// startOver drops what came.
func (r *runner) startOver(d *download) error {
	r.result.Wasted += d.size
	r.spool.settle()
	if err := d.restart(); err != nil {
		return diskError(err)
	}
	return nil
}

// sizeNote says what is odd about a recording's size, "" where the list says it or says nothing.
func (it item) sizeNote(size int64) string {
	if it.Size <= 0 || it.Size == size {
		return ""
	}
	return fmt.Sprintf("the list says %d bytes, %d came", it.Size, size)
}

// transfer asks for a recording until its body has come whole. A body that broke off is asked for
// from where it ended; only a 206 that begins there and is of the same whole goes on.
//
// A body is read only when the recording before has its name as a whole one: a run that is killed
// loses one that was under way, and not two.
func (r *runner) transfer(ctx context.Context, key string, d *download, k *keeper) error {
	total := int64(-1)
	for resumed := 0; ; resumed++ {
		a, err := r.t.API.Audio(ctx, key, d.size)
		if err != nil {
			err = r.classify(err)
			if errors.Is(err, errCap) {
				if lost := r.o.Flush(context.WithoutCancel(ctx)); lost != nil {
					err = fmt.Errorf("%w (%w)", err, lost)
				}
			}
			return err
		}
		if a.Redirected != "" {
			r.result.Elsewhere = a.Redirected
		}
		if a.Offset != d.size || d.size > 0 && total >= 0 && a.Total >= 0 && a.Total != total {
			if err := r.startOver(d); err != nil {
				a.Body.Close()
				return err
			}
			if a.Offset != 0 { // a part of another whole, or another part
				a.Body.Close()
				if resumed >= maxResumes {
					return &refused{why: "the vendor sends other parts than those asked for"}
				}
				continue
			}
		}
		if d.size == 0 || a.Total >= 0 { // a part need not say it again
			total = a.Total
		}
		k.unnamed.Wait()
		broken, err := r.receive(ctx, a, d)
		if err != nil {
			return err
		}
		if broken == nil && (total < 0 || d.size == total) {
			return nil
		}
		if resumed >= maxResumes {
			return &refused{why: fmt.Sprintf("the body broke off %d times", resumed+1), down: true}
		}
		if err := r.o.Sleep(ctx, resumePause<<resumed); err != nil {
			return err
		}
	}
}

// receive reads a body into the file. broken is what ended it early; err is final.
func (r *runner) receive(ctx context.Context, a *api.Audio, d *download) (broken, err error) {
	defer a.Body.Close()
	buffer, n := <-r.spool.free, 0
	if d.size == 0 {
		var why string
		if n, d.ending, why, broken = look(a, buffer); why != "" {
			r.spool.free <- buffer
			r.result.Wasted += int64(n)
			return nil, &refused{state: stateRefused, why: why}
		}
		if broken != nil {
			r.spool.free <- buffer
			return broken, ctx.Err()
		}
	}
	broken, err = d.readFrom(a.Body, r.spool, buffer, n, r.room)
	if err != nil {
		return nil, diskError(err)
	}
	return broken, ctx.Err()
}

// classify says what an error of the API means for the recording and for the run.
func (r *runner) classify(err error) error {
	var e *api.Error
	if !errors.As(err, &e) {
		return &refused{why: plainerr.Text(err), down: true}
	}
	told := e.Error()
	if e.RetryAfter > 0 {
		told += ", to be asked again after " + measure.Span(e.RetryAfter)
	}
	switch e.Role {
	case limits.RoleAuth:
		return fmt.Errorf("%w: %w", tokenError(e), e)
	case limits.RoleEgressCap:
		return fmt.Errorf("%w: %w", errCap, e)
	case limits.RoleRateLimited:
		return fmt.Errorf("%w: %s", errBusy, told)
	case limits.RoleUnavailable:
		if e.RetryAfter > api.DefaultRetries.MaxWait {
			return fmt.Errorf("%w: %s", errBusy, told)
		}
		return &refused{why: told, down: true}
	case limits.RoleBadRequest:
		if e.Status == 404 {
			return &refused{state: stateGone, why: "the vendor no longer has it (404)"}
		}
	}
	return &refused{why: told}
}

// diskError says errDisk where there is no room, and what else is wrong otherwise.
func diskError(err error) error {
	if errors.Is(err, errDisk) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", errDisk, err)
	}
	return fmt.Errorf("write recording: %w", err)
}
