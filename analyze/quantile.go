package analyze

import (
	"cmp"
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
	Values       []repeated
}

// repeated is a value that occurs N times.
type repeated struct{ Value, N int64 }

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
			n.Values = append(n.Values, repeated{v, 1})
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
			n.tidy()
			return n.at(k - n.Below)
		}
	}
	return 0, false
}

// rank is the index of the p-th percentile among n sorted values, by nearest rank.
func rank(p float64, n int64) int64 {
	return max(int64(math.Ceil(p*float64(n)-1e-9))-1, 0)
}

// tidy sorts the values and counts equal ones together.
func (n *Near) tidy() {
	slices.SortFunc(n.Values, func(a, b repeated) int { return cmp.Compare(a.Value, b.Value) })
	out := n.Values[:0]
	for _, r := range n.Values {
		if len(out) > 0 && out[len(out)-1].Value == r.Value {
			out[len(out)-1].N += r.N
		} else {
			out = append(out, r)
		}
	}
	n.Values = out
}

// at gives the k-th of the tidy values.
func (n *Near) at(k int64) (v int64, ok bool) {
	if k < 0 {
		return 0, false
	}
	for _, r := range n.Values {
		if k < r.N {
			return r.Value, true
		}
		k -= r.N
	}
	return 0, false
}

// Shrink reduces what is held to the neighbourhoods of the given percentiles, which must be the same each time. Values
// that Add was given may be used again afterwards.
func (g *Gaps) Shrink(ps ...float64) {
	near := make([]Near, len(ps))
	for i, p := range ps {
		n := Near{Rank: p, Low: math.MinInt64, High: math.MaxInt64}
		if g.Near == nil {
			n.fill(g.All, rank(p, g.N))
		} else {
			n = g.Near[i]
			n.Values = slices.Clone(n.Values)
		}
		n.tidy()
		n.trim(rank(p, g.N))
		near[i] = n
	}
	g.Near, g.All = near, nil
}

// fill takes those of all values that lie around the k-th. It reorders them.
func (n *Near) fill(values []int64, k int64) {
	if len(values) == 0 {
		return
	}
	low, high := int(max(k-nearWidth, 0)), int(min(k+nearWidth, int64(len(values))-1))
	n.Low = kth(values, low)
	n.High = kth(values[low:], high-low) // kth leaves what comes after its index not below it
	for _, v := range values {
		switch {
		case v < n.Low:
			n.Below++
		case v > n.High:
			n.Above++
		default:
			n.Values = append(n.Values, repeated{v, 1})
		}
		if len(n.Values) == 4*nearWidth { // values that occur often
			n.tidy()
		}
	}
	if n.Below == 0 {
		n.Low = math.MinInt64
	}
	if n.Above == 0 {
		n.High = math.MaxInt64
	}
}

// trim drops values further than nearWidth from the k-th of all.
func (n *Near) trim(k int64) {
	k -= n.Below
	for len(n.Values) > 1 && n.Values[0].N <= k-nearWidth {
		k -= n.Values[0].N
		n.Below += n.Values[0].N
		n.Values = n.Values[1:]
		n.Low = n.Values[0].Value
	}
	var count int64
	for i, r := range n.Values {
		if count > k+nearWidth {
			for _, r := range n.Values[i:] {
				n.Above += r.N
			}
			n.Values = n.Values[:i]
			n.High = n.Values[i-1].Value
			return
		}
		count += r.N
	}
}

// kth gives the value of index k in sorted order, by quickselect; it reorders values, so that none before k is greater
// and none after it is less.
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
