package ingest

import (
	"io"
	"net/http"
	"strings"
	"sync"
)

// maxRehash is the most, in bytes, that is read anew to learn the parameters of a body that was not
// sent whole.
const maxRehash = 1 << 20

// upload is a request's body on its way out. The base may still be sending when the answer is
// already there.
type upload struct {
	body   io.ReadCloser
	length int64 // as announced; 0 or less for unknown

	mu     sync.Mutex // guards the rest
	params *Params
	n      int64
	ended  bool
	closed bool
	broken bool // the caller's own fault: his body could not be read
}

// watchUpload puts a counting body into out, which is the transport's copy. A base that sends a
// body again takes a fresh one from GetBody: then the last one is what was sent.
func (x *exchange) watchUpload(out *http.Request) {
	out.Body = x.newUpload(out.Body)
	getBody := out.GetBody
	if getBody == nil {
		return
	}
	out.GetBody = func() (io.ReadCloser, error) {
		body, err := getBody()
		if err != nil || body == nil || body == http.NoBody {
			return body, err
		}
		return x.newUpload(body), nil
	}
}

func (x *exchange) newUpload(body io.ReadCloser) *upload {
	u := &upload{body: body, length: x.origin.ContentLength, params: x.freshParams(newParams(x.t.key))}
	x.upload.Store(u)
	return u
}

// Read reads the caller's body.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.body.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.params.Write(p[:n]) //nolint:errcheck // never fails
	u.n += int64(n)
	u.ended = u.ended || err == io.EOF
	u.broken = u.broken || err != nil && err != io.EOF && !u.closed
	return n, err
}

// Close closes the caller's body.
func (u *upload) Close() error {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	return u.body.Close()
}

func (u *upload) isBroken() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.broken
}

func (u *upload) count() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n
}

// params is the attempt's store.Request.Params: "" where method and kept URL say everything, or the
// policy lets nothing be kept, since a number can be guessed from its digest by whoever has the
// key.
func (x *exchange) params() string {
	if x.t.policy.IsPersonal(x.row.Route.Class) {
		return ""
	}
	u := x.upload.Load()
	if u == nil {
		return x.urlParams()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	whole := u.ended || u.length > 0 && u.n >= u.length
	switch {
	case whole && u.n == 0:
		return x.urlParams()
	case whole:
		return u.params.Sum()
	}
	if sum, ok := x.rehash(); ok {
		return sum
	}
	// What was not sent is unknown. Two bodies cut at the same place compare as equal, a whole one
	// differs.
	u.params.Write([]byte("\x00cut short")) //nolint:errcheck // never fails
	return u.params.Sum()
}

// urlParams is the digest of a request without a body.
func (x *exchange) urlParams() string {
	if x.lossless {
		return ""
	}
	if x.digest != nil {
		if sum := x.digest.Load(); sum != nil {
			return *sum
		}
	}
	p := x.t.params.Get().(*Params)
	defer x.t.params.Put(p)
	sum := x.freshParams(p).Sum()
	if x.digest != nil {
		known := sum
		x.digest.Store(&known)
	}
	return sum
}

// rehash reads a fresh copy of a body that the server did not want whole, if the caller can give
// one and it is small.
func (x *exchange) rehash() (sum string, ok bool) {
	req := x.origin
	if req.GetBody == nil || req.ContentLength <= 0 || req.ContentLength > maxRehash {
		return "", false
	}
	body, err := req.GetBody()
	if err != nil {
		return "", false
	}
	defer body.Close()
	p := x.freshParams(newParams(x.t.key))
	n, err := io.Copy(p, io.LimitReader(body, maxRehash))
	return p.Sum(), err == nil && n == req.ContentLength
}

func (x *exchange) freshParams(p *Params) *Params {
	host, path, query := "", "", ""
	if u := x.origin.URL; u != nil {
		host = hostOf(u.Scheme, u.Host)
		path, query = u.EscapedPath(), u.RawQuery
		if u.Opaque != "" {
			path, query = pathAndQuery(strings.TrimPrefix(u.RequestURI(), u.Scheme+":"))
		}
	}
	p.reset(x.origin.Method, host, path, query)
	return p
}
