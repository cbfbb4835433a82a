package sim

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Domain is what follows a tenant's name in its host name.
const Domain = ".xima.cloud"

// maxBody is the longest request body that the vendor reads, in bytes.
const maxBody = 1 << 20

// Vendor is the vendor's API for a number of tenants. The Host header says which of them a request
// is for. It may be used by several goroutines.
type Vendor struct {
	tenants map[string]*tenant
}

var _ http.Handler = (*Vendor)(nil)

// NewVendor makes a vendor with the given tenants. It fails for a Config that makes no sense and
// for two of one name.
func NewVendor(configs ...Config) (*Vendor, error) {
	v := &Vendor{tenants: map[string]*tenant{}}
	for _, c := range configs {
		cfg, err := c.filled()
		if err != nil {
			return nil, err
		}
		if v.tenants[cfg.Name] != nil {
			return nil, fmt.Errorf("configure tenant %q: named twice", cfg.Name)
		}
		v.tenants[cfg.Name] = newTenant(cfg)
	}
	return v, nil
}

// ServeHTTP answers a request for any of the tenants, and 404 for others.
func (v *Vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.EqualFold(r.Host, StorageHost) {
		v.serveStorage(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	t, err := v.tenant(hostname(r.Host))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	t.serve(w, r, body)
}

// hostname is the tenant's name in a Host header, or "" for another vendor's host.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	name, ok := strings.CutSuffix(strings.ToLower(host), Domain)
	if !ok {
		return ""
	}
	return name
}

func (v *Vendor) tenant(name string) (*tenant, error) {
	if t := v.tenants[name]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("find tenant %q: no such tenant", name)
}

// must is tenant for the methods that tests and stories call, where a wrong name is a programmer's
// mistake.
func (v *Vendor) must(name string) *tenant {
	t, err := v.tenant(name)
	if err != nil {
		panic(err)
	}
	return t
}

// AddUser makes a Service User and returns its token. It may do everything, or only what roles
// lists. Like all methods that take a tenant's name, it panics where there is no such tenant.
func (v *Vendor) AddUser(tenant, name string, roles ...Class) (token string) {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.issue(name, &user{roles: roles})
}

// RefreshToken gives a Service User a new token; the old one is invalid at once. It panics for an
// unknown user.
func (v *Vendor) RefreshToken(tenant, user string) (token string) {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.issue(user, t.users[user])
}

// Reset is support's answer to a plea: the tenant's rolling egress starts anew. It returns the
// tenant's time.
func (v *Vendor) Reset(tenant string) time.Time {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet()
	t.meter.reset()
	return t.cfg.Now()
}

// Rolling is the tenant's egress over the last 5 days, in bytes, as the vendor counts it.
func (v *Vendor) Rolling(tenant string) int64 {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet()
	return t.meter.rolling(t.cfg.Now())
}

// Cap is the tenant's rolling egress cap, in bytes.
func (v *Vendor) Cap(tenant string) int64 { return v.must(tenant).cfg.CapBytes }

// Recordings are the tenant's recordings that start in [from, until), whether or not they have been
// made yet.
func (v *Vendor) Recordings(tenant string, from, until time.Time) []Recording {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls.between(from, until)
}

// Log returns the vendor's own log of the tenant, in order of arrival. It waits for answers that
// are still being sent.
func (v *Vendor) Log(tenant string) []Entry {
	t := v.must(tenant)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.quiet()
	entries := make([]Entry, len(t.log))
	for i, e := range t.log {
		entries[i] = *e
	}
	return entries
}
