package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/store"
)

// ClockStepped is the name of the rule.
const ClockStepped = "clock-stepped"

// Requests come in order of time, and rows arrived in order of their ids: where a clock was set
// back, a row arrived after one that both started and ended later. The judge keeps rows until it
// can put them in order of arrival, mostRows at a time. A row that arrived before one that is not
// kept any more is left out: a step back over more rows than that is not seen.
var clockStepped = Rule{
	Name: ClockStepped, Severity: Notice,
	Counts: "rows of a source that start and end more than 1 s before the one that arrived before them",
	Advice: "Let the machine's clock be set in small steps (as chrony or ntpd do): gaps and windows are computed from its times.",
	Hears:  func(k *Kind) bool { return !k.Opaque },
	New:    func(*Facts) Judge { return new(clockSteppedJudge) },
	Detail: func(f *Found) string {
		return fmt.Sprintf("%s that started and ended before the one that arrived before it, by up to %s",
			measure.Count(f.Count, "request"), measure.Duration(f.Most))
	},
}

const (
	leastStep = 1e6     // microseconds
	mostRows  = 1 << 13 // that are kept at a time
)

type clockSteppedJudge struct {
	rows    []arrival
	floor   int64 // the last to arrive of those that are not kept any more
	ordered bool  // whether rows came in the order of their sources and, within one, of arrival
}

// arrival is a row as it arrived. It holds no pointer, since every request writes one.
type arrival struct {
	source    int64
	id        int64
	at, until int64
	classes   uint32
}

func (r *arrival) compare(o *arrival) int {
	return cmp.Or(cmp.Compare(r.source, o.source), cmp.Compare(r.id, o.id))
}

// usedRows are the rows of judges that have settled or been released: 330 kB, of which new memory
// would cost more than all else that the rule does.
var usedRows = sync.Pool{New: func() any { return new([]arrival) }}

func (j *clockSteppedJudge) Hear(c *Call, fire Fire) bool {
	if c.ID < j.floor {
		return false
	}
	source := sourceID(c.Source)
	if n := len(j.rows); n == 0 {
		j.start()
	} else if last := &j.rows[n-1]; source < last.source || source == last.source && c.ID < last.id {
		j.ordered = false
	}
	j.rows = append(j.rows, arrival{source, c.ID, c.StartedAt, c.StartedAt + c.Duration, c.ClassBit})
	if len(j.rows) >= mostRows {
		j.drop(fire)
	}
	return false
}

func (j *clockSteppedJudge) start() {
	j.ordered = true
	if j.rows == nil {
		j.rows = *usedRows.Get().(*[]arrival)
	}
}

// drop judges the first half of the rows, and keeps of the others those that arrived after all of
// them.
func (j *clockSteppedJudge) drop(fire Fire) {
	old, rest := j.rows[:mostRows/2], j.rows[mostRows/2:]
	if j.ordered && old[0].source == rest[len(rest)-1].source { // nearly always
		j.floor = old[len(old)-1].id
		j.rows = j.rows[:copy(j.rows, rest)]
		return
	}
	for i := range old {
		j.floor = max(j.floor, old[i].id)
	}
	if !j.ordered {
		j.judge(old[len(old)-1].at, fire)
	}
	kept := j.rows[:0]
	for _, r := range rest {
		if r.id > j.floor {
			kept = append(kept, r)
		}
	}
	j.rows = kept
	j.ordered = slices.IsSortedFunc(kept, func(a, b arrival) int { return a.compare(&b) })
}

// judge fires for steps to rows that started no later than upto, or that are not kept.
func (j *clockSteppedJudge) judge(upto int64, fire Fire) {
	sorted := slices.Clone(j.rows)
	slices.SortFunc(sorted, func(a, b arrival) int { return a.compare(&b) })
	for i := 1; i < len(sorted); i++ {
		before, r := &sorted[i-1], &sorted[i]
		back := before.at - r.at
		if before.source != r.source || back <= leastStep || before.until-r.until <= leastStep ||
			r.at > upto && r.id > j.floor {
			continue
		}
		id := before.id
		fire(Evidence{ID: r.id, At: r.at, Size: back, Classes: r.classes, Why: func() string {
			return fmt.Sprintf("started %s before request %d, which arrived before it",
				measure.Duration(back), id)
		}})
	}
}

func sourceID(s *store.Source) int64 {
	if s == nil {
		return 0
	}
	return s.ID
}

func (j *clockSteppedJudge) End(_ int64, fire Fire) {
	if !j.ordered {
		j.judge(math.MaxInt64, fire)
	}
}

// Settle forgets the rows.
func (j *clockSteppedJudge) Settle(fire Fire) {
	j.End(0, fire)
	j.Release()
}

// Release gives the rows up.
func (j *clockSteppedJudge) Release() {
	if j.rows != nil {
		rows := j.rows[:0]
		j.rows = nil
		usedRows.Put(&rows)
	}
}
