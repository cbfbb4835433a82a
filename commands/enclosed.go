package commands

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/6dcca832/headroom/store"
)

// ownProxy is the address that HTTPS_PROXY leads to, where that is on this machine: it may be an
// outer run's. "" means that there is none.
func ownProxy() string {
	u, err := url.Parse(os.Getenv("HTTPS_PROXY"))
	if err != nil || u.Scheme != "http" || !net.ParseIP(u.Hostname()).IsLoopback() {
		return ""
	}
	return u.Host
}

// outerRun is the "headroom run" whose proxy this process's calls go through, if it records them in
// the same log: once more would count them twice. Else it is nil.
func (s *session) outerRun() *about {
	addr := ownProxy()
	if addr == "" {
		return nil
	}
	outer := findRun(addr, folderOf(s.store.Path()))
	if outer == nil || !sameLog(s.store.Path(), outer.DB) {
		return nil
	}
	return outer
}

// runInside runs a program whose calls the outer "headroom run" records.
func (s *session) runInside(outer *about, o runOptions, signals <-chan os.Signal) error {
	if o.pace && !outer.Paced || o.all && !outer.All || o.roots != nil || len(o.upstreams) > 0 {
		return errors.New(
			"another \"headroom run\" around this one records the calls on this database: give the flags to that one")
	}
	s.tell("headroom: recorded, and named, by the \"headroom run\" around this one")
	return runChild(s.streams, o.command, programEnvironment(), signals)
}

// unrecorded takes what another process records.
type unrecorded struct{}

// Record does nothing.
func (unrecorded) Record(store.Request) {}

// recordsElsewhere says that a request goes through the proxy of an outer "headroom run" on the
// same log, which records it: without --all, it knows the hosts of the policy and of the config
// only.
func (s *session) recordsElsewhere(r *http.Request) bool {
	proxy, err := environmentProxy()(r)
	if err != nil || proxy == nil {
		return false
	}
	outer := s.outerRun()
	return outer != nil && (outer.All || s.tenantOf(r.URL) != "")
}
