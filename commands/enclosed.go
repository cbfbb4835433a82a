package commands

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/6dcca832/headroom/store"
)

// enclosingVariable is how a "headroom run" tells those inside it that their calls are recorded, and where.
const enclosingVariable = "HEADROOM_RUN"

// enclosure is a "headroom run" around this process.
type enclosure struct {
	addr       string // of its proxy
	paced, all bool   // as its flags say
	db         string // its log
}

func (e enclosure) variable() string {
	db := e.db
	if abs, err := filepath.Abs(db); err == nil {
		db = abs
	}
	return fmt.Sprintf("%s=%s %t %t %s", enclosingVariable, e.addr, e.paced, e.all, db)
}

// enclosing is the "headroom run" whose proxy this process's calls go through, if it records them in the same log: once
// more would count them twice. Else it is nil.
func (s *session) enclosing() *enclosure {
	parts := strings.SplitN(os.Getenv(enclosingVariable), " ", 4)
	if len(parts) < 4 || os.Getenv("HTTPS_PROXY") != "http://"+parts[0] {
		return nil
	}
	own, err := os.Stat(s.store.Path())
	outer, outerErr := os.Stat(parts[3])
	if err != nil || outerErr != nil || !os.SameFile(own, outer) {
		return nil
	}
	return &enclosure{parts[0], parts[1] == "true", parts[2] == "true", parts[3]}
}

// runInside runs a program whose calls the outer "headroom run" records.
func (s *session) runInside(outer *enclosure, o runOptions, signals <-chan os.Signal) error {
	if o.pace && !outer.paced || o.all && !outer.all || o.roots != nil || len(o.upstreams) > 0 {
		return errors.New("another \"headroom run\" around this one records the calls on this database: give the flags to that one")
	}
	s.tell("headroom: recorded, and named, by the \"headroom run\" around this one")
	return runChild(s.streams, o.command, os.Environ(), signals)
}

// unrecorded takes what another process records.
type unrecorded struct{}

// Record does nothing.
func (unrecorded) Record(store.Request) {}

// recordsElsewhere says that a request goes through the proxy of an outer "headroom run" on the same log, which records
// it: without --all, it knows the hosts of the policy and of the config only.
func (s *session) recordsElsewhere(r *http.Request) bool {
	proxy, err := http.ProxyFromEnvironment(r)
	if err != nil || proxy == nil {
		return false
	}
	outer := s.enclosing()
	return outer != nil && (outer.all || s.tenantOf(r.URL) != "")
}
