package store

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomEntries gives a chunk's worth of entries, in order.
func randomEntries(r *rand.Rand, n int) []entry {
	entries := make([]entry, n)
	at := r.Int64N(1 << 51)
	for i := range entries {
		at += r.Int64N(3) * r.Int64N(1e7)
		q := Request{
			ID: r.Int64N(1 << 40), StartedAt: at, Duration: r.Int64N(2) * r.Int64N(1e9), ResponseBytes: r.Int64N(1 << 45), Status: 100 * r.IntN(6),
			CutShort: r.IntN(2) == 0, RetryAfter: r.Int64N(2) * r.Int64N(1e6), Error: errorClasses[r.IntN(len(errorClasses))],
			Key: []string{"", "a", "b-1767225600123"}[r.IntN(3)], Params: []string{"", "p"}[r.IntN(2)],
		}
		entries[i] = pack(&q, ref{1, 1 + r.Int64N(5), 1 + r.Int64N(2), r.Int64N(3)})
		if entries[i].kind.flags&hasParams == 0 {
			entries[i].params = plainParams(0, entries[i].item) // as decode gives it for a route of hash 0
		}
	}
	slices.SortFunc(entries, compareEntries)
	return entries
}

func noRoutes(int64) uint64 { return 0 }

func entriesOf(c *columns) []entry {
	entries := make([]entry, c.n)
	for i := range entries {
		entries[i] = c.entry(i)
	}
	return entries
}

func TestChunkRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var c columns // used again, as a Scan does: nothing may stay from one chunk to the next
	for _, n := range []int{1, 4096, 2, 500, 63, 64, 65, 3000, 7} {
		entries := randomEntries(r, n)
		must(t, c.decode(encodeChunk(entries), noRoutes))
		if got := entriesOf(&c); !slices.Equal(got, entries) {
			t.Errorf("%d entries come back otherwise", n)
		}
	}
}

// Every cut and every changed byte either fails or decodes to something; none panics.
func TestChunkDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	data := encodeChunk(randomEntries(r, 40))
	var c columns
	for i := range data {
		if c.decode(data[:i], noRoutes) == nil {
			t.Errorf("the first %d of %d bytes decode", i, len(data))
		}
	}
	if c.decode(append(slices.Clone(data), 0), noRoutes) == nil {
		t.Error("a byte more decodes")
	}
}

func FuzzChunkDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 10, 300} {
		f.Add(encodeChunk(randomEntries(r, n)))
	}
	f.Add([]byte{})
	f.Add([]byte{chunkVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again columns
		if c.decode(data, noRoutes) != nil || c.n == 0 {
			return
		}
		entries := entriesOf(&c)
		if err := again.decode(encodeChunk(entries), noRoutes); err != nil {
			t.Fatal(err)
		}
		if got := entriesOf(&again); !slices.Equal(got, entries) {
			t.Fatalf("%+v\nbecame\n%+v", entries, got)
		}
	})
}

func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 10, 100, 1000, chunkRows} {
		entries := make([]entry, n)
		for i := range entries {
			entries[i].item = r.Uint64() | 1
		}
		f := makeFilter(entries)
		for i := range entries {
			if !mayHold(f, entries[i].item) {
				t.Fatalf("a filter of %d denies what it holds", n)
			}
		}
		wrong := 0
		const questions = 100_000
		for range questions {
			if mayHold(f, r.Uint64()) {
				wrong++
			}
		}
		if wrong > questions/500 {
			t.Errorf("a filter of %d is wrong %d times in %d", n, wrong, questions)
		}
	}
	if mayHold(makeFilter(make([]entry, 5)), 7) {
		t.Error("a filter without items holds one")
	}
}

// Random arrivals, flushes and drops leave the chunks as schema.sql describes them.
func TestChunksStayDisjoint(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 9))
		st := openTest(t, "")
		now := 0
		for range 60 {
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
		if upto, err := mark(ctx, st.db); err != nil || upto != int64(rows) {
			t.Errorf("of %d rows, %d are packed, %v", rows, upto, err)
		}
		im, err := st.BeginImport(ctx)
		must(t, err)
		for from := 0; from < 3*rows; from += 700 {
			must(t, im.Add(ctx, numbered(0, from, 700)))
		}
		must(t, im.Close(ctx))
		if upto, err := mark(ctx, st.db); err != nil || upto != int64(len(numbers(t, st, 0))) {
			t.Errorf("after an import on %d rows, %d are packed, %v", rows, upto, err)
		}
		checkCache(t, st)
	}
}

// Small flushes do not leave many small chunks.
func TestChunksAreMerged(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	const nights = 300
	for i := range nights {
		must(t, st.Append(ctx, numbered(0, i*50, 50)))
		must(t, st.Refresh(ctx))
	}
	checkCache(t, st)
	if chunks := number(t, st.db, "SELECT count(*) FROM cache_chunk"); chunks > nights*50/chunkRows*2+14 {
		t.Errorf("%d requests are in %d chunks", nights*50, chunks)
	}
}

// A late request makes the chunk that it falls into anew, and new requests of the same flush the last one; those between
// stay as they are.
func TestLateRequestTouchesOneChunk(t *testing.T) {
	ctx := context.Background()
	st := openTest(t, "")
	must(t, st.Append(ctx, numbered(0, 0, 20*chunkRows)))
	must(t, st.Refresh(ctx))
	before := number(t, st.db, "SELECT max(id) FROM cache_chunk")
	for i := range 10 {
		must(t, st.Append(ctx, slices.Concat(numbered(0, 5000+i, 1), numbered(0, 60_000+i, 1), numbered(0, 20*chunkRows+i, 1))))
		must(t, st.Refresh(ctx))
	}
	checkCache(t, st)
	if stay := number(t, st.db, "SELECT count(*) FROM cache_chunk WHERE id <= ?", before); stay != 18 {
		t.Errorf("%d of 20 chunks stay, not 18", stay)
	}
	if all := number(t, st.db, "SELECT count(*) FROM cache_chunk"); all > 18+4+4 {
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
