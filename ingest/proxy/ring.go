package proxy

import (
	"context"
	"net/http"
	"slices"
)

// ringField tells a proxy of ours which others a request has passed, so that two of them that lead
// to each other notice: a request that comes back is refused. It is sent where the next stop may be
// such a proxy, which are CONNECT, proxied requests without TLS, and upstreams without TLS, and
// never to the vendor. Via (RFC 9110, section 7.6.3) says the same, but some servers stop
// compressing where they see one.
const ringField = "Headroom-Via"

// maxRing is how many proxies of ours a request may pass.
const maxRing = 8

type ringKey struct{}

// enter takes the ring field from a request and keeps it in its context. It says false where the
// request has been here.
func (u *upstream) enter(r *http.Request) (*http.Request, bool) {
	passed := r.Header[ringField]
	if passed == nil {
		return r, true
	}
	delete(r.Header, ringField)
	if slices.Contains(passed, u.id) || len(passed) >= maxRing {
		return r, false
	}
	return r.WithContext(context.WithValue(r.Context(), ringKey{}, passed)), true
}

// ring is the field's value for the next stop of a request.
func (u *upstream) ring(ctx context.Context) []string {
	passed, _ := ctx.Value(ringKey{}).([]string)
	return append(slices.Clip(passed), u.id)
}
