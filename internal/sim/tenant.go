package sim

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is a line of the vendor's own log: one request as the vendor saw it.
type Entry struct {
	// Tenant is the hostname, User the Service User whose token came; "" means no valid token.
	Tenant, User string
	// Time is when the request arrived, by the tenant's clock.
	Time time.Time
	// Class is "" where the path is unknown or the token was refused.
	Class        Class
	Method, Path string
	// Status is 0 where the connection was broken without an answer.
	Status int
	// Bytes are the body bytes that were really sent.
	Bytes int64
	// Complete says that the whole body was sent.
	Complete bool

	planned int64
}

// user is a Service User.
type user struct {
	token string
	turn  int // how many tokens it has had
	roles []Class
}

// tenant is one organisation at the vendor.
type tenant struct {
	cfg Config

	mu      sync.Mutex
	idle    *sync.Cond // signalled when an answer has been sent
	serving int        // answers being sent
	users   map[string]*user
	calls   calls
	meter   meter
	reports reports
	log     []*Entry
}

func newTenant(cfg Config) *tenant {
	t := &tenant{cfg: cfg, users: map[string]*user{}}
	t.idle = sync.NewCond(&t.mu)
	t.calls = calls{cfg: cfg, days: map[string][]Recording{}}
	t.reports = reports{cfg: cfg, ready: map[uint64]time.Time{}}
	return t
}

// issue gives the Service User a new token and makes its old one worthless.
func (t *tenant) issue(name string, u *user) string {
	u.turn++
	u.token = fmt.Sprintf("Canary-%016x", hash(t.cfg.Seed, t.cfg.Name, name, fmt.Sprint(u.turn)))
	t.users[name] = u
	return u.token
}

// userOf finds whose token the request carries; it returns nil for none and for a wrong one.
func (t *tenant) userOf(r *http.Request) (string, *user) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	for name, u := range t.users {
		if ok && u.token == token {
			return name, u
		}
	}
	return "", nil
}

// may says whether the Service User has the role for class c.
func (u *user) may(c Class) bool { return len(u.roles) == 0 || slices.Contains(u.roles, c) }

// serve answers one request whose body has been read already.
func (t *tenant) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	a, entry, cost := t.decide(r, body)
	a.at(entry.Time)
	complete := false
	sent := entry.planned
	defer func() { t.finish(entry, cost, sent, complete) }()
	a.send(w, func(n int64) {
		sent = n
		complete = !a.drop && a.cut == 0 && n == entry.planned
	})
}

// decide judges a request and books its answer as if all of it had been sent already: whoever comes
// next is judged by what was promised, however fast the bytes flow.
func (t *tenant) decide(r *http.Request, body []byte) (*answer, *Entry, *spending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serving++
	entry := &Entry{Tenant: t.cfg.Name, Time: t.cfg.Now(), Method: r.Method, Path: r.URL.Path}
	t.log = append(t.log, entry)
	a := t.judge(r, body, entry)
	entry.planned = a.size()
	if entry.Status = a.status; a.drop {
		entry.Status = 0
	}
	var cost *spending
	if entry.Class == ClassAudio {
		cost = t.meter.spend(entry.Time, entry.planned)
	}
	return a, entry, cost
}

// finish corrects what decide has booked by what was really sent.
func (t *tenant) finish(e *Entry, cost *spending, sent int64, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.Bytes, e.Complete = sent, complete
	if cost != nil {
		t.meter.correct(cost, sent)
	}
	t.serving--
	t.idle.Broadcast()
}

// quiet waits, with the lock held, until no answer is being sent.
func (t *tenant) quiet() {
	for t.serving > 0 {
		t.idle.Wait()
	}
}
