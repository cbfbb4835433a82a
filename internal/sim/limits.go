package sim

import (
	"net/http"
	"time"
)

const (
	// minInterval is from the Request Frequency Limit: one recording audio request per 3 seconds.
	minInterval = 3 * time.Second
	// window is from the Rolling Egress Limit: 5 days.
	window = 120 * time.Hour
	// statusBandwidth is the vendor's status for a reached egress cap, which net/http has no name for.
	statusBandwidth = 509
)

// meter keeps one tenant's limits.
type meter struct {
	last  time.Time // when the current interval began; zero means never
	spent []*spending
	sum   int64 // bytes of spent
}

// spending is what one answer cost.
type spending struct {
	at    time.Time
	bytes int64
	gone  bool // it left the window, or support reset it
}

// tooSoon returns how long the tenant must still wait before its next audio request, and 0 when it
// need not. A request that need not wait starts a new interval, and so does one that must where
// strict is set.
func (m *meter) tooSoon(now time.Time, interval time.Duration, strict bool) time.Duration {
	wait := max(0, interval-now.Sub(m.last))
	if m.last.IsZero() {
		wait = 0
	}
	if wait == 0 || strict {
		m.last = now
	}
	return wait
}

// rolling is the egress of the last 5 days at now, in bytes: what is exactly 5 days old has left.
func (m *meter) rolling(now time.Time) int64 {
	for len(m.spent) > 0 && !m.spent[0].at.After(now.Add(-window)) {
		m.forget()
	}
	return m.sum
}

// forget drops the oldest spending.
func (m *meter) forget() {
	m.spent[0].gone = true
	m.sum -= m.spent[0].bytes
	m.spent = m.spent[1:]
}

// spend counts bytes that are about to be sent.
func (m *meter) spend(now time.Time, bytes int64) *spending {
	s := &spending{at: now, bytes: bytes}
	m.spent = append(m.spent, s)
	m.sum += bytes
	return s
}

// correct takes back what was not sent after all.
func (m *meter) correct(s *spending, bytes int64) {
	if !s.gone {
		m.sum += bytes - s.bytes
	}
	s.bytes = bytes
}

// reset forgets everything spent so far.
func (m *meter) reset() {
	for len(m.spent) > 0 {
		m.forget()
	}
}

// tooMany is the answer to an audio request that came wait too early.
func tooMany(wait time.Duration, header bool) *answer {
	a := refuse(http.StatusTooManyRequests, "one recording request per %v", minInterval)
	if header {
		a.retryAfter(wait)
	}
	return a
}
