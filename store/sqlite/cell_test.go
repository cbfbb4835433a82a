package sqlite

import (
	"database/sql/driver"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// TestCells fails where an interface is no longer a pair of type and pointer.
func TestCells(t *testing.T) {
	args := make([]driver.NamedValue, 2)
	cells := make([]cell, 2)
	for i := range cells {
		cells[i].init(&args[i])
	}
	for _, v := range []int64{0, 1, -1, 1 << 62} {
		if cells[0].setInt(v); args[0].Value != driver.Value(v) {
			t.Errorf("int: got %v, want %d", args[0].Value, v)
		}
	}
	for _, v := range []string{"a", "another"} {
		if cells[1].setText(v); args[1].Value != driver.Value(v) {
			t.Errorf("text: got %v, want %q", args[1].Value, v)
		}
	}
	cells[1].setText("")
	cells[0].setNull()
	if args[0].Value != nil || args[1].Value != nil {
		t.Errorf("null: got %v", args)
	}
	row := store.Request{Key: "k", Duration: 1 << 40}
	if n := testing.AllocsPerRun(100, func() { cells[0].setInt(row.Duration); cells[1].setText(row.Key) }); n != 0 {
		t.Errorf("setting cells allocates %v times", n)
	}
}
