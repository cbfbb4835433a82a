package pull

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/6dcca832/headroom/store"
)

const (
	// keepers is how many files are made durable at the same time.
	keepers = 8
	// keepBatch is how many files share a transaction of the ledger and a flush of their folder,
	// keepWait how long the first of them waits for the others.
	keepBatch = 4 * keepers
	keepWait  = 50 * time.Millisecond
)

// keeper makes whole files durable and writes the ledger, several at a time, while the next
// download is under way: a disk that flushes slowly does not hold the vendor's interval up.
type keeper struct {
	r    *runner
	ctx  context.Context
	in   chan staged
	done chan struct{}

	mu       sync.Mutex
	err      error // what ended the keeping; nothing is kept after it
	entries  []store.LedgerEntry
	progress Progress
	findings []Missing
	lost     []Missing
}

func newKeeper(ctx context.Context, r *runner, total int) *keeper {
	// What was downloaded is kept, also when the user ends the run meanwhile.
	k := &keeper{
		r: r, ctx: context.WithoutCancel(ctx), in: make(chan staged, keepBatch),
		done: make(chan struct{}),
	}
	k.progress = Progress{Tenant: r.t.Name, Total: total, TotalBytes: r.result.Plan.Bytes}
	go k.work()
	return k
}

// add hands over a whole file. It fails once keeping has.
func (k *keeper) add(s staged) error {
	k.mu.Lock()
	err := k.err
	k.mu.Unlock()
	if err == nil {
		k.in <- s
	}
	return err
}

// note adds an entry that is about no file.
func (k *keeper) note(e store.LedgerEntry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.entries = append(k.entries, e)
}

// close waits until all is kept, and adds up what was and what could not be.
func (k *keeper) close() error {
	close(k.in)
	<-k.done
	res := &k.r.result
	res.Stored, res.Bytes = k.progress.Done, k.progress.Bytes
	res.Findings = append(res.Findings, k.findings...)
	res.Missing = append(res.Missing, k.lost...)
	return errors.Join(k.err, k.writeLedger(nil))
}

func (k *keeper) work() {
	defer close(k.done)
	for s := range k.in {
		batch := k.gather(s)
		k.mu.Lock()
		err := k.err
		k.mu.Unlock()
		if err == nil {
			err = k.keep(batch)
		}
		if err != nil {
			k.giveUp(batch, err)
		}
	}
}

// gather waits a little for what may be kept together with s.
func (k *keeper) gather(s staged) []staged {
	batch := []staged{s}
	timer := time.NewTimer(keepWait)
	defer timer.Stop()
	for len(batch) < keepBatch {
		select {
		case more, ok := <-k.in:
			if !ok {
				return batch
			}
			batch = append(batch, more)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// keep makes a batch durable: the files, then their names, then the ledger's rows.
func (k *keeper) keep(batch []staged) error {
	stems, names := make([]string, len(batch)), make([]string, len(batch))
	errs := make([]error, len(batch))
	var wg sync.WaitGroup
	limit := make(chan struct{}, keepers)
	for i, s := range batch {
		stems[i] = stem(k.r.t.Name, s.start(), s.Key)
		names[i] = stems[i] + s.ending
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			errs[i] = k.keepFile(s, stems[i])
		})
	}
	wg.Wait()
	err := errors.Join(errs...)
	if err == nil {
		err = k.r.o.To.Flush(names)
	}
	if err == nil {
		err = k.writeLedger(k.stored(batch, names))
	}
	if err == nil {
		k.count(batch)
	}
	return err
}

// giveUp notes a batch that could not be kept, and ends the keeping.
func (k *keeper) giveUp(batch []staged, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err == nil {
		k.err = err
	}
	for _, s := range batch {
		why := "could not be kept: " + err.Error()
		k.lost = append(k.lost, Missing{s.Key, s.start(), s.Size, why})
	}
}

func (k *keeper) keepFile(s staged, stem string) error {
	var beside bytes.Buffer
	if err := json.Indent(&beside, []byte(cmp.Or(s.beside, "{}")), "", "  "); err != nil {
		return err
	}
	beside.WriteByte('\n')
	if err := k.r.o.To.Put(k.ctx, stem+sidecarEnding, beside.Bytes()); err != nil {
		return err
	}
	if s.whole {
		return nil
	}
	return k.r.o.To.Keep(k.ctx, s.file, stem+s.ending, s.sum, s.size)
}

func (k *keeper) stored(batch []staged, names []string) []store.LedgerEntry {
	entries := make([]store.LedgerEntry, len(batch))
	for i, s := range batch {
		e := k.r.entry(s.recording, store.LedgerStored, s.note)
		e.Bytes, e.SHA256, e.Place = s.size, s.sum, names[i]
		entries[i] = e
	}
	return entries
}

// writeLedger adds entries, and those that were noted meanwhile.
func (k *keeper) writeLedger(entries []store.LedgerEntry) error {
	k.mu.Lock()
	entries = append(k.entries, entries...)
	k.entries = nil
	k.mu.Unlock()
	if len(entries) == 0 {
		return nil
	}
	return k.r.o.Log.AddLedger(k.ctx, entries)
}

// count tells of a batch that is kept.
func (k *keeper) count(batch []staged) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range batch {
		k.progress.Done++
		k.progress.Bytes += s.size
		if s.note != "" {
			k.findings = append(k.findings, Missing{s.Key, s.start(), s.Size, s.note})
		}
	}
	k.r.o.Progress(k.progress)
}
