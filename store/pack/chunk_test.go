package pack

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// randomEntries gives a chunk's worth of entries, in order.
func randomEntries(r *rand.Rand, n int) []Entry {
	entries := make([]Entry, n)
	at := r.Int64N(1 << 51)
	for i := range entries {
		at += r.Int64N(3) * r.Int64N(1e7)
		q := store.Request{
			ID: r.Int64N(1 << 40), StartedAt: at, Duration: r.Int64N(2) * r.Int64N(1e9),
			FirstByte: r.Int64N(2) * r.Int64N(1e9), RequestBytes: r.Int64N(2) * r.Int64N(1e9), ResponseBytes: r.Int64N(1 << 45), Status: 100 * r.IntN(6),
			CutShort: r.IntN(2) == 0, RetryAfter: r.Int64N(2) * r.Int64N(1e6), Error: errorClasses[r.IntN(len(errorClasses))],
			Key: []string{"", "a", "b-1767225600123"}[r.IntN(3)], Params: []string{"", "p"}[r.IntN(2)],
		}
		entries[i] = NewEntry(&q, 1+r.Int64N(5), 1+r.Int64N(2), r.Int64N(3))
		if entries[i].Kind.flags&hasParams == 0 {
			entries[i].Params = store.PlainParams(0, entries[i].Item) // as decode gives it for a route of hash 0
		}
	}
	slices.SortFunc(entries, Compare)
	return entries
}

func noRoutes(int64) uint64 { return 0 }

func entriesOf(c *Columns) []Entry {
	entries := make([]Entry, c.N)
	for i := range entries {
		entries[i] = c.Entry(i)
	}
	return entries
}

func TestChunkRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var c Columns // used again, as a Scan does: nothing may stay from one chunk to the next
	for _, n := range []int{1, 4096, 2, 500, 63, 64, 65, 3000, 7} {
		entries := randomEntries(r, n)
		if err := c.Decode(Encode(entries), noRoutes); err != nil {
			t.Fatal(err)
		}
		if got := entriesOf(&c); !slices.Equal(got, entries) {
			t.Errorf("%d entries come back otherwise", n)
		}
	}
}

// Every cut and every changed byte either fails or decodes to something; none panics.
func TestChunkDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	data := Encode(randomEntries(r, 40))
	var c Columns
	for i := range data {
		if c.Decode(data[:i], noRoutes) == nil {
			t.Errorf("the first %d of %d bytes decode", i, len(data))
		}
	}
	if c.Decode(append(slices.Clone(data), 0), noRoutes) == nil {
		t.Error("a byte more decodes")
	}
}

func FuzzChunkDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 10, 300} {
		f.Add(Encode(randomEntries(r, n)))
	}
	f.Add([]byte{})
	f.Add([]byte{chunkVersion, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		var c, again Columns
		if c.Decode(data, noRoutes) != nil || c.N == 0 {
			return
		}
		entries := entriesOf(&c)
		if err := again.Decode(Encode(entries), noRoutes); err != nil {
			t.Fatal(err)
		}
		if got := entriesOf(&again); !slices.Equal(got, entries) {
			t.Fatalf("%+v\nbecame\n%+v", entries, got)
		}
	})
}

func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{1, 10, 100, 1000, MaxRows} {
		entries := make([]Entry, n)
		for i := range entries {
			entries[i].Item = r.Uint64() | 1
		}
		f := MakeFilter(entries)
		for i := range entries {
			if !MayHold(f, entries[i].Item) {
				t.Fatalf("a filter of %d denies what it holds", n)
			}
		}
		wrong := 0
		const questions = 100_000
		for range questions {
			if MayHold(f, r.Uint64()) {
				wrong++
			}
		}
		if wrong > questions/500 {
			t.Errorf("a filter of %d is wrong %d times in %d", n, wrong, questions)
		}
	}
	if MayHold(MakeFilter(make([]Entry, 5)), 7) {
		t.Error("a filter without items holds one")
	}
}

// A time of a recording that no key can tell is damage.
func TestItemTimeOutOfRange(t *testing.T) {
	for _, seconds := range []int64{-1, store.MaxItemSeconds + 1} {
		data := Encode([]Entry{{At: 5, ID: 1, ItemAt: seconds * 1e6, Kind: Kind{flags: hasItemAt}}})
		var c Columns
		if c.Decode(data, noRoutes) == nil {
			t.Errorf("a recording at %d s decodes", seconds)
		}
	}
}
