package ingest

import (
	"compress/flate"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// What http.Transport does when nobody asked for an encoding, done above it: ask for gzip, unpack
// the answer, and show the caller what http.Transport would have shown. The conditions are those of
// its documentation of DisableCompression and of Response.Uncompressed.

var onlyGzip = []string{"gzip"}

// wouldUnpack says that http.Transport would ask for gzip by itself. Other schemes than HTTP's have
// transports of their own behind it, which do not.
func wouldUnpack(req *http.Request) bool {
	return req.Method != http.MethodHead && req.Header != nil && req.URL != nil &&
		(req.URL.Scheme == "https" || req.URL.Scheme == "http") &&
		req.Header.Get("Accept-Encoding") == "" && req.Header.Get("Range") == ""
}

// acceptGzip is h and the request for gzip; h itself is the caller's and stays as it is.
func acceptGzip(h http.Header) http.Header {
	h = maps.Clone(h)
	h["Accept-Encoding"] = onlyGzip
	return h
}

func packed(resp *http.Response) bool {
	return resp.ContentLength != 0 && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip")
}

func hidePacking(resp *http.Response) {
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
}

// gunzip unpacks a body from its first Read on. Only Read touches the reader, so Close may come at
// any time.
type gunzip struct {
	wire   *wireBody
	http2  bool
	zr     *gzip.Reader
	err    error // of the reader, for good
	closed atomic.Bool
}

func (g *gunzip) Read(p []byte) (int, error) {
	if g.closed.Load() {
		return g.readClosed(p)
	}
	if g.zr == nil && g.err == nil {
		g.open()
	}
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.zr.Read(p)
	if err != nil {
		g.release(err)
	}
	return n, err
}

// readClosed gives the error that net/http gives: for HTTP/1 the body's own, for HTTP/2 that of a
// closed file.
func (g *gunzip) readClosed(p []byte) (int, error) {
	if g.http2 {
		return 0, fs.ErrClosed
	}
	return g.wire.body.Read(p)
}

func (g *gunzip) Close() error {
	g.closed.Store(true)
	return g.wire.Close()
}

func (g *gunzip) open() {
	g.zr = gzipReaders.Get().(*gzip.Reader)
	if err := g.zr.Reset(g.wire); err != nil {
		g.release(err)
	}
}

// release gives the reader back after its last use. Those of bodies closed early are left to the
// collector.
func (g *gunzip) release(err error) {
	g.err = err
	g.zr.Reset(nothing{}) //nolint:errcheck // drops the body; the error is the expected EOF
	gzipReaders.Put(g.zr)
	g.zr = nil
}

// gzipReaders saves some 40 kB an answer.
var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// nothing is empty input of the kind that gzip.Reader takes without wrapping it.
type nothing struct{}

var _ flate.Reader = nothing{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) ReadByte() (byte, error)  { return 0, io.EOF }
