package ingest

import (
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Recorder takes finished requests. Record is called on the caller's goroutine, from many at once:
// it must not block and has no way to fail. What it cannot keep it counts as dropped, as
// store.Recorder does.
type Recorder interface{ Record(store.Request) }

// Transport is an http.RoundTripper that hands each attempt to a Recorder and leaves everything
// else to its base. Put it innermost, below whatever retries or caches, so that every attempt is a
// row.
//
// The caller's request is never modified, the answer and the error are the base's own, and a body
// is counted as it is read, never buffered. An attempt is recorded exactly once: when it fails,
// when its answer has no body, or when the body reaches its last byte, breaks or is closed; after
// 101 Switching Protocols, when it is closed. A body that is neither read to its end nor closed is
// never recorded; net/http would leak its connection too. Bytes read by a Read that a concurrent
// Close interrupts may be missing from the count.
//
// Of recording lists that pass by, as the policy describes them, it tells a ListRecorder key,
// start, length and size of each recording, and nothing else.
//
// Where the base, an *http.Transport, would have asked for gzip and unpacked it unseen, Transport
// does both itself, in the same way, since the vendor counts the packed bytes. Under any other base
// that unpacks, packed bytes cannot be known and the unpacked ones are counted.
type Transport struct {
	base    http.RoundTripper
	rec     Recorder
	lists   ListRecorder // rec, where it takes recording lists
	policy  *limits.Policy
	key     []byte
	tenant  string
	client  string
	source  *store.Source
	clock   func() time.Time
	unpacks bool
	headers headers
	pacer   *Pacer
	pace    func(*limits.Policy) *Pacer // see WithPace

	urls   urlCache
	params sync.Pool // of *Params with key
}

// Option changes what NewTransport makes.
type Option func(*Transport)

// WithPolicy sets the policy that says what of a URL may be kept, and its class. By default, the
// built-in "xima".
func WithPolicy(p *limits.Policy) Option { return func(t *Transport) { t.policy = p } }

// WithHashKey sets the key of the parameters' digests, which is the database file's own: with
// another key the same request of another run is not recognised. By default, a random key that
// lives as long as the Transport.
func WithHashKey(key []byte) Option {
	return func(t *Transport) { t.key = append([]byte(nil), key...) }
}

// WithTenant names the tenant of requests to hosts that no pattern of the policy fits, such as a
// test server. A host that a pattern fits keeps its own tenant: one client may serve many. The
// class of such requests is the policy's matter. By default, the host's name is used.
func WithTenant(name string) Option { return func(t *Transport) { t.tenant = name } }

// WithClient names the program or host that sends the requests. What looks like a secret or like
// somebody's number or address is not kept, nor a host's name, see package privacy. By default, "",
// which means unknown.
func WithClient(name string) Option {
	return func(t *Transport) { t.client = name }
}

// WithSource sets the source the requests are stored under; of its name and kind, what looks like a
// secret or like somebody's number or address is not kept. By default, one of kind "transport"
// without a name.
func WithSource(s *store.Source) Option { return func(t *Transport) { t.source = s } }

// WithClock sets the clock for starts, durations and the time left to a Retry-After date. By
// default, time.Now, with durations taken from the monotonic clock.
func WithClock(now func() time.Time) Option { return func(t *Transport) { t.clock = now } }

// NewTransport makes a Transport over base, where nil means the http.DefaultTransport of this
// moment. It panics on a nil Recorder, since requests would otherwise go unrecorded without a word.
func NewTransport(base http.RoundTripper, rec Recorder, opts ...Option) *Transport {
	if rec == nil {
		panic("ingest: NewTransport needs a Recorder")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	t := &Transport{base: base, rec: rec}
	for _, opt := range opts {
		opt(t)
	}
	if t.policy == nil {
		t.policy = builtinPolicy()
	}
	if t.key == nil {
		t.key = make([]byte, 32)
		rand.Read(t.key) // never fails
	}
	t.headers.set(t.policy)
	if t.pace != nil {
		t.pacer = t.pace(t.policy)
	}
	t.client = privacy.Client(t.client, t.key).Or(privacy.Redacted)
	source := store.Source{Kind: "transport"}
	if t.source != nil {
		source = *t.source
	}
	source.Kind, source.Name = privacy.Note(source.Kind), privacy.File(source.Name)
	t.source = &source
	t.lists, _ = rec.(ListRecorder)
	if h, ok := base.(*http.Transport); ok {
		t.unpacks = !h.DisableCompression
	}
	t.params.New = func() any { return newParams(t.key) }
	return t
}

// RoundTrip sends req through the base and records the attempt.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{t: t, origin: req}
	x.describe(req)
	answered, err := t.pacer.start(req, x.row.Route.Class, x.row.Tenant)
	if err != nil {
		return nil, err
	}
	out, unpack := t.outgoing(req, x)

	x.start = t.now()
	resp, err := t.base.RoundTrip(out)
	answered()
	if err != nil || resp == nil {
		x.failed(err)
		return resp, err
	}
	if resp.Request == out {
		resp.Request = req
	}
	x.answered(resp)
	if !hasBody(req, resp) {
		x.finish(nil)
		return resp, nil
	}
	x.watch(resp, unpack)
	return resp, nil
}

// CloseIdleConnections passes the call of http.Client on to the base.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// outgoing is the request for the base: req itself, or a shallow copy where its body must be
// watched or gzip asked for. unpack says the latter.
func (t *Transport) outgoing(req *http.Request, x *exchange) (out *http.Request, unpack bool) {
	unpack = t.unpacks && wouldUnpack(req)
	upload := req.Body != nil && req.Body != http.NoBody
	if !unpack && !upload {
		return req, false
	}
	out = req.WithContext(req.Context())
	if unpack {
		out.Header = acceptGzip(req.Header)
	}
	if upload {
		x.watchUpload(out)
	}
	return out, unpack
}

// hasBody says that there is something to wait for after the answer's header.
func hasBody(req *http.Request, resp *http.Response) bool {
	switch {
	case resp.Body == nil, resp.Body == http.NoBody:
		return false
	case resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		return false
	}
	return req.Method != http.MethodHead
}

func (t *Transport) now() time.Time {
	if t.clock != nil {
		return t.clock()
	}
	return time.Now()
}

// since is the time since start in microseconds, at least 1, because 0 means unknown.
func (t *Transport) since(start time.Time) int64 {
	if t.clock != nil {
		return max(1, t.clock().Sub(start).Microseconds())
	}
	return max(1, time.Since(start).Microseconds())
}

// builtinPolicy panics when the embedded policy cannot be read, which no input can bring about.
func builtinPolicy() *limits.Policy {
	p, err := limits.Builtin("xima")
	if err != nil {
		panic(err)
	}
	return p
}
