package pull

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/store"
)

const (
	// keepBatch is how many files share a transaction of the ledger and a flush to the disk, keepWait
	// how long the first of them waits for the others.
	keepBatch = 32
	keepWait  = 50 * time.Millisecond
)

// keeper names files as whole, makes them durable and writes the ledger, several at a time, while
// the next download is under way: a disk that flushes slowly does not hold the vendor's interval
// up.
type keeper struct {
	r    *runner
	ctx  context.Context
	came chan arrival // downloads that are to be named
	in   chan staged
	done chan struct{}
	// unnamed are the downloads that came whole and are not named as such yet.
	unnamed sync.WaitGroup

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
		r: r, ctx: context.WithoutCancel(ctx), came: make(chan arrival), in: make(chan staged, keepBatch),
		done: make(chan struct{}),
	}
	k.progress = Progress{Tenant: r.t.Name, Total: total, TotalBytes: r.result.Plan.Bytes}
	go k.name()
	go k.work()
	return k
}

// arrival is a download that came whole, all of whose bytes are with the file.
type arrival struct {
	staged
	d   *download
	err error // what the file could not be written for
}

// expect takes over a download whose last bytes are still with the spool.
func (k *keeper) expect(s staged, d *download) {
	k.unnamed.Add(1)
	k.r.spool.finish(d, func(err error) {
		if s.sum = d.sum(); err == nil {
			err = d.close()
		}
		k.came <- arrival{s, d, err}
	})
}

// name gives downloads the names of whole files, which a killed run leaves to the next, and hands
// them on.
func (k *keeper) name() {
	flushed, _ := k.r.o.To.(beginner)
	for a := range k.came {
		s := a.staged
		s.file = strings.TrimSuffix(a.d.name, partial) + s.ending + "." + s.sum + whole
		if a.err == nil {
			a.err = os.Rename(a.d.name, s.file)
		}
		if a.err != nil {
			_ = a.d.discard() // what cannot be removed now is swept by the next run
			k.giveUp([]staged{s}, diskError(a.err))
		}
		k.unnamed.Done()
		if a.err == nil {
			if flushed != nil {
				flushed.begin(s.file)
			}
			k.in <- s
		}
	}
	close(k.in)
}

// failure is what ended the keeping; nil while it goes on.
func (k *keeper) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// add hands over a file that was found whole. It fails once keeping has.
func (k *keeper) add(s staged) error {
	err := k.failure()
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
	k.unnamed.Wait()
	close(k.came)
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
		err := k.failure()
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

// keep makes a batch durable: the files and their names, then the ledger's rows.
func (k *keeper) keep(batch []staged) error {
	files := make([]Whole, len(batch))
	for i, s := range batch {
		var err error
		if files[i], err = k.wholeFile(s); err != nil {
			return err
		}
	}
	if err := k.r.o.To.Keep(k.ctx, files); err != nil {
		return err
	}
	if err := k.writeLedger(k.stored(batch, files)); err != nil {
		return err
	}
	k.count(batch)
	return nil
}

func (k *keeper) wholeFile(s staged) (Whole, error) {
	var beside bytes.Buffer
	if err := json.Indent(&beside, []byte(cmp.Or(s.beside, "{}")), "", "  "); err != nil {
		return Whole{}, err
	}
	beside.WriteByte('\n')
	stem := stem(k.r.t.Name, s.start(), s.Key)
	return Whole{
		File: s.file, Name: stem + s.ending, Sum: s.sum, Size: s.size,
		Beside: stem + sidecarEnding, Data: beside.Bytes(),
	}, nil
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

func (k *keeper) stored(batch []staged, files []Whole) []store.LedgerEntry {
	entries := make([]store.LedgerEntry, len(batch))
	for i, s := range batch {
		e := k.r.entry(s.item, store.LedgerStored, s.note)
		e.Bytes, e.SHA256, e.Place = s.size, s.sum, files[i].Name
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
