package sqlite

import (
	"context"

	"github.com/6dcca832/headroom/store/pack"
)

// A log in whole seconds can have any number of requests at one time, and looking each of them up
// among all the others would take the square of that number. So a time that proves crowded gets an
// index.

const (
	// crowded is how many entries are looked at in vain before their time is indexed.
	crowded = 256
	// maxMoments bounds the indexes that are kept; what was matched is known without them.
	maxMoments = 64
)

type momentKey struct{ tenant, at int64 }

// moment holds, by likeness, the rows of one time that nothing was matched with yet.
type moment map[pack.Entry][]int64

// take matches a row like the given one.
func (x *existing) take(m moment, like pack.Entry) bool {
	ids := m[like]
	if len(ids) == 0 {
		return false
	}
	x.mark(ids[0])
	m[like] = ids[1:]
	return true
}

// index makes the moment of a tenant's time.
func (x *existing) index(ctx context.Context, key momentKey) error {
	m := moment{}
	err := x.eachAt(ctx, key.tenant, key.at, func(e *pack.Entry) bool {
		if !x.isMarked(e.ID) {
			like := likeness(key.tenant, e)
			m[like] = append(m[like], e.ID)
		}
		return true
	})
	if err != nil {
		return err
	}
	if x.moments == nil || len(x.moments) >= maxMoments {
		x.moments = map[momentKey]moment{}
	}
	x.moments[key] = m
	return nil
}
