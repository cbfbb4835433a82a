package sqlite

import (
	"context"

	"github.com/6dcca832/headroom/store/pack"
)

// A log in whole seconds can have any number n of requests at one time. Comparing each with all the
// others would take n² steps, so a time with more than crowded rows gets an index by matchKey.

const (
	// crowded is how many entries match compares one by one before it indexes their time.
	crowded = 256
	// maxTimeIndexes bounds how many are kept. When it is reached all are dropped; existing.matched
	// still knows what was matched.
	maxTimeIndexes = 64
)

type timeKey struct{ tenant, at int64 }

// timeIndex holds, by matchKey, the rows of one time that nothing was matched with yet.
type timeIndex map[pack.Entry][]int64

// takeFrom matches a row that equals like, and removes it from the index. It says whether there was
// one.
func (x *existing) takeFrom(m timeIndex, like pack.Entry) bool {
	ids := m[like]
	if len(ids) == 0 {
		return false
	}
	x.setMatched(ids[0])
	m[like] = ids[1:]
	return true
}

// indexTime indexes the rows of one tenant and one time; match calls it when that time proves
// crowded.
func (x *existing) indexTime(ctx context.Context, key timeKey) error {
	m := timeIndex{}
	err := x.eachAt(ctx, key.tenant, key.at, func(e *pack.Entry) bool {
		if !x.isMatched(e.ID) {
			like := matchKey(key.tenant, e)
			m[like] = append(m[like], e.ID)
		}
		return true
	})
	if err != nil {
		return err
	}
	if x.timeIndexes == nil || len(x.timeIndexes) >= maxTimeIndexes {
		x.timeIndexes = map[timeKey]timeIndex{}
	}
	x.timeIndexes[key] = m
	return nil
}
