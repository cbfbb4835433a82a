package packed

import "iter"

// Table holds values by row number. The numbers that headroom gives are dense, so a slice holds
// them (with shared texts, a name takes 78 bytes where maps took 145); a map takes those of a file
// that somebody filled otherwise.
type Table[T any] struct {
	dense  []T // by number; the zero value where there is none
	sparse map[int64]T
	n      int
}

// Set adds a value under a number that it has none under. Numbers come in order.
func (t *Table[T]) Set(id int64, v T) {
	t.n++
	if id < 0 || id > 2*int64(len(t.dense))+1024 {
		if t.sparse == nil {
			t.sparse = map[int64]T{}
		}
		t.sparse[id] = v
		return
	}
	for int64(len(t.dense)) <= id {
		var none T
		t.dense = append(t.dense, none)
	}
	t.dense[id] = v
}

// Get gives the zero value for a number without a value.
func (t *Table[T]) Get(id int64) (v T) {
	if id >= 0 && id < int64(len(t.dense)) {
		return t.dense[id]
	}
	return t.sparse[id]
}

// Values gives what there is, zero values included, in no order.
func (t *Table[T]) Values() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, v := range t.dense {
			if !yield(v) {
				return
			}
		}
		for _, v := range t.sparse {
			if !yield(v) {
				return
			}
		}
	}
}

// Interner gives equal texts the same memory. It belongs to one reading.
type Interner map[string]string

func (in Interner) Text(b []byte) string {
	if s, ok := in[string(b)]; ok { // does not allocate
		return s
	}
	s := string(b)
	if len(in) < maxNames {
		in[s] = s
	}
	return s
}
