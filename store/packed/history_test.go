package packed

import (
	"context"
	"errors"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// chunkData counts what is read of its chunks.
type chunkData struct {
	sealed map[int64][]byte
	reads  int
}

func (d *chunkData) ReadChunk(_ context.Context, c Chunk, _ []byte) ([]byte, error) {
	d.reads++
	return d.sealed[c.ID], nil
}

func (d *chunkData) ReadFilters(context.Context, int64, func(int64, []byte)) error { return nil }

// A repeated pull asks about one recording of an old chunk after the other, and the chunk in which
// the audit goes on holds all of them once more. Each of the two is unpacked once.
func TestHistoryUnpacksOnce(t *testing.T) {
	const rows = 200
	data := &chunkData{sealed: map[int64][]byte{}}
	names := NewNames()
	names.AddTenant(1, "acme")
	names.AddRoute(&store.Route{ID: 1, Method: "GET", Origin: "https://acme", Template: "/{+id}"})
	n := NewReader(names, 2*rows, data, errors.New("damaged"))
	for chunk := int64(1); chunk <= 2; chunk++ {
		var entries []pack.Entry
		for i := range int64(rows) {
			r := store.Request{ID: chunk*rows + i, StartedAt: chunk*rows + i, Route: names.Route(1),
				Key: string(rune('a' + i))}
			entries = append(entries, pack.NewEntry(&r, 1, 1, 0))
		}
		c := Chunk{ID: chunk, Tenant: 1, Rows: rows, FirstAt: entries[0].At, LastAt: entries[rows-1].At}
		data.sealed[chunk] = c.Seal(pack.Encode(entries))
		if err := n.AddChunk(c); err != nil {
			t.Fatal(err)
		}
	}
	h := n.History(t.Context(), "acme")
	for i := range int64(rows) {
		r := store.Request{Route: names.Route(1), Key: string(rune('a' + i))}
		r.Identify()
		found, err := h.Find(r.ItemHash, 2*rows+i)
		if err != nil || len(found) != 2 || found[0].ID != rows+i || found[1].ID != 2*rows+i {
			t.Fatalf("recording %d: %+v, %v", i, found, err)
		}
	}
	if data.reads != 2 {
		t.Errorf("2 chunks were read %d times", data.reads)
	}
}
