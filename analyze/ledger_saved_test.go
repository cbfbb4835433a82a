package analyze

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/analyze/egress"
)

// fill sets every exported field, so that a field which is not saved is noticed.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(r, v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]int64{"a": 1, "": -r.Int64()}))
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	default:
		v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()))
	}
}

// TestLedgerIsSaved: what is read is what was written, and whatever is damaged is refused.
func TestLedgerIsSaved(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var l, got ledger
	for range 3 {
		n := new(night)
		fill(r, reflect.ValueOf(n).Elem())
		l.Nights = append(l.Nights, n)
	}
	l.Nights = append(l.Nights, &night{N: 7, Least: -1})
	cells := []egress.Cell{{At: -5, Bytes: 7}, {At: -5, Bytes: 0}, {At: 1 << 60, Bytes: 1 << 50}}
	var data numbers
	data.cells(cells)
	data.ledger(&l)
	dirty := make([]night, 5) // of a tenant before
	for i := range dirty {
		fill(r, reflect.ValueOf(&dirty[i]).Elem())
		dirty[i].gaps, dirty[i].start, dirty[i].end = []int64{1}, 2, 3
	}
	read := func(data []byte, l *ledger) ([]egress.Cell, bool) {
		r := numberReader{left: data}
		cells := r.cells(make([]egress.Cell, 1, 5))
		r.ledger(l, slices.Clone(dirty))
		return cells, !r.broken && len(r.left) == 0
	}
	c, ok := read(data, &got)
	if !ok {
		t.Fatal("does not read what was written")
	}
	if !slices.Equal(c, cells) {
		t.Errorf("read %v, wrote %v", c, cells)
	}
	for i := range l.Nights {
		if !reflect.DeepEqual(got.Nights[i], l.Nights[i]) {
			t.Errorf("read  %+v\nwrote %+v", got.Nights[i], l.Nights[i])
		}
	}
	for n := range data {
		if _, ok := read(data[:n], new(ledger)); ok {
			t.Fatalf("reads %d of %d bytes", n, len(data))
		}
	}
	if _, ok := read(append(data, 0), new(ledger)); ok {
		t.Error("reads more than was written")
	}
}
