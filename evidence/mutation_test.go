package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// workers share the random changes of a test: each has its own copy and its own random numbers.
const workers = 4

// inParts runs try n times in all, split among workers that run at once.
func inParts(t *testing.T, n int, part func(t *testing.T, random *rand.Rand, n int)) {
	t.Helper()
	for i := range workers {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			part(t, rand.New(rand.NewPCG(5, uint64(i))), (n+workers-1)/workers)
		})
	}
}

// mutate changes a file at random: flips, deletes, inserts, swaps, repeats.
func mutate(random *rand.Rand, data []byte) []byte {
	d := bytes.Clone(data)
	at, n := random.IntN(len(d)), 1+random.IntN(40)
	end := min(len(d), at+n)
	switch random.IntN(6) {
	case 0:
		d[at] ^= 1 << random.IntN(8)
	case 1:
		d[at] = byte(random.Uint32())
	case 2:
		d = append(d[:at], d[end:]...)
	case 3:
		d = append(d[:at:at], append(bytes.Clone(data[at:end]), data[at:]...)...)
	case 4:
		to := random.IntN(len(d))
		d[at], d[to] = d[to], d[at]
	case 5:
		d = d[:at]
	}
	return d
}

// budget is how often a test with random input tries: long in CI.
func budget(short, long int) int {
	if os.Getenv("HEADROOM_CI") == "1" {
		return long
	}
	return short
}

func TestEveryMutationOfABundleIsNoticed(t *testing.T) {
	l := sampleLog(t, testKey(), LogID{1}, 4)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	inParts(t, budget(600, 10_000), func(t *testing.T, random *rand.Rand, n int) {
		for i := range n {
			wrong := mutate(random, data)
			if bytes.Equal(wrong, data) {
				continue
			}
			r := check(t, wrong, testOptions())
			if r.Problem == nil {
				t.Fatalf("mutation %d was not noticed", i)
			}
			if strings.TrimSpace(r.Problem.Error()) == "" {
				t.Fatalf("mutation %d: no place is named", i)
			}
		}
	})
}

// Every change of bits, at random places of a database file, is noticed, or changes nothing that a
// seal covers.
func TestEveryMutationOfADatabaseIsNoticed(t *testing.T) {
	key := testKey()
	sealed, line := sealedFile(t, key, 4)
	held, err := ParseAnchor("mail", []byte(line))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sealed)
	if err != nil {
		t.Fatal(err)
	}
	o := LogOptions{Key: key, Anchors: []Anchor{held}}
	want, err := verifyAndExport(sealed, o)
	if err != nil {
		t.Fatal(err)
	}
	inParts(t, budget(300, 4000), func(t *testing.T, random *rand.Rand, n int) {
		path := filepath.Join(t.TempDir(), "wrong.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		noticed := 0
		for i := range n {
			places := make([]int64, 1+random.IntN(3))
			for k := range places {
				places[k] = random.Int64N(int64(len(data)))
				flip(t, f, places[k], 1<<random.IntN(8))
			}
			switch got, err := verifyAndExport(path, o); {
			case err != nil:
				noticed++
			case got != want:
				t.Fatalf("mutation %d changes the rows and was not noticed:\n%s", i, firstLineThatDiffers(got, want))
			}
			for _, at := range places { // the file is as it was
				if _, err := f.WriteAt(data[at:at+1], at); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, err := verifyAndExport(path, o); err != nil || got != want || noticed == 0 {
			t.Errorf("%d of %d were noticed; in the end: %v", noticed, n, err)
		}
	})
}

// flip changes bits of one byte of a file.
func flip(t *testing.T, f *os.File, at int64, bits byte) {
	t.Helper()
	var b [1]byte
	_, err := f.ReadAt(b[:], at)
	b[0] ^= bits
	if _, err2 := f.WriteAt(b[:], at); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
}

func firstLineThatDiffers(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	return "one has more lines"
}

// verifyAndExport checks a database file, and gives everything of it that a seal covers. The error
// says what was noticed.
func verifyAndExport(path string, o LogOptions) (text string, err error) {
	st, err := sqlite.Open(path, sqlite.ReadOnly())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	in, err := st.Seals(context.Background())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r, err := VerifyLog(context.Background(), in, o)
	if err == nil {
		err = r.Problem
	}
	if err != nil {
		return "", err
	}
	return exported(in)
}

// exported is everything of a log that a seal covers.
func exported(in store.Seals) (string, error) {
	ctx := context.Background()
	var b strings.Builder
	for r, err := range in.Requests(ctx, "", -1<<62, 1<<62) {
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, r.Tenant, r.StartedAt, r.Status, r.ResponseBytes, r.URL(), r.Client, r.Source.Name)
	}
	events, err := in.Events(ctx, "", -1<<62, 1<<62)
	if err != nil {
		return "", err
	}
	for _, e := range events {
		fmt.Fprintln(&b, e.Kind, e.At, e.Tenant, e.Count, e.Bytes, e.Note)
	}
	for r, err := range in.Listed(ctx, "", -1<<62, 1<<62) {
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&b, r.Tenant, r.StartedAt, r.Key, r.Duration, r.Bytes)
	}
	return b.String(), nil
}
