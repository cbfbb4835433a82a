package merkle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/6dcca832/headroom/evidence"
)

// log is a log's leaves and the roots that the other implementation gives for each of its sizes.
type log struct {
	leaves []tlog.Hash
	roots  [][]byte
}

func newLog(t *testing.T, n int) *log {
	t.Helper()
	theirs := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	l := &log{roots: [][]byte{rfc6962.DefaultHasher.EmptyRoot()}}
	for i := range n {
		line := fmt.Appendf(nil, "r1\t%d\tsome leaf\n", i)
		ours := evidence.HashLeaf(line)
		if their := rfc6962.DefaultHasher.HashLeaf(line); string(their) != string(ours[:]) {
			t.Fatalf("leaf %d: %x, not %x", i, ours, their)
		}
		l.leaves = append(l.leaves, ours)
		if err := theirs.Append(ours[:], nil); err != nil {
			t.Fatal(err)
		}
		root, err := theirs.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		l.roots = append(l.roots, root)
	}
	return l
}

func TestEveryRoot(t *testing.T) {
	l := newLog(t, 1100)
	var peaks evidence.Peaks
	for size, want := range l.roots {
		if got := peaks.Root(); string(got[:]) != string(want) {
			t.Fatalf("%d leaves: %x, not %x", size, got, want)
		}
		if size < len(l.leaves) {
			peaks.Add(l.leaves[size])
		}
	}
}

// A bundle has the leaves from one size on. From them and the subtrees before come the roots of all
// later sizes, and proofs that the other implementation takes.
func TestRangesProve(t *testing.T) {
	l := newLog(t, 300)
	random := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		size := 1 + random.IntN(len(l.leaves))
		start := random.IntN(size)
		var before evidence.Peaks
		for _, h := range l.leaves[:start] {
			before.Add(h)
		}
		r := evidence.NewRange(before, l.leaves[start:size])
		if root, err := r.RootAt(int64(size)); err != nil || string(root[:]) != string(l.roots[size]) {
			t.Fatalf("leaves %d to %d: root %x, not %x; %v", start, size, root, l.roots[size], err)
		}
		old := start + random.IntN(size-start+1)
		if old == 0 {
			continue // nothing is before, and nothing is to be proven
		}
		ours, err := tlog.ProveTree(int64(size), int64(old), r)
		if err != nil {
			t.Fatalf("%d in leaves %d to %d: %v", old, start, size, err)
		}
		var hashes [][]byte
		for i := range ours {
			hashes = append(hashes, ours[i][:])
		}
		err = proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(size), hashes, l.roots[old], l.roots[size])
		if err != nil {
			t.Fatalf("%d in leaves %d to %d: %v", old, start, size, err)
		}
		wrong := append([]byte{l.roots[old][0] ^ 1}, l.roots[old][1:]...)
		if old < size &&
			proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), uint64(size), hashes, wrong, l.roots[size]) == nil {
			t.Fatalf("%d in leaves %d to %d: proves another root, too", old, start, size)
		}
	}
}
