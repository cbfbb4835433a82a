package pull

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull/api"
)

const (
	// maxResumes is how often a body that broke off is asked for again.
	maxResumes = 4
	// resumePause is the wait before that; it doubles.
	resumePause = 1500 * time.Millisecond
)

// Errors that end a tenant's downloads.
var (
	errToken = errors.New("the token is not accepted")
	errCap   = errors.New("the vendor's egress cap is reached")
	errDisk  = errors.New("the disk is full")
)

// refused is a recording that did not pass the gate, or that the vendor would not give.
type refused struct {
	state string // the ledger's, "" for a fault that may pass: no entry is written
	why   string
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

// fetch downloads one recording into a file under a passing name. Its error is one of the above, a
// *refused, or one of the disk's or the context's.
func (r *runner) fetch(ctx context.Context, it item) (s staged, err error) {
	name := r.o.To.Stage(r.t.Name, it.start(), it.Key)
	d, err := openDownload(name)
	if err != nil {
		return staged{}, err
	}
	defer func() {
		err = errors.Join(err, d.close())
		if err != nil {
			os.Remove(name)
		}
	}()
	for again := false; ; again = true {
		if err := r.transfer(ctx, it.Key, d); err != nil {
			return staged{}, err
		}
		// What came twice in another size than the list's is listed wrongly for good.
		if again || it.sizeNote(d.size) == "" {
			break
		}
		r.result.Wasted += d.size
		if err := d.restart(); err != nil {
			return staged{}, err
		}
	}
	s = staged{
		item: it, ending: d.ending, size: d.size, note: it.sizeNote(d.size),
		sum: hex.EncodeToString(d.hash.Sum(nil)),
	}
	s.file = strings.TrimSuffix(name, partial) + s.ending + "." + s.sum + whole
	if err := errors.Join(d.close(), os.Rename(name, s.file)); err != nil {
		return staged{}, diskError(err)
	}
	return s, nil
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
func (r *runner) transfer(ctx context.Context, key string, d *download) error {
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
		if d.size > 0 && (a.Offset != d.size || total >= 0 && a.Total >= 0 && a.Total != total) {
			r.result.Wasted += d.size
			if err := d.restart(); err != nil {
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
		total = a.Total
		broken, err := r.receive(ctx, a, d)
		if err != nil {
			return err
		}
		if broken == nil && (total < 0 || d.size == total) {
			return nil
		}
		if resumed >= maxResumes {
			return &refused{why: fmt.Sprintf("the body broke off %d times", resumed+1)}
		}
		if err := r.o.Sleep(ctx, resumePause<<resumed); err != nil {
			return err
		}
	}
}

// receive reads a body into the file. broken is what ended it early; err is final.
func (r *runner) receive(ctx context.Context, a *api.Audio, d *download) (broken, err error) {
	defer a.Body.Close()
	in := io.Reader(a.Body)
	if d.size == 0 {
		head := make([]byte, headSize)
		n, err := io.ReadFull(a.Body, head[:firstLook])
		why := surelyNone(a.Type, head[:n])
		if why == "" && err == nil {
			var more int
			more, err = io.ReadFull(a.Body, head[n:])
			n += more
		}
		if n == 0 && err != nil && err != io.EOF {
			return err, ctx.Err()
		}
		ending := ""
		if why == "" {
			ending, why = gate(a.Type, head[:n])
		}
		if why != "" {
			r.result.Wasted += int64(n)
			return nil, &refused{state: stateRefused, why: why}
		}
		d.ending = ending
		in = io.MultiReader(bytes.NewReader(head[:n]), a.Body)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			in = io.MultiReader(bytes.NewReader(head[:n]), errorReader{err})
		}
	}
	broken, err = d.readFrom(in, r.spool)
	if err != nil {
		return nil, diskError(err)
	}
	return broken, ctx.Err()
}

// classify says what an error of the API means for the recording and for the run.
func (r *runner) classify(err error) error {
	var e *api.Error
	if !errors.As(err, &e) {
		return &refused{why: err.Error()}
	}
	switch e.Role {
	case limits.RoleAuth:
		return fmt.Errorf("%w: %w", errToken, e)
	case limits.RoleEgressCap:
		return fmt.Errorf("%w: %w", errCap, e)
	case limits.RoleBadRequest:
		if e.Status == 404 {
			return &refused{state: stateGone, why: "the vendor no longer has it (404)"}
		}
	}
	return &refused{why: e.Error()}
}

// diskError says errDisk where there is no room, and what else is wrong otherwise.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", errDisk, err)
	}
	return fmt.Errorf("write recording: %w", err)
}
