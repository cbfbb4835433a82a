package ingest

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"

	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// ListRecorder is a Recorder that also takes what recording lists tell; *store.Recorder is one.
// RecordListed is called from many goroutines, must not block, and may keep the slice.
type ListRecorder interface {
	Recorder
	RecordListed([]store.Recording)
}

// tapBatch is how many recordings are handed on at a time.
const tapBatch = 256

// tap reads a recording list as it passes by on its way to the caller. It parses in a goroutine of
// its own, which takes each piece before the caller's Read returns, so nothing is held; what is no
// list is ignored from there on.
type tap struct {
	w    *io.PipeWriter
	done chan struct{}
}

// tapped says whether an answer is a recording list that can be read.
func (t *Transport) tapped(route *store.Route, resp *http.Response) bool {
	rule := &t.policy.Listing
	if t.lists == nil || rule.Class == "" || route.Class != rule.Class ||
		t.policy.Role(resp.StatusCode) != limits.RoleOK {
		return false
	}
	encoding := resp.Header.Get("Content-Encoding")
	return encoding == "" || strings.EqualFold(encoding, "gzip") ||
		strings.EqualFold(encoding, "identity")
}

// newTap starts to read a list of a tenant.
func (t *Transport) newTap(tenant string, packed bool) *tap {
	r, w := io.Pipe()
	x := &tap{w: w, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		// Whatever ends it, the caller's reads go on: writes to the pipe then fail at once.
		defer r.Close()
		var in io.Reader = r
		if packed {
			z, err := gzip.NewReader(r)
			if err != nil {
				return
			}
			in = z
		}
		t.list(tenant, in)
	}()
	return x
}

// list hands on the recordings of a list, up to where it ends or breaks off. Entries that cannot be
// taken are passed over: the list is the vendor's, and whoever imports it is told.
func (t *Transport) list(tenant string, in io.Reader) {
	var batch []store.Recording
	l := listing.NewReader(t.policy, bufio.NewReader(in), t.now())
	// Whatever ends it, and what follows the list, is nothing to us.
	_ = l.Each(func(r store.Recording, reason string) error {
		if reason != "" {
			return nil
		}
		r.Tenant = tenant
		if batch = append(batch, r); len(batch) == tapBatch {
			t.lists.RecordListed(batch)
			batch = nil
		}
		return nil
	})
	if len(batch) > 0 {
		t.lists.RecordListed(batch)
	}
}

// see gives the tap what the caller has read. With the last of it, it waits until everything is
// handed on.
func (x *tap) see(p []byte, last bool) {
	if len(p) > 0 {
		_, _ = x.w.Write(p) // an error says that there is nothing more to see
	}
	if last {
		_ = x.w.Close() // never fails
		<-x.done
	}
}
