package analyze

import "math"

// nearest gives the percentile p by nearest rank; it reorders values, and is -1 without any.
func nearest(values []int64, p float64) int64 {
	if len(values) == 0 {
		return -1
	}
	k := int(math.Ceil(p*float64(len(values))-1e-9)) - 1
	return kth(values, max(k, 0))
}

// kth gives the value of index k in sorted order, by quickselect; it reorders values, so that none
// before k is greater and none after it is less.
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

// partition splits values[lo:hi+1] in three: less than, equal to (lt to gt) and more than a pivot,
// the median of three.
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
