package analyze

import (
	"math/rand/v2"
	"reflect"
	"testing"
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
	data, err := l.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := got.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	for i := range l.Nights {
		if !reflect.DeepEqual(got.Nights[i], l.Nights[i]) {
			t.Errorf("read  %+v\nwrote %+v", got.Nights[i], l.Nights[i])
		}
	}
	for n := range data {
		if new(ledger).UnmarshalBinary(data[:n]) == nil {
			t.Fatalf("reads %d of %d bytes", n, len(data))
		}
	}
	if new(ledger).UnmarshalBinary(append(data, 0)) == nil {
		t.Error("reads more than was written")
	}
}
