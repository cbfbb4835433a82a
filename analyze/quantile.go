package analyze

import (
	"math"
	"slices"
)

// Gaps keeps what is needed to tell the percentiles by nearest rank of all values seen, exactly, also when it is continued
// from a saved state. Until it is saved it simply holds all values. What Shrink saves is, for each rank, the values near
// it and how many lie below and above: as long as a rank stays within its neighbourhood, the answer is exact, and when
// it has drifted out, Percentile says so and the values must be read again.
type Gaps struct {
	N    int64
	Min  int64
	All  []int64 // all values, while Near is empty
	Near []Near
}

// Near is the neighbourhood of one percentile.
type Near struct {
	Rank         float64 // 0.5 for the median
	Below, Above int64   // how many values lie outside
	Low, High    int64   // bounds of Values, inclusive
	Values       []int64
}

// nearWidth is how many values are kept to either side of a rank: some ten nights of a tenant's gaps, 16 kB.
const nearWidth = 2048

// Add takes a value.
func (g *Gaps) Add(v int64) {
	if g.N == 0 || v < g.Min {
		g.Min = v
	}
	g.N++
	if g.Near == nil {
		g.All = append(g.All, v)
		return
	}
	for i := range g.Near {
		switch n := &g.Near[i]; {
		case v < n.Low:
			n.Below++
		case v > n.High:
			n.Above++
		default:
			n.Values = append(n.Values, v)
		}
	}
}

// Percentile gives the smallest value that is not below a share p of all values. It is -1 without values. It is not
// exact, which ok tells, when a saved state has been continued for so long that the rank left its neighbourhood.
func (g *Gaps) Percentile(p float64) (v int64, ok bool) {
	if g.N == 0 {
		return -1, true
	}
	k := rank(p, g.N)
	if g.Near == nil {
		return kth(g.All, int(k)), true
	}
	for i := range g.Near {
		if n := &g.Near[i]; n.Rank == p {
			k -= n.Below
			if k < 0 || k >= int64(len(n.Values)) {
				return 0, false
			}
			return kth(n.Values, int(k)), true
		}
	}
	return 0, false
}

// rank is the index of the p-th percentile among n sorted values, by nearest rank.
func rank(p float64, n int64) int64 {
	return max(int64(math.Ceil(p*float64(n)-1e-9))-1, 0)
}

// Shrink reduces what is held to the neighbourhoods of the given percentiles.
func (g *Gaps) Shrink(ps ...float64) {
	near := make([]Near, 0, len(ps))
	for _, p := range ps {
		values, below, above := g.All, int64(0), int64(0)
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		if g.Near != nil {
			i := slices.IndexFunc(g.Near, func(n Near) bool { return n.Rank == p })
			if i < 0 {
				return // only ever shrunk to the same percentiles
			}
			n := &g.Near[i]
			values, below, above, low, high = n.Values, n.Below, n.Above, n.Low, n.High
		}
		near = append(near, around(p, rank(p, g.N)-below, values, below, above, low, high))
	}
	g.Near, g.All = near, nil
}

// around keeps the values within nearWidth of the k-th.
func around(p float64, k int64, values []int64, below, above, low, high int64) Near {
	values = slices.Clone(values)
	if from := k - nearWidth; from > 0 && from < int64(len(values)) {
		low = kth(values, int(from))
		below += drop(&values, func(v int64) bool { return v < low })
	}
	n := rank(p, below+int64(len(values))+above) - below
	if to := n + nearWidth; to >= 0 && to < int64(len(values))-1 {
		high = kth(values, int(to))
		above += drop(&values, func(v int64) bool { return v > high })
	}
	return Near{Rank: p, Below: below, Above: above, Low: low, High: high, Values: values}
}

// drop removes the values that f selects and counts them.
func drop(values *[]int64, f func(int64) bool) int64 {
	before := len(*values)
	*values = slices.DeleteFunc(*values, f)
	return int64(before - len(*values))
}

// kth gives the value of index k in sorted order, by quickselect; it reorders values.
func kth(values []int64, k int) int64 {
	for lo, hi := 0, len(values)-1; ; {
		if lo >= hi {
			return values[k]
		}
		lt, gt := partition(values, lo, hi)
		switch {
		case k < lt:
			hi = lt - 1
		case k > gt:
			lo = gt + 1
		default:
			return values[k]
		}
	}
}

// partition splits values[lo:hi+1] in three: less than, equal to (lt to gt) and more than a pivot, the median of three.
func partition(values []int64, lo, hi int) (lt, gt int) {
	a, b, c := values[lo], values[lo+(hi-lo)/2], values[hi]
	pivot := max(min(a, b), min(max(a, b), c))
	lt, gt = lo, hi
	for i := lo; i <= gt; {
		switch v := values[i]; {
		case v < pivot:
			values[i], values[lt] = values[lt], v
			lt++
			i++
		case v > pivot:
			values[i], values[gt] = values[gt], v
			gt--
		default:
			i++
		}
	}
	return lt, gt
}
