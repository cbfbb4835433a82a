package sqlite

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store/pack"
)

// Random arrivals, flushes and drops leave the chunks as schema.sql describes them.
func TestChunksStayDisjoint(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 9))
		st := openTest(t, "")
		now := 0
		for range 40 {
			n := 1 + r.IntN([]int{2, 40, 3000}[r.IntN(3)])
			late := now - r.IntN(now+1)*r.IntN(2)
			must(t, st.Append(ctx, numbered(r.IntN(2), late, n)))
			now += n * r.IntN(2)
			if r.IntN(10) < 7 {
				must(t, st.Refresh(ctx))
			}
			if r.IntN(20) == 0 {
				must(t, st.DropCache(ctx))
			}
		}
		checkCache(t, st)
		must(t, st.Refresh(ctx))
		checkCache(t, st)
	}
}

// A refresh goes on until all is packed, however much of it one transaction takes, and so does an import.
func TestRefreshInParts(t *testing.T) {
	ctx := context.Background()
	set(t, &maxPending, 1000)
	for _, rows := range []int{999, 1000, 1001, 4500} {
		st := openTest(t, "")
		must(t, st.Append(ctx, numbered(0, 0, rows)))
		must(t, st.Refresh(ctx))
		if upto, err := packedUpTo(ctx, st.db); err != nil || upto != int64(rows) {
			t.Errorf("of %d rows, %d are packed, %v", rows, upto, err)
		}
		im, err := st.BeginImport(ctx)
		must(t, err)
		for from := 0; from < 3*rows; from += 700 {
			must(t, im.Add(ctx, numbered(0, from, 700)))
		}
		must(t, im.Close(ctx))
		if upto, err := packedUpTo(ctx, st.db); err != nil || upto != int64(len(numbers(t, st, 0))) {
			t.Errorf("after an import on %d rows, %d are packed, %v", rows, upto, err)
		}
		checkCache(t, st)
	}
}

// Small flushes do not leave many small chunks.
func TestChunksAreMerged(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	const nights = 200
	for i := range nights {
		must(t, st.Append(ctx, numbered(0, i*50, 50)))
		must(t, st.Refresh(ctx))
	}
	checkCache(t, st)
	if chunks := number(t, st.db, "SELECT count(*) FROM cache_chunk"); chunks > nights*50/pack.MaxRows*2+14 {
		t.Errorf("%d requests are in %d chunks", nights*50, chunks)
	}
}

// A late request makes the chunk that it falls into anew, and new requests of the same flush the last one; those between
// stay as they are.
func TestLateRequestTouchesOneChunk(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	const chunks = 8
	must(t, st.Append(ctx, numbered(0, 0, chunks*pack.MaxRows)))
	must(t, st.Refresh(ctx))
	before := number(t, st.db, "SELECT max(id) FROM cache_chunk")
	for i := range 10 {
		must(t, st.Append(ctx, slices.Concat(numbered(0, 5000+i, 1), numbered(0, 25_000+i, 1), numbered(0, chunks*pack.MaxRows+i, 1))))
		must(t, st.Refresh(ctx))
	}
	checkCache(t, st)
	if stay := number(t, st.db, "SELECT count(*) FROM cache_chunk WHERE id <= ?", before); stay != chunks-2 {
		t.Errorf("%d of %d chunks stay, not all but two", stay, chunks)
	}
	if all := number(t, st.db, "SELECT count(*) FROM cache_chunk"); all > chunks-2+4+4 {
		t.Errorf("there are %d chunks now", all)
	}
}

// A failed look-up must not make the next one answer "never".
func TestHistoryAfterFailure(t *testing.T) {
	st := openTest(t, "")
	must(t, st.Append(context.Background(), numbered(0, 0, 10)))
	must(t, st.Refresh(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := snapshot(t, st).History(ctx, "writer 0")
	q := numbered(0, 3, 1)[0]
	q.Identify()
	for range 2 {
		if found, err := h.Find(q.ItemHash, 100); err == nil {
			t.Errorf("a cancelled look-up finds %d, and no error", len(found))
		}
	}
}
