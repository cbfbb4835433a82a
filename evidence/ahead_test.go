package evidence

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// hostileTexts are what a log may hold anywhere.
var hostileTexts = []string{
	"", "plain", "tab\tand\nline\r", `back\slash`, "no \xff\xfe UTF-8", "nul \x00 byte", "ünïcödé",
	"{+id}",
}

// aheadBatch makes requests of which some are equal to others.
func aheadBatch(random *rand.Rand, n int) []store.Request {
	text := func() string { return hostileTexts[random.IntN(len(hostileTexts))] }
	batch := make([]store.Request, n)
	for i := range batch {
		r := &batch[i]
		*r = store.Request{
			Tenant:    fmt.Sprintf("tenant %d", random.IntN(3)),
			StartedAt: testNow + random.Int64N(300)*1_000_000, Status: 200 + random.IntN(2)*229,
			ResponseBytes: random.Int64N(3), Key: text(),
			Route: testRoutes[random.IntN(2)], Source: testSources[random.IntN(2)],
		}
		if random.IntN(3) == 0 {
			r.Query, r.Params, r.Error, r.VendorID, r.Client = text(), text(), text(), text(), text()
			r.Duration, r.FirstByte, r.RequestBytes = random.Int64(), random.Int64N(9), random.Int64N(9)
			r.RetryAfter, r.CutShort = random.Int64N(9), random.IntN(2) == 0
			r.DateSkew = store.Seconds{N: random.Int64N(9) - 4, Known: random.IntN(2) == 0}
		}
	}
	return batch
}

// aheadRun is an import that seals ahead, disturbed by others.
type aheadRun struct {
	t      *testing.T
	st     *sqlite.Store
	random *rand.Rand
	o      SealOptions
}

func (a *aheadRun) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// importFile imports one file of random batches; disturb is called between them.
func (a *aheadRun) importFile(ahead *Ahead, disturb func()) {
	a.t.Helper()
	ctx := context.Background()
	im, err := a.st.BeginImport(ctx)
	a.must(err)
	im.OnStored(ahead.Stored)
	for range 4 {
		a.must(im.Add(ctx, aheadBatch(a.random, 1+a.random.IntN(40))))
		disturb()
	}
	a.must(im.Close(ctx))
}

// TestAhead imports files in which all may stand that a file can hold, and checks from the rows
// what was sealed from memory: leaf for leaf, and that all rows are covered.
func TestAhead(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 7))
		path := filepath.Join(t.TempDir(), "log.db")
		st, err := sqlite.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		a := aheadRun{t: t, st: st, random: random, o: testSealOptions(testKey())}
		a.o.Step = 1 + random.Int64N(90)
		now := int64(testNow)
		var rows int64
		for range 3 {
			if random.IntN(3) == 0 {
				addRows(t, st, random, 3, "tenant 1")
				if random.IntN(2) == 0 {
					rows += mustSeal(t, st, a.o).Rows
				}
			}
			ahead := NewAhead(st, a.o, func() int64 { now++; return now })
			for range 2 {
				a.importFile(ahead, func() {
					switch random.IntN(12) {
					case 0:
						addRows(t, st, random, 1, "tenant 2", "another")
					case 1:
						rows += mustSeal(t, st, a.o).Rows
					}
				})
			}
			done, err := ahead.Seal(context.Background())
			a.must(err)
			rows += done.Rows
		}
		in, err := st.Seals(context.Background())
		a.must(err)
		last, err := in.Run(context.Background(), 0)
		a.must(err)
		all := in.Last()
		if !covers(last.Upto, all) || rows != all.Request+all.Event+all.Recording {
			t.Fatalf("seed %d: %d rows up to %+v are sealed, of %+v", seed, rows, last.Upto, all)
		}
		a.must(in.Close())
		a.must(st.Close())
		result := mustVerify(t, path, LogOptions{Key: a.o.Key})
		if result.Problem != nil || result.Unsealed != 0 {
			t.Fatalf("seed %d: %v; %d rows are not sealed", seed, result.Problem, result.Unsealed)
		}
	}
}

// TestAheadReadsNothing checks that a store whose requests cannot be read is sealed all the same:
// they come from memory.
func TestAheadReadsNothing(t *testing.T) {
	st := testStore(t)
	a := aheadRun{t: t, st: st, random: rand.New(rand.NewPCG(3, 3)), o: testSealOptions(testKey())}
	a.o.Step = 20
	deaf := &noRequests{Store: st}
	ahead := NewAhead(deaf, a.o, func() int64 { return testNow })
	a.importFile(ahead, func() {})
	a.importFile(ahead, func() {})
	done, err := ahead.Seal(context.Background())
	a.must(err)
	if done.Rows < 40 || done.Runs < 3 || !done.First || done.Line == "" || deaf.read > 0 {
		t.Errorf("sealed %+v, and read %d requests", done, deaf.read)
	}
}

// noRequests is a store that counts the requests that are read from it to be sealed.
type noRequests struct {
	*sqlite.Store
	read int
}

func (n *noRequests) Seals(ctx context.Context) (store.Seals, error) {
	in, err := n.Store.Seals(ctx)
	return &countedSeals{Seals: in, read: &n.read}, err
}

type countedSeals struct {
	store.Seals
	read *int
}

func (c *countedSeals) Requests(
	ctx context.Context, tenant string, after, upto int64,
) iter.Seq2[*store.Request, error] {
	return func(yield func(*store.Request, error) bool) {
		for r, err := range c.Seals.Requests(ctx, tenant, after, upto) {
			*c.read++
			if !yield(r, err) {
				return
			}
		}
	}
}
