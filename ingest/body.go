package ingest

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/6dcca832/headroom/store"
)

// exchange is one attempt from its start to its record. It becomes the answer's body, so that an
// attempt costs one allocation.
//
// It does not pass on an io.WriterTo: the bodies of net/http have none, and a copy through Read
// costs the same.
type exchange struct {
	t        *Transport
	origin   *http.Request // the caller's
	start    time.Time
	row      store.Request
	lossless bool                    // the row says all of the URL
	digest   *atomic.Pointer[string] // see keptURL.params

	upload  atomic.Pointer[upload] // nil without a request body
	written atomic.Int64           // bytes sent after 101
	wire    wireBody
	from    io.ReadCloser // &wire, or what unpacks it
	tap     *tap          // nil but for recording lists
	done    atomic.Bool
}

// answered notes what is known once the answer's header is there.
func (x *exchange) answered(resp *http.Response) {
	x.row.FirstByte = x.t.since(x.start)
	x.row.Status = resp.StatusCode
	if after := resp.Header["Retry-After"]; len(after) > 0 {
		x.row.RetryAfter = RetryAfter(after[0], x.t.now)
	}
	x.row.VendorID = x.t.vendorID(resp.Header)
	x.row.DateSkew = x.t.dateSkew(resp.Header,
		x.start.Add(time.Duration(x.row.FirstByte)*time.Microsecond))
}

// failed records an attempt that got no answer.
func (x *exchange) failed(err error) {
	if err == nil {
		err = errNoAnswer
	}
	x.row.Error = errorClass(err, x.origin)
	if u := x.upload.Load(); u != nil && u.isBroken() {
		x.row.Error = "cancelled" // whatever became of it then
	}
	x.finish(nil)
}

// watch puts the exchange in the place of the answer's body.
func (x *exchange) watch(resp *http.Response, unpack bool) {
	x.wire.body, x.wire.length = resp.Body, resp.ContentLength
	x.from = &x.wire
	if w, ok := resp.Body.(io.Writer); ok {
		resp.Body = &upgraded{exchange: x, w: w}
		return
	}
	if unpack && packed(resp) {
		x.from = &gunzip{wire: &x.wire, http2: resp.ProtoMajor == 2}
		hidePacking(resp)
	}
	if x.t.tapped(x.row.Route, resp) {
		x.tap = x.t.newTap(x.row.Tenant, packed(resp))
	}
	resp.Body = x
}

// Read reads the answer's body and records the attempt with its last byte, or its error.
func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.from.Read(p)
	if x.tap != nil {
		x.tap.see(p[:n], err != nil || x.from == &x.wire && x.wire.complete())
	}
	if err != nil || x.wire.complete() {
		x.finish(err)
	}
	return n, err
}

// Close closes the answer's body and records the attempt unless its end was seen.
func (x *exchange) Close() error {
	err := x.from.Close()
	if x.tap != nil {
		x.tap.see(nil, true)
	}
	x.finish(nil)
	return err
}

// finish records the attempt the first time it is called. An err of io.EOF is the end, not an
// error.
func (x *exchange) finish(err error) {
	if !x.done.CompareAndSwap(false, true) {
		return
	}
	r := &x.row
	r.StartedAt = max(1, x.start.UnixMicro())
	r.Duration = x.t.since(x.start)
	r.ResponseBytes = x.wire.n.Load()
	// That has no length.
	r.CutShort = x.wire.body != nil && !x.wire.complete() && r.Status != http.StatusSwitchingProtocols
	r.RequestBytes = x.written.Load()
	if u := x.upload.Load(); u != nil {
		r.RequestBytes += u.count()
	}
	if err != nil && err != io.EOF {
		r.Error = errorClass(err, x.origin)
	}
	r.Params = x.params()
	x.t.rec.Record(*r)
}

// wireBody counts an answer's body as it comes off the connection. One goroutine reads, another may
// close.
type wireBody struct {
	body   io.ReadCloser
	length int64 // -1 for unknown
	n      atomic.Int64
	ended  atomic.Bool
}

func (w *wireBody) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.n.Add(int64(n))
	if err == io.EOF {
		w.ended.Store(true)
	}
	return n, err
}

func (w *wireBody) Close() error { return w.body.Close() }

// complete says that the end was seen, or as many bytes as were announced. A length of 0 beside a
// body that is there comes from a base that leaves it unset, and says nothing.
func (w *wireBody) complete() bool {
	return w.ended.Load() || w.length > 0 && w.n.Load() >= w.length
}

// upgraded is the body of an answer that can be written to, as after 101 Switching Protocols.
type upgraded struct {
	*exchange
	w io.Writer
}

// Read reads without recording anything: after the last byte of one direction there may be more in
// the other, so an upgraded exchange is over when it is closed.
func (u *upgraded) Read(p []byte) (int, error) { return u.from.Read(p) }

// Write sends p; its bytes count as the request's. They count before they are sent, because what
// they bring back may end the exchange before this returns.
func (u *upgraded) Write(p []byte) (int, error) {
	u.written.Add(int64(len(p)))
	n, err := u.w.Write(p)
	u.written.Add(int64(n - len(p)))
	return n, err
}

// CloseWrite passes the call on, as http.Transport's own body does.
func (u *upgraded) CloseWrite() error {
	if c, ok := u.w.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return http.ErrNotSupported
}
