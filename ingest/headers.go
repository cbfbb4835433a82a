package ingest

import (
	"math"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// headers are what a Transport keeps of an answer's header: the vendor's id of the request, by
// which its support can find it, and how far its clock is from ours.
type headers struct {
	ids  []string // in canonical form, as a Header has them
	date string
	last atomic.Pointer[parsedDate]
}

// parsedDate is the last Date that was read: most answers have the same as the one before.
type parsedDate struct {
	text string
	at   time.Time
}

func (h *headers) set(p *limits.Policy) {
	for _, name := range p.Headers.VendorID {
		h.ids = append(h.ids, textproto.CanonicalMIMEHeaderKey(name))
	}
	h.date = textproto.CanonicalMIMEHeaderKey(p.Headers.Date)
}

// vendorID is the first id that an answer has, "" where it has none that may be kept. It shares no
// memory with the header.
func (t *Transport) vendorID(h http.Header) string {
	for _, name := range t.headers.ids {
		if values := h[name]; len(values) > 0 && t.policy.MayKeepID(values[0]) {
			return strings.Clone(values[0])
		}
	}
	return ""
}

// dateSkew is the answer's Date less our clock when it came.
func (t *Transport) dateSkew(h http.Header, now time.Time) store.Seconds {
	values := h[t.headers.date]
	if t.headers.date == "" || len(values) == 0 {
		return store.Seconds{}
	}
	d := t.headers.last.Load()
	if d == nil || d.text != values[0] {
		at, err := http.ParseTime(values[0])
		if err != nil {
			return store.Seconds{}
		}
		d = &parsedDate{strings.Clone(values[0]), at}
		t.headers.last.Store(d)
	}
	skew := d.at.Sub(now).Seconds()
	if math.Abs(skew) > float64(MaxRetryAfter) {
		return store.Seconds{} // a clock that nobody set
	}
	return store.Seconds{N: int64(math.Round(skew)), Known: true}
}
