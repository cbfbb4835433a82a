package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
)

// paramsBytes is how much of the HMAC is kept: 16 bytes make an accidental match among billions of
// requests unlikely, and cost a row half of what the whole would.
const paramsBytes = 16

// Params computes store.Request.Params, by which the audit tells "the same parameters" without
// knowing them:
//
//	first 16 bytes of HMAC-SHA-256(key, method NUL host NUL path NUL query NUL body),
//	in lower-case hexadecimal
//
// The key belongs to one database file, so the digests of two files cannot be compared, and nobody
// without the file can test a guess of a phone number against them. The host is in lower case, with
// a port that is not the scheme's own. Scheme, userinfo and fragment take no part. A Params is not
// safe for concurrent use.
type Params struct {
	mac  hash.Hash
	head []byte
	sum  [sha256.Size]byte
}

// NewParams starts the digest of a request whose body is then written to it. The url may be
// absolute or begin with its path, for which no host counts; path and query are taken as they are
// spelled, never decoded, and an empty path counts as "/", as it does on the wire. An empty method
// means GET. A nil key is a key too, though not a secret one.
func NewParams(key []byte, method, url string) *Params {
	p := newParams(key)
	path, query := pathAndQuery(url)
	p.reset(method, hostIn(url), path, query)
	return p
}

func newParams(key []byte) *Params { return &Params{mac: hmac.New(sha256.New, key)} }

// Write adds a piece of the request's body. It never fails.
func (p *Params) Write(b []byte) (int, error) { return p.mac.Write(b) }

// Sum is the digest of what was written so far: 32 lower-case hexadecimal digits. More may be
// written after it.
func (p *Params) Sum() string { return hex.EncodeToString(p.mac.Sum(p.sum[:0])[:paramsBytes]) }

// reset starts over for another request under the same key. NUL ends each field, as none can hold
// one.
func (p *Params) reset(method, host, path, query string) {
	if method == "" {
		method = "GET"
	}
	if path == "" {
		path = "/"
	}
	p.head = append(append(p.head[:0], strings.ToUpper(method)...), 0)
	p.head = append(append(p.head, host...), 0)
	p.head = append(append(p.head, path...), 0)
	p.head = append(append(p.head, query...), 0)
	p.mac.Reset()
	p.mac.Write(p.head)
}

// hostIn is the host of a URL as it counts for Params.
func hostIn(rawURL string) string {
	scheme, rest, found := strings.Cut(rawURL, "//")
	if !found || strings.HasPrefix(rawURL, "/") && !strings.HasPrefix(rawURL, "//") {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return hostOf(strings.TrimSuffix(scheme, ":"), rest)
}

// hostOf is what an authority counts as: without userinfo and the scheme's own port.
func hostOf(scheme, authority string) string {
	host := strings.ToLower(authority[strings.LastIndexByte(authority, '@')+1:])
	switch strings.ToLower(scheme) {
	case "https", "wss":
		return strings.TrimSuffix(host, ":443")
	case "http", "ws":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// pathAndQuery cuts what goes onto the request line out of an absolute URL, or out of a path with a
// query.
func pathAndQuery(url string) (path, query string) {
	url, _, _ = strings.Cut(url, "#")
	url, query, _ = strings.Cut(url, "?")
	if strings.HasPrefix(url, "/") && !strings.HasPrefix(url, "//") {
		return url, query
	}
	_, rest, found := strings.Cut(url, "//")
	if !found {
		return url, query
	}
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		return rest[slash:], query
	}
	return "", query
}
