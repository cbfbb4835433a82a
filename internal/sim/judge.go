package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// judge finds the answer to a request, in the order that the package comment gives. It fills in the
// entry's User and Class. The lock is held.
func (t *tenant) judge(r *http.Request, body []byte, e *Entry) *answer {
	name, u := t.userOf(r)
	if u == nil {
		return refuse(http.StatusUnauthorized,
			"the bearer token is missing or invalid").with("WWW-Authenticate", "Bearer")
	}
	e.User = name
	c, ok := route(r.URL.Path)
	if !ok {
		return refuse(http.StatusNotFound, "there is no such resource")
	}
	e.Class, c.body = c.class, body
	c.from = rangeStart(r.Header.Get("Range"))
	if !u.may(c.class) {
		return refuse(http.StatusForbidden, "the Service User lacks the role")
	}
	if r.Method != c.method {
		return refuse(http.StatusMethodNotAllowed, "use %s", c.method).with("Allow", c.method)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refuse(http.StatusBadRequest, "the query is malformed")
	}
	c.query = query
	return t.judgeFaults(c, e.Time)
}

// judgeFaults applies the frequency rule and the injected faults to a call that may be made.
func (t *tenant) judgeFaults(c call, now time.Time) *answer {
	if bad := malformed(c); bad != nil {
		return bad
	}
	if c.class == ClassAudio {
		if wait := t.meter.tooSoon(now, t.cfg.Interval, t.cfg.CountRefused); wait > 0 {
			return tooMany(wait, t.cfg.RetryAfter)
		}
	}
	for i := range t.cfg.Faults {
		if f := &t.cfg.Faults[i]; f.fits(c.class, now) {
			return t.fail(f, c, now)
		}
	}
	return t.answer(c, now)
}

// fail answers as the fault says.
func (t *tenant) fail(f *Fault, c call, now time.Time) *answer {
	if f.Body != "" {
		return &answer{
			status: http.StatusOK,
			header: map[string]string{"Content-Type": audioType},
			body:   []byte(f.Body),
		}
	}
	if f.Pause > 0 {
		a := t.answer(c, now)
		a.pause = f.Pause
		return a
	}
	if f.CutAfter > 0 {
		a := t.answer(c, now)
		a.cut = min(f.CutAfter, max(0, a.size()-1))
		return a
	}
	if f.Status == 0 {
		return &answer{drop: true}
	}
	a := refuse(f.Status, "the vendor has a bad day")
	if f.RetryAfter > 0 {
		a.retryAfter(f.RetryAfter)
	}
	return a
}

// malformed refuses a call whose query or body does not have the right form.
func malformed(c call) *answer {
	switch c.class {
	case ClassList:
		if _, _, err := listRange(c.query); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	case ClassReport:
		if _, err := parseReport(c.body); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	case ClassDial, ClassCallback:
		if _, err := parseAction(c.class, c.body); err != nil {
			return refuse(http.StatusBadRequest, "%v", err)
		}
	}
	return nil
}

// answer answers a well-formed call.
func (t *tenant) answer(c call, now time.Time) *answer {
	switch c.class {
	case ClassList:
		return t.list(c, now)
	case ClassAudio:
		return t.audio(c, now)
	case ClassReport:
		if !slices.Contains(t.cfg.Reports, c.id) {
			return refuse(http.StatusNotFound, "there is no such report")
		}
		return t.reports.answer(c, now)
	case ClassDial, ClassCallback:
		return t.act(c)
	}
	return inJSON(map[string]any{"agents": t.cfg.Agents, "first": agentName(0), "skills": skills})
}

// list answers with the recordings of the time range that have ended and are still kept.
func (t *tenant) list(c call, now time.Time) *answer {
	from, until, err := listRange(c.query)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	if oldest := now.Add(-kept); from.Before(oldest) {
		from = oldest
	}
	if until.After(now) {
		until = now
	}
	list := t.calls.between(from, until)
	list = slices.DeleteFunc(list, func(r Recording) bool { return !t.there(&r, now) })
	if n := t.cfg.ListLimit; n > 0 && len(list) > n {
		list = list[:n]
	}
	for i := range list {
		if t.cfg.Mislisted > 0 && t.draws(list[i].RecordingKey, "mislisted", t.cfg.Mislisted) {
			list[i].Size++
		}
	}
	return inJSON(list)
}

// there says whether a recording has appeared by now.
func (t *tenant) there(r *Recording, now time.Time) bool {
	at := r.End()
	if t.cfg.Late > 0 {
		at = at.Add(time.Duration(hash(t.cfg.Seed, r.RecordingKey, "late") % uint64(t.cfg.Late)))
	}
	return !at.After(now)
}

// draws says whether a recording is of a share of all.
func (t *tenant) draws(key, of string, share float64) bool {
	const steps = 1 << 20
	return float64(hash(t.cfg.Seed, key, of)%steps) < share*steps
}

// audioType is the media type of recordings.
const audioType = "audio/wav"

// audio answers with a recording's bytes, or with where they are, while there is egress left.
func (t *tenant) audio(c call, now time.Time) *answer {
	r := t.calls.find(c.id)
	if r == nil || !t.there(r, now) || r.Start().Before(now.Add(-kept)) {
		return refuse(http.StatusNotFound, "there is no such recording")
	}
	if t.meter.rolling(now) >= t.cfg.CapBytes {
		return refuse(statusBandwidth, "the 5-day rolling recording egress cap has been reached")
	}
	if t.cfg.Storage {
		a := &answer{status: http.StatusFound, body: []byte("moved")}
		return a.with("Location", storageURL(t.cfg.Name, c.id))
	}
	return audioFrom(r.Size, c.from)
}

// audioFrom is a recording's bytes from an offset on.
func audioFrom(size, from int64) *answer {
	a := &answer{
		status: http.StatusOK,
		header: map[string]string{"Content-Type": audioType},
		audio:  size,
	}
	if from > 0 && from < size {
		a.status, a.audio = http.StatusPartialContent, size-from
		a.with("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
	}
	return a
}

// act answers a request that makes the vendor do something.
func (t *tenant) act(c call) *answer {
	if !t.knows(c) {
		return refuse(http.StatusNotFound, "there is no such agent or skill")
	}
	number, err := parseAction(c.class, c.body)
	if err != nil || !isNumber(number) {
		return refuse(http.StatusUnprocessableEntity, "that is not a telephone number")
	}
	return &answer{status: http.StatusNoContent}
}

// knows says whether the tenant has the agent or skill that the path names.
func (t *tenant) knows(c call) bool {
	if c.class == ClassCallback {
		return slices.Contains(skills, c.id)
	}
	n, err := strconv.Atoi(c.id)
	return err == nil && n >= firstExtension && n < firstExtension+t.cfg.Agents
}
