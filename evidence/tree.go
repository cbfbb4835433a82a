package evidence

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// The tree is RFC 6962's: a leaf's hash is SHA-256(0x00 ‖ leaf), a node's SHA-256(0x01 ‖ left ‖
// right), and the left subtree of a node is the largest full one that leaves something for the
// right. So the leaves before any index are covered by one full subtree for each bit of the index
// that is 1: its peaks. A log is extended, and a range of its leaves is proven, from the peaks
// before it.

// HashLeaf is the hash of a leaf's line.
func HashLeaf(line []byte) tlog.Hash {
	var room [512]byte
	return sha256.Sum256(append(append(room[:0], 0), line...))
}

// hashNode is tlog.NodeHash without its allocation.
func hashNode(left, right tlog.Hash) tlog.Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Peaks are the full subtrees that cover the first leaves of a log, the largest (leftmost) first.
type Peaks struct {
	Size   int64
	Hashes []tlog.Hash // one for each 1 in Size's binary form
}

// ErrPeaks says that hashes do not fit a size.
var ErrPeaks = errors.New("not as many hashes as the size has subtrees")

// NewPeaks checks that the hashes are as many as the size needs.
func NewPeaks(size int64, hashes []tlog.Hash) (Peaks, error) {
	if size < 0 || bits.OnesCount64(uint64(size)) != len(hashes) {
		return Peaks{}, fmt.Errorf("subtrees before leaf %d: %w", size, ErrPeaks)
	}
	return Peaks{size, append([]tlog.Hash(nil), hashes...)}, nil
}

// Add appends a leaf's hash.
func (p *Peaks) Add(h tlog.Hash) { p.addSubtree(0, h) }

// addSubtree appends a full subtree of 1<<level leaves; Size must be a multiple of that.
func (p *Peaks) addSubtree(level int, h tlog.Hash) {
	n := p.Size >> level
	for ; n&1 == 1; n >>= 1 {
		last := len(p.Hashes) - 1
		h = hashNode(p.Hashes[last], h)
		p.Hashes = p.Hashes[:last]
	}
	p.Hashes = append(p.Hashes, h)
	p.Size += 1 << level
}

// Root is the hash of all leaves; of none, the hash of nothing.
func (p *Peaks) Root() tlog.Hash { return foldPeaks(p.Hashes) }

func foldPeaks(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 0 {
		return sha256.Sum256(nil)
	}
	h := hashes[len(hashes)-1]
	for i := len(hashes) - 2; i >= 0; i-- {
		h = hashNode(hashes[i], h)
	}
	return h
}

// Range is what is known of a log from one leaf to its head: the peaks before it, and every node
// over its leaves.
type Range struct {
	Start  int64
	levels [][]tlog.Hash // nodes of 1<<level leaves that end after Start, from index Start>>level on
	before []tlog.Hash   // by level: the subtree that ends at Start or before it
	end    int64
}

// NewRange builds the nodes over leaves[0], which is the leaf with the index before.Size, and the
// ones after it.
func NewRange(before Peaks, leaves []tlog.Hash) *Range {
	r := &Range{
		Start:  before.Size,
		end:    before.Size + int64(len(leaves)),
		before: make([]tlog.Hash, 64),
	}
	peak := len(before.Hashes)
	row := leaves
	for level := 0; ; level++ {
		odd := r.Start>>level&1 == 1
		if odd {
			peak--
			r.before[level] = before.Hashes[peak]
		}
		r.levels = append(r.levels, row)
		if peak == 0 && (len(row) == 0 || len(row) == 1 && !odd) {
			return r
		}
		next := make([]tlog.Hash, 0, len(row)/2+1)
		if odd && len(row) > 0 {
			next = append(next, hashNode(r.before[level], row[0]))
			row = row[1:]
		}
		for ; len(row) > 1; row = row[2:] {
			next = append(next, hashNode(row[0], row[1]))
		}
		row = next
	}
}

// End is the log's size at its head.
func (r *Range) End() int64 { return r.end }

// node is the full subtree of 1<<level leaves with that index on its level.
func (r *Range) node(level int, index int64) (tlog.Hash, error) {
	first := r.Start >> level
	switch {
	case index >= first && level < len(r.levels) && index-first < int64(len(r.levels[level])):
		return r.levels[level][index-first], nil
	case index == first-1 && first&1 == 1:
		return r.before[level], nil
	}
	return tlog.Hash{}, fmt.Errorf("leaf range from %d does not know subtree %d of %d leaves", r.Start,
		index, int64(1)<<level)
}

// RootAt is the hash of the log's first size leaves, with size from Start to End.
func (r *Range) RootAt(size int64) (tlog.Hash, error) {
	if size < r.Start || size > r.end {
		return tlog.Hash{}, fmt.Errorf("leaf range from %d to %d does not reach %d", r.Start, r.end, size)
	}
	var peaks []tlog.Hash
	for level := bits.Len64(uint64(size)) - 1; level >= 0; level-- {
		if size>>level&1 == 0 {
			continue
		}
		h, err := r.node(level, size>>level-1)
		if err != nil {
			return tlog.Hash{}, err
		}
		peaks = append(peaks, h)
	}
	return foldPeaks(peaks), nil
}

// ReadHashes implements tlog.HashReader for what proofs between sizes from Start to End need.
func (r *Range) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, stored := range indexes {
		level, n := tlog.SplitStoredHashIndex(stored)
		h, err := r.node(level, n)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}
