package analyze

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
)

// A saved state has all nights of a tenant's log and a cell for each request of five days, and an
// audit reads them again for every tenant. Numbers of variable length take a tenth of the time that
// gob takes for the same, and half of the room.
//
// What is written here has no types beside it: a change of what a night keeps needs another engine
// (see state.go).

// numbers are integers of variable length, and bytes after their number.
type numbers []byte

func (w *numbers) add(all ...int64) {
	for _, v := range all {
		*w = binary.AppendVarint(*w, v)
	}
}

func (w *numbers) bytes(b []byte) {
	w.add(int64(len(b)))
	*w = append(*w, b...)
}

// cells are written as differences: requests of one start lie beside each other, others seconds
// apart.
func (w *numbers) cells(all []egress.Cell) {
	w.add(int64(len(all)))
	last := int64(0)
	for _, c := range all {
		w.add(c.At-last, c.Bytes)
		last = c.At
	}
}

func (w *numbers) ledger(l *ledger) {
	w.add(int64(len(l.Nights)))
	for _, n := range l.Nights {
		w.night(n)
	}
}

func (w *numbers) night(n *night) {
	w.add(int64(n.N), n.Requests, n.Foreign, n.Bytes, n.Recordings, n.Paced, n.Indeterminate, n.Slips,
		n.Least, n.Refused, int64(n.Classes))
	w.add(int64(len(n.Hits)))
	for i := range n.Hits {
		w.add(int64(n.Hits[i].Rule))
		w.hits(&n.Hits[i].Hits)
	}
	w.add(int64(len(n.Masks)))
	for _, m := range n.Masks {
		w.add(int64(m.Mask), m.N)
	}
	w.add(int64(len(n.Kinds)))
	for _, k := range n.Kinds {
		w.add(int64(k.Row), k.N)
	}
	w.bytes(n.Gaps)
}

func (w *numbers) hits(h *rules.Hits) {
	w.add(h.Count, h.First, h.Last-h.First, h.Bytes, h.Least, h.Most, int64(h.Classes))
	w.add(int64(len(h.Rows)))
	for _, r := range h.Rows {
		w.add(r.At-h.First, r.ID)
	}
	w.add(int64(len(h.Words)))
	for _, word := range slices.Sorted(maps.Keys(h.Words)) {
		w.bytes([]byte(word))
		w.add(h.Words[word])
	}
	w.add(int64(len(h.Keys)))
	for _, k := range h.Keys {
		w.add(int64(k))
	}
}

// numberReader reads numbers. After a fault it gives zeros.
type numberReader struct {
	left   []byte
	broken bool
}

func (r *numberReader) next() int64 {
	v, n := binary.Varint(r.left)
	if n <= 0 {
		r.broken, r.left = true, nil
		return 0
	}
	r.left = r.left[n:]
	return v
}

func (r *numberReader) into(all ...*int64) {
	for _, v := range all {
		*v = r.next()
	}
}

// count is a number of things of a byte or more, so that damage cannot ask for much memory.
func (r *numberReader) count() int {
	n := r.next()
	if n < 0 || n > int64(len(r.left)) {
		r.broken, r.left = true, nil
		return 0
	}
	return int(n)
}

// bytes are a part of what is read; nil for none.
func (r *numberReader) bytes() []byte {
	n := r.count()
	if n == 0 {
		return nil
	}
	b := r.left[:n:n]
	r.left = r.left[n:]
	return b
}

// some makes room for as many as follow, nil for none.
func some[T any](r *numberReader) []T {
	if n := r.count(); n > 0 {
		return make([]T, n)
	}
	return nil
}

// cells reads into memory that was used before, where it is large enough.
func (r *numberReader) cells(memory []egress.Cell) []egress.Cell {
	all := resized(memory, r.count())
	at := int64(0)
	for i := range all {
		at += r.next()
		all[i] = egress.Cell{At: at, Bytes: r.next()}
	}
	return all
}

// ledger reads nights into memory that was used before, where it is large enough. Their gaps stay
// parts of what is read.
func (r *numberReader) ledger(l *ledger, memory []night) []night {
	all := resized(memory, r.count())
	clear(all)
	l.Nights = make([]*night, len(all))
	for i := range all {
		r.night(&all[i])
		l.Nights[i] = &all[i]
	}
	return all
}

// resized gives n values of any content.
func resized[T any](memory []T, n int) []T {
	if n > cap(memory) {
		return make([]T, n)
	}
	return memory[:n]
}

func (r *numberReader) night(n *night) {
	n.N = int32(r.next())
	r.into(&n.Requests, &n.Foreign, &n.Bytes, &n.Recordings, &n.Paced, &n.Indeterminate, &n.Slips,
		&n.Least, &n.Refused)
	n.Classes = uint32(r.next())
	n.Hits = some[ruleHits](r)
	for i := range n.Hits {
		n.Hits[i].Rule = int(r.next())
		r.hits(&n.Hits[i].Hits)
	}
	n.Masks = some[maskCount](r)
	for i := range n.Masks {
		n.Masks[i] = maskCount{uint64(r.next()), r.next()}
	}
	n.Kinds = some[kindCount](r)
	for i := range n.Kinds {
		n.Kinds[i] = kindCount{int(r.next()), r.next()}
	}
	n.Gaps = r.bytes()
}

func (r *numberReader) hits(h *rules.Hits) {
	r.into(&h.Count, &h.First, &h.Last, &h.Bytes, &h.Least, &h.Most)
	h.Last += h.First
	h.Classes = uint32(r.next())
	h.Rows = some[rules.Row](r)
	for i := range h.Rows {
		h.Rows[i] = rules.Row{At: r.next() + h.First, ID: r.next()}
	}
	if words := r.count(); words > 0 {
		h.Words = make(map[string]int64, words)
		for range words {
			word := string(r.bytes())
			h.Words[word] = r.next()
		}
	}
	h.Keys = some[uint64](r)
	for i := range h.Keys {
		h.Keys[i] = uint64(r.next())
	}
}
