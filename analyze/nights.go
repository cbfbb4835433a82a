package analyze

import (
	"cmp"
	"encoding/binary"
	"slices"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
)

// What happened night by night. A night is the 24 hours from noon to noon in the tenant's zone (23
// or 25 where clocks change); its number is the day, since 1970, of the noon on which it begins.

// calendar tells the nights of a zone.
type calendar struct{ zone *time.Location }

func newCalendar(zone *time.Location) calendar {
	if zone == nil {
		zone = time.UTC
	}
	return calendar{zone}
}

// night is the number of the night of a time.
func (c calendar) night(at int64) int32 {
	t := time.UnixMicro(at).In(c.zone)
	y, m, d := t.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	if t.Hour() < 12 {
		day--
	}
	return int32(day)
}

// date is the day on which a night begins.
func (c calendar) date(night int32) time.Time { return time.Unix(int64(night)*86400, 0).UTC() }

// start is when a night begins.
func (c calendar) start(night int32) int64 {
	y, m, d := c.date(night).Date()
	return time.Date(y, m, d, 12, 0, 0, 0, c.zone).UnixMicro()
}

// night is what a tenant did in one night. Kinds, Gaps and the rows and words of Hits are only kept
// as long as an audit may count them.
type night struct {
	N                    int32
	Requests, Foreign    int64
	Bytes, Recordings    int64 // of the egress class: of all answers; complete downloads
	Paced                int64
	Indeterminate, Slips int64
	Least                int64 // shortest gap; -1 without one
	Refused              int64
	Classes              uint32 // with requests
	Hits                 []ruleHits
	Masks                []maskCount
	Kinds                []kindCount
	Gaps                 []byte // see packGaps; those of the last nights are in gaps

	gaps       []int64
	start, end int64
}

type ruleHits struct {
	Rule int
	rules.Hits
}

// maskCount is how many requests made exactly those rules fire.
type maskCount struct {
	Mask uint64
	N    int64
}

// kindCount is how many requests were of a row of state.Kinds.
type kindCount struct {
	Row int
	N   int64
}

func (n *night) holds(at int64) bool { return n.start <= at && at < n.end }

// hits are those of a rule, which are made where there are none.
func (n *night) hits(rule int) *rules.Hits {
	if h := n.fired(rule); h != nil {
		return h
	}
	n.Hits = append(n.Hits, ruleHits{Rule: rule})
	return &n.Hits[len(n.Hits)-1].Hits
}

// fired are the hits of a rule; nil without any.
func (n *night) fired(rule int) *rules.Hits {
	for i := range n.Hits {
		if n.Hits[i].Rule == rule {
			return &n.Hits[i].Hits
		}
	}
	return nil
}

// countMask counts by more requests that made exactly the rules of a mask fire.
func (n *night) countMask(mask uint64, by int64) {
	i := slices.IndexFunc(n.Masks, func(m maskCount) bool { return m.Mask == mask })
	if i < 0 {
		i = len(n.Masks)
		n.Masks = append(n.Masks, maskCount{Mask: mask})
	}
	n.Masks[i].N += by
}

// distinct is how many different requests made one of those rules fire, and how many of them were
// refused.
func (n *night) distinct(of uint64) (requests, refused int64) {
	for _, m := range n.Masks {
		if m.Mask&of != 0 {
			requests += m.N
			if m.Mask&refusedBit != 0 {
				refused += m.N
			}
		}
	}
	return requests, refused
}

// ledger is the nights with a request or a hit, in order.
type ledger struct {
	Nights []*night

	// What only the end of the log fires is kept in a ledger of its own, with:
	ends  []ended
	masks map[int64]uint64
}

// ended is a hit that may be another one tomorrow: about an absence or as-of, or not decided.
type ended struct {
	rule int
	e    rules.Evidence
}

// search gives the place of a night in those in order, and whether it is there.
func search(nights []*night, n int32) (i int, ok bool) {
	return slices.BinarySearchFunc(nights, n,
		func(x *night, n int32) int { return cmp.Compare(x.N, n) })
}

// find gives a night, which is made where it is missing.
func (l *ledger) find(n int32, c calendar) *night {
	i, ok := search(l.Nights, n)
	if !ok {
		l.Nights = slices.Insert(l.Nights, i, &night{N: n, Least: -1})
	}
	x := l.Nights[i]
	if x.end == 0 {
		x.start, x.end = c.start(n), c.start(n+1)
	}
	return x
}

// nightOf is the night of a hit; that of the end of the log is in a ledger of its own.
func (a *Auditor) nightOf(at int64) *night {
	l := &a.ledger
	if a.ending != nil {
		l = a.ending
	}
	return l.find(a.calend.night(at), a.calend)
}

// turn moves to the night of the next request.
func (a *Auditor) turn(at int64) {
	a.flush()
	a.current = a.ledger.find(a.calend.night(at), a.calend)
}

// flush counts, in the night that ends, what the kinds have counted.
func (a *Auditor) flush() {
	n := a.current
	if n == nil {
		return
	}
	for _, k := range a.table.kinds {
		if k.n == 0 {
			continue
		}
		n.Requests += k.n
		n.Classes |= k.ClassBit
		n.countKind(k.row, k.n)
		if k.Egress {
			n.Bytes += k.bytes
		}
		if k.Complete {
			n.Recordings += k.n
		}
		if k.Paced {
			n.Paced += k.n
		}
		if k.refused {
			n.Refused += k.n
		}
		if k.foreign {
			n.Foreign += k.n
		}
		if k.Opaque {
			n.Classes &^= k.ClassBit // tunnels count for nothing
		}
		k.n, k.bytes = 0, 0
	}
	if len(a.scratch.gaps) > 0 {
		if a.ranged() {
			a.scratch.ranged = append(a.scratch.ranged, a.scratch.gaps...)
		} else {
			n.gaps = append(n.gaps, a.scratch.gaps...)
		}
		a.scratch.gaps = a.scratch.gaps[:0]
	}
}

func (n *night) countKind(row int, by int64) {
	for i := range n.Kinds {
		if n.Kinds[i].Row == row {
			n.Kinds[i].N += by
			return
		}
	}
	n.Kinds = append(n.Kinds, kindCount{row, by})
}

// packGaps writes values in order as differences, which takes two bytes a value.
func packGaps(packed []byte, gaps []int64) []byte {
	all := unpackGaps(slices.Clone(gaps), packed)
	slices.Sort(all)
	out := make([]byte, 0, 2*len(all))
	last := int64(0)
	for _, g := range all {
		out = binary.AppendUvarint(out, uint64(g-last))
		last = g
	}
	return out
}

// unpackGaps appends the packed values.
func unpackGaps(gaps []int64, packed []byte) []int64 {
	last := int64(0)
	for len(packed) > 0 {
		d, n := binary.Uvarint(packed)
		if n <= 0 {
			return gaps
		}
		last += int64(d)
		gaps, packed = append(gaps, last), packed[n:]
	}
	return gaps
}

// trim drops of nights before one what no audit will count.
func (l *ledger) trim(before int32) {
	for _, n := range l.Nights {
		if n.N >= before {
			return
		}
		n.Kinds, n.Gaps, n.gaps = nil, nil, nil
		for i := range n.Hits {
			n.Hits[i].Trim()
		}
	}
}

const dayMicros = egress.DayMicros
