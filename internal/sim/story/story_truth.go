package story

import (
	"net/http"
	"time"

	"github.com/6dcca832/headroom/internal/sim"
)

// Truth is what is known to be true of one tenant when the story has been told.
type Truth struct {
	// Tenant is the hostname; About says in a sentence what the tenant did, right or wrong.
	Tenant, About string
	// Zone is the IANA name of the tenant's time zone.
	Zone string
	// Agents is the number of licensed recorded agents, BytesPerSecond the size of what they record.
	Agents         int
	BytesPerSecond float64
	// CapBytes is the vendor's rolling cap in bytes; CapTold says that support has told the customer.
	CapBytes int64
	CapTold  bool
	// Resets are what support did, oldest first.
	Resets []Reset
	// Clients are the names of the programs, in order.
	Clients []string
	// Requests counts all requests, Statuses those of one class and status.
	Requests int
	Statuses map[ClassStatus]int
	// AudioBytes are all body bytes of audio answers. PeakBytes and PeakAt are the largest sum over (t
	// − 120 h, t] and the first t that reached it; CurrentBytes is the sum at the story's end.
	AudioBytes, PeakBytes, CurrentBytes int64
	PeakAt                              time.Time
	// Counts is how often each rule of the audit was broken, as of the story's end, without a rule
	// that was not. The rules egress-near and outside-window are not looked at.
	Counts map[string]int
}

// ClassStatus is a key of Truth.Statuses.
type ClassStatus struct {
	Class  sim.Class
	Status int
}

// Reset is a reset of the rolling egress by support.
type Reset struct {
	At   time.Time
	Note string
}

// event is one request as its program saw it.
type event struct {
	at     time.Time
	class  sim.Class
	client string
	params string // method, path, query and body
	status int
	bytes  int64
}

// truth counts what happened.
func (t *tenant) truth() Truth {
	tr := Truth{
		Tenant: t.name, About: t.about, Zone: t.tale.zone, Agents: t.agents,
		BytesPerSecond: BytesPerSecond,
		CapBytes:       t.story.vendor.Cap(t.name), CapTold: !t.untold, Resets: t.resets,
		Requests: len(t.events), Statuses: map[ClassStatus]int{}, Counts: map[string]int{},
	}
	for _, r := range t.roles {
		if r.name != operator {
			tr.Clients = append(tr.Clients, r.name)
		}
	}
	for _, e := range t.events {
		tr.Statuses[ClassStatus{e.class, e.status}]++
	}
	var audio []event
	for _, e := range t.events {
		if e.class == sim.ClassAudio {
			audio = append(audio, e)
		}
	}
	tr.countStatuses(t.events)
	tr.countSpacing(audio)
	tr.countBandwidth(audio)
	tr.countReports(t.events, t.story.End)
	tr.countStale(audio, t.story.End)
	tr.measure(audio, t.story.End)
	return tr
}

// count adds n to a rule, if there is anything to add.
func (tr *Truth) count(rule string, n int) {
	if n > 0 {
		tr.Counts[rule] += n
	}
}

// countStatuses counts what a single answer or a run of answers of one class gives away.
func (tr *Truth) countStatuses(events []event) {
	inRow := map[sim.Class]int{}
	last := map[sim.Class]time.Time{}
	for _, e := range events {
		if n := inRow[e.class]; n > 0 && e.at.Sub(last[e.class]) < backoff(e.class, n) {
			tr.count("no-backoff", 1)
		}
		inRow[e.class]++
		if last[e.class] = e.at; e.status != http.StatusTooManyRequests {
			inRow[e.class] = 0
		}
		switch e.status {
		case http.StatusTooManyRequests:
			tr.count("rate-limited", 1)
		case http.StatusUnauthorized, http.StatusForbidden:
			tr.count("auth", 1)
		}
	}
}

// backoff is how long a client must wait after n refusals in a row.
func backoff(c sim.Class, n int) time.Duration {
	wait := time.Second
	if c == sim.ClassAudio {
		wait = 3 * time.Second
	}
	for ; n > 1 && wait < time.Minute; n-- {
		wait *= 2
	}
	return min(wait, time.Minute)
}

// countSpacing looks at the gaps between audio requests.
func (tr *Truth) countSpacing(audio []event) {
	for i := 1; i < len(audio); i++ {
		if audio[i].at.Sub(audio[i-1].at) >= 3*time.Second {
			continue
		}
		tr.count("spacing", 1)
		if audio[i].client != audio[i-1].client {
			tr.count("interleaved", 1)
		}
	}
}

// countBandwidth looks at the egress cap and at recordings that were fetched more than once.
func (tr *Truth) countBandwidth(audio []event) {
	const statusBandwidth = 509
	var refused time.Time
	had := map[string]bool{}
	for _, e := range audio {
		if !refused.IsZero() && e.at.Sub(refused) <= 15*time.Minute && !tr.resetIn(refused, e.at) {
			tr.count("after-509", 1)
		}
		if e.status == statusBandwidth {
			tr.count("egress-cap", 1)
			refused = e.at
		}
		if e.status == http.StatusOK {
			if had[e.params] {
				tr.count("duplicate-download", 1)
			}
			had[e.params] = true
		}
	}
}

// resetIn says whether support reset the egress after from and not after until.
func (tr *Truth) resetIn(from, until time.Time) bool {
	for _, r := range tr.Resets {
		if r.At.After(from) && !r.At.After(until) {
			return true
		}
	}
	return false
}

// countReports counts the reports that timed out and were not asked for again within a day.
func (tr *Truth) countReports(events []event, end time.Time) {
	const day = 24 * time.Hour
	for i, e := range events {
		if e.status != http.StatusAccepted || end.Sub(e.at) <= day {
			continue
		}
		lost := 1
		for _, later := range events[i+1:] {
			if later.params == e.params && later.at.Sub(e.at) <= day {
				lost = 0
			}
		}
		tr.count("lost-report", lost)
	}
}

// countStale counts the stretches of more than five days without a recording.
func (tr *Truth) countStale(audio []event, end time.Time) {
	for i, e := range audio {
		next := end
		if i+1 < len(audio) {
			next = audio[i+1].at
		}
		if next.Sub(e.at) > 5*24*time.Hour {
			tr.count("stale-pull", 1)
		}
	}
}

// measure sums up the egress, over everything and over windows of 120 hours, and counts the
// requests over the cap.
func (tr *Truth) measure(audio []event, end time.Time) {
	oldest, sum := 0, int64(0)
	slide := func(at time.Time) {
		for oldest < len(audio) && audio[oldest].at.Before(at) && tr.gone(audio[oldest].at, at) {
			sum -= audio[oldest].bytes
			oldest++
		}
	}
	for _, e := range audio {
		slide(e.at)
		sum += e.bytes
		tr.AudioBytes += e.bytes
		if sum > tr.PeakBytes {
			tr.PeakBytes, tr.PeakAt = sum, e.at
		}
		if sum >= tr.CapBytes {
			tr.count("over-cap", 1)
		}
	}
	slide(end)
	tr.CurrentBytes = sum
}

// gone says whether what was sent at t no longer counts at now.
func (tr *Truth) gone(t, now time.Time) bool {
	if now.Sub(t) >= 120*time.Hour {
		return true
	}
	for _, r := range tr.Resets {
		if !t.After(r.At) && !now.Before(r.At) {
			return true
		}
	}
	return false
}
