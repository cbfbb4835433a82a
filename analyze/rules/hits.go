package rules

import (
	"cmp"
	"maps"
	"slices"
)

// MaxIDs is how many row ids a finding names.
const MaxIDs = 20

// maxWords bounds how many different words are told apart.
const maxWords = 64

// Row is a request: its start and its id.
type Row struct{ At, ID int64 }

func compareRows(a, b Row) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) }

// Hits count what fired. The zero Hits count nothing.
type Hits struct {
	Count       int64
	First, Last int64 // microseconds since 1970 UTC
	Rows        []Row // the first MaxIDs in order of time
	Bytes       int64
	Least, Most int64            // of Evidence.Size
	Words       map[string]int64 // at most maxWords
	Keys        []uint64         // in order
	Classes     uint32
}

// Add counts one hit. Hits need not come in order of time.
func (h *Hits) Add(e *Evidence) {
	if h.Count == 0 {
		h.First, h.Last, h.Least, h.Most = e.At, e.At, e.Size, e.Size
	}
	h.First, h.Last = min(h.First, e.At), max(h.Last, e.At)
	h.Least, h.Most = min(h.Least, e.Size), max(h.Most, e.Size)
	h.Count++
	h.Bytes += e.Bytes
	h.Classes |= e.Classes
	if e.ID != 0 {
		h.row(Row{e.At, e.ID})
	}
	if e.Word != "" {
		h.word(e.Word, 1)
	}
	if e.Key != 0 {
		h.key(e.Key)
	}
}

func (h *Hits) row(r Row) {
	n := len(h.Rows)
	if n == 0 || compareRows(h.Rows[n-1], r) < 0 { // nearly always
		if n < MaxIDs {
			h.Rows = append(h.Rows, r)
		}
		return
	}
	i, _ := slices.BinarySearchFunc(h.Rows, r, compareRows)
	h.Rows = slices.Insert(h.Rows, i, r)
	h.Rows = h.Rows[:min(n+1, MaxIDs)]
}

// IDs are those of Rows.
func (h *Hits) IDs() []int64 {
	var ids []int64
	for _, r := range h.Rows {
		ids = append(ids, r.ID)
	}
	return ids
}

func (h *Hits) word(w string, n int64) {
	if h.Words == nil {
		h.Words = map[string]int64{}
	}
	if _, ok := h.Words[w]; ok || len(h.Words) < maxWords {
		h.Words[w] += n
	}
}

func (h *Hits) key(k uint64) {
	if i, ok := slices.BinarySearch(h.Keys, k); !ok {
		h.Keys = slices.Insert(h.Keys, i, k)
	}
}

// Merge counts what other hits counted.
func (h *Hits) Merge(o *Hits) {
	if o.Count == 0 {
		return
	}
	if h.Count == 0 {
		h.First, h.Last, h.Least, h.Most = o.First, o.Last, o.Least, o.Most
	}
	h.First, h.Last = min(h.First, o.First), max(h.Last, o.Last)
	h.Least, h.Most = min(h.Least, o.Least), max(h.Most, o.Most)
	h.Count += o.Count
	h.Bytes += o.Bytes
	h.Classes |= o.Classes
	for _, r := range o.Rows {
		h.row(r)
	}
	for w, n := range o.Words {
		h.word(w, n)
	}
	for _, k := range o.Keys {
		h.key(k)
	}
}

// Clone is a copy that may change on its own.
func (h *Hits) Clone() Hits {
	c := *h
	c.Rows, c.Words, c.Keys = slices.Clone(h.Rows), maps.Clone(h.Words), slices.Clone(h.Keys)
	return c
}

// Trim drops what only a finding tells of: rows, words and keys.
func (h *Hits) Trim() { h.Rows, h.Words, h.Keys = nil, nil, nil }
