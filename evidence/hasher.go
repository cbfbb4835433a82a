package evidence

import (
	"errors"
	"iter"

	"github.com/6dcca832/headroom/store"
)

// hasher appends requests to the logs of a sealing on a goroutine of its own: hashing a request
// costs about as much as reading or storing it. Until end has returned, nobody else touches the
// sealing's logs.
type hasher struct {
	s          *sealing
	cur        []store.Request
	full, free chan []store.Request
	done       chan error
}

const (
	hashBatch   = 512 // requests that are handed over at a time
	hashBatches = 4
)

func newHasher(s *sealing) *hasher {
	h := &hasher{
		s:    s,
		full: make(chan []store.Request, hashBatches),
		free: make(chan []store.Request, hashBatches),
		done: make(chan error, 1),
	}
	for range hashBatches {
		h.free <- nil
	}
	go h.run()
	return h
}

// run hashes what comes until end is called; after an error it only takes it.
func (h *hasher) run() {
	var err error
	for batch := range h.full {
		for i := 0; i < len(batch) && err == nil; i++ {
			err = h.s.addRequest(&batch[i])
		}
		h.free <- batch[:0]
	}
	h.done <- err
}

// add takes a copy of r. It waits where too many are not hashed yet.
func (h *hasher) add(r *store.Request) {
	if h.cur == nil {
		if h.cur = <-h.free; h.cur == nil {
			h.cur = make([]store.Request, 0, hashBatch)
		}
	}
	if h.cur = append(h.cur, *r); len(h.cur) == hashBatch {
		h.hand()
	}
}

func (h *hasher) hand() {
	h.full <- h.cur
	h.cur = nil
}

// end waits until all is hashed.
func (h *hasher) end() error {
	if h.cur != nil {
		h.hand()
	}
	close(h.full)
	return <-h.done
}

// addRequest appends a request to its tenant's log.
func (s *sealing) addRequest(r *store.Request) error {
	b, err := s.log(r.Tenant)
	if err != nil {
		return err
	}
	b.addRequest(r)
	s.rows++
	return nil
}

// hash appends the requests of a sequence.
func (s *sealing) hash(requests iter.Seq2[*store.Request, error]) (err error) {
	h := newHasher(s)
	for r, failed := range requests {
		if err = failed; err != nil {
			break
		}
		h.add(r)
	}
	return errors.Join(err, h.end())
}
