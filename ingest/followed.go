package ingest

import (
	"context"
	"net/http"
	"strings"

	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A vendor may answer a request with a redirect to a host of somebody else's, such as a storage
// that has the recordings. What is asked for there is recorded as the tenant's and makes no tenant
// of that host's name; a recording is of class store.StorageClass, so that its bytes count as
// egress. An http.Client tells a Transport which answer led to a request; others say it with
// WithFollowed.

// Followed says what a request is for that a redirect of the vendor's led to.
type Followed struct {
	Tenant string
	// Storage says that the redirect was that of a recording.
	Storage bool
	// Key is the recording's, "" where it is not known.
	Key string
}

type followedKey struct{}

// WithFollowed says of a request with that context, if it goes to a host that the policy does not
// know, that a redirect of the vendor's led to it.
func WithFollowed(ctx context.Context, f Followed) context.Context {
	return context.WithValue(ctx, followedKey{}, f)
}

// FollowedFrom is what a redirect leads to: status is the answer to a request with that method and
// URL, to the host that it names. key is the database's, for keys that may not be kept. ok is false
// where the vendor redirected to its own host, or did not redirect.
func FollowedFrom(
	p *limits.Policy,
	key []byte,
	method, url string,
	status int,
	to string,
) (f Followed, ok bool) {
	if status/100 != 3 || p.Tenant(to) != "" {
		return f, false
	}
	method = storedMethod(method)
	m, err := p.MatchKeyed(method, url, func(value string) string { return privacy.Key(value, key) })
	if err != nil || m.Tenant == "" {
		return f, false
	}
	f = Followed{Tenant: strings.Clone(m.Tenant), Storage: p.LeadsToStorage(status, m.Class)}
	if f.Storage {
		f.Key = strings.Clone(m.Key)
	}
	return f, true
}

// followed says which redirect led to a request.
func (t *Transport) followed(req *http.Request) (f Followed, ok bool) {
	if f, ok = req.Context().Value(followedKey{}).(Followed); !ok && req.Response == nil ||
		req.URL == nil {
		return f, false
	}
	if t.policy.Tenant(req.URL.Host) != "" {
		return f, false
	}
	led := req.Response
	for !ok && led != nil && led.Request != nil && led.Request.URL != nil {
		by := led.Request
		f, ok = FollowedFrom(t.policy, t.key, by.Method, plainURL(by.URL), led.StatusCode, req.URL.Host)
		led = by.Response
	}
	return f, ok
}

// describeFollowed makes the row that of a request which a redirect led to.
func (x *exchange) describeFollowed(f Followed) {
	r := x.row.Route
	class := r.Class
	if f.Storage {
		class = store.StorageClass
	}
	p := x.t.place(placeKey{r.Method, r.Origin, r.Template, class, f.Tenant}, f.Tenant, x.origin.URL)
	x.row.Tenant, x.row.Route, x.row.Key = p.tenant, p.route, f.Key
}
