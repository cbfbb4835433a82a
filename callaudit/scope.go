package callaudit

import (
	"errors"
	"fmt"
	"time"
)

// Scope says what an audit, a forecast or a report is about. The zero Scope is all tenants as of
// now, but for those that the config ignores.
type Scope struct {
	// Tenants are those to look at, as names or as patterns such as "blue-*"; none means all. One that
	// neither the log nor the config knows is an error.
	Tenants []string
	// AsOf is the moment taken as now; the zero time means the clock's, or Until where that is
	// earlier.
	AsOf time.Time
	// Since (inclusive) and Until (exclusive) select requests by their start; the zero time means no
	// bound. Until must be later than Since. A forecast looks at all requests, whatever the range.
	Since, Until time.Time
}

// span gives the Scope with its AsOf and its times in whole microseconds of UTC.
func (s Scope) span() (Scope, error) {
	for _, t := range []struct {
		name string
		at   *time.Time
	}{{"AsOf", &s.AsOf}, {"Since", &s.Since}, {"Until", &s.Until}} {
		if t.at.IsZero() {
			continue
		}
		if t.at.Before(time.UnixMicro(0)) {
			return s, fmt.Errorf("%s: time %s is before 1970", t.name, stamp(*t.at))
		}
		*t.at = t.at.UTC().Truncate(time.Microsecond)
	}
	if !s.Since.IsZero() && !s.Until.IsZero() && !s.Since.Before(s.Until) {
		return s, errors.New("the time Until must be later than Since")
	}
	if s.AsOf.IsZero() {
		s.AsOf = time.Now().UTC().Truncate(time.Microsecond)
		if !s.Until.IsZero() && s.Until.Before(s.AsOf) {
			s.AsOf = s.Until // what came later is no news to an audit of the past
		}
	}
	return s, nil
}
