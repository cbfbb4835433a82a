package sqlite

import (
	"context"
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

// BenchmarkCells shows what pointAt buys: rows inserted with values that the cells hold, and with
// values that each need an interface of their own.
func BenchmarkCells(b *testing.B) {
	row := store.Request{Key: "6f9619ff-8b86-d011-b42d-00c04fc964ff-1767225600000", Duration: 1 << 40}
	for _, way := range []struct {
		name string
		set  func(i int, row []cell)
	}{
		{"held", func(i int, cells []cell) {
			for c := range 6 {
				cells[c].setInt(row.Duration + int64(i+c))
			}
			cells[6].setText(row.Key)
		}},
		{"boxed", func(i int, cells []cell) {
			for c := range 6 {
				cells[c].arg.Value = row.Duration + int64(i+c)
			}
			cells[6].arg.Value = row.Key
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			st := openTest(b, "")
			conn, err := st.db.Conn(context.Background())
			must(b, err)
			defer conn.Close()
			_, err = conn.ExecContext(context.Background(), "CREATE TEMP TABLE t (a, b, c, d, e, f, g); BEGIN")
			must(b, err)
			rows, err := newBulk(conn, "t", "a", "b", "c", "d", "e", "f", "g")
			must(b, err)
			defer rows.close()
			b.ReportAllocs()
			for b.Loop() {
				must(b, rows.insert(1024, way.set))
			}
		})
	}
}
