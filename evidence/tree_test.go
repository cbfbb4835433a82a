package evidence

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// reference is tlog's own tree over n leaves.
func reference(t testing.TB, n int) ([]tlog.Hash, tlog.HashReader) {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	var leaves []tlog.Hash
	for i := range n {
		line := fmt.Appendf(nil, "leaf %d\n", i)
		hashes, err := tlog.StoredHashes(int64(i), line, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
		leaves = append(leaves, HashLeaf(line))
	}
	return leaves, reader
}

func TestPeaksAgreeWithTlog(t *testing.T) {
	const n = 300
	leaves, reader := reference(t, n)
	var p Peaks
	for i, h := range leaves {
		p.Add(h)
		want, err := tlog.TreeHash(int64(i)+1, reader)
		if err != nil || p.Root() != want {
			t.Fatalf("root of %d leaves is %v, want %v (%v)", i+1, p.Root(), want, err)
		}
		if _, err := NewPeaks(p.Size, p.Hashes); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRangeKnowsEveryRootAndProof(t *testing.T) {
	const n = 150
	leaves, reader := reference(t, n)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		end := 1 + random.IntN(n)
		start := random.IntN(end + 1)
		var before Peaks
		for _, h := range leaves[:start] {
			before.Add(h)
		}
		r := NewRange(before, leaves[start:end])
		size := start + random.IntN(end-start+1)
		if size == 0 {
			continue
		}
		old, err := r.RootAt(int64(size))
		want, _ := tlog.TreeHash(int64(size), reader)
		if err != nil || old != want {
			t.Fatalf("range %d to %d: root at %d: %v", start, end, size, err)
		}
		head, err := r.RootAt(int64(end))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveTree(int64(end), int64(size), r)
		if err != nil {
			t.Fatalf("range %d to %d: proof from %d: %v", start, end, size, err)
		}
		if err := tlog.CheckTree(proof, int64(end), head, int64(size), old); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRangeRefusesWhatItDoesNotKnow(t *testing.T) {
	leaves, _ := reference(t, 20)
	var before Peaks
	for _, h := range leaves[:10] {
		before.Add(h)
	}
	r := NewRange(before, leaves[10:])
	for _, size := range []int64{-1, 0, 9, 21} {
		if _, err := r.RootAt(size); err == nil {
			t.Errorf("knows the root at %d", size)
		}
	}
	if _, err := NewPeaks(3, leaves[:1]); err == nil {
		t.Error("takes one subtree for a size of 3")
	}
}
