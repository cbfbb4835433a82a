package packed

import "testing"

func TestTable(t *testing.T) {
	var table Table[int64]
	ids := []int64{-5, 0, 1, 7, 900, 1 << 40, 1<<40 + 1}
	for _, id := range ids {
		table.Set(id, id+1)
	}
	for _, id := range ids {
		if got := table.Get(id); got != id+1 {
			t.Errorf("under %d is %d", id, got)
		}
	}
	if len(table.dense) > 1000 || table.Get(5) != 0 || table.Get(1<<50) != 0 || table.n != len(ids) {
		t.Errorf("%d places, %d values", len(table.dense), table.n)
	}
}
