package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/ingest"
)

const (
	// reversePrefix begins the paths of the reverse proxy; the tenant's name follows.
	reversePrefix = "/t/"
	// flushEvery is how long bytes of an answer that has just begun may wait for company.
	flushEvery = 10 * time.Millisecond
	// maxClients bounds how many names of clients are told apart: they are the clients' own choice.
	maxClients = 256
	// maxName is the longest name of a client, in bytes.
	maxName = 64
)

// target is where a request goes, decided once.
type target struct {
	url      *url.URL // as it is recorded
	host     string   // the Host field; "" means that of the place where it is really sent
	client   string
	recorded bool
	own      bool            // a program of our own user asks
	followed ingest.Followed // no tenant where no redirect led there
	prefix   string          // of the reverse proxy's paths; "" for a forward proxy
	answer   http.Header     // what the client gets, once it is sent
	begun    bool            // it is sent, and a body follows
	switched io.Closer       // the vendor's side after 101; else nil
}

type targetKey struct{}

func targetOf(ctx context.Context) *target { return ctx.Value(targetKey{}).(*target) }

// ServeHTTP answers on the port: CONNECT, a forward proxy's absolute URLs, and the reverse proxy's
// paths.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = p.located(r)
	user, status, why := p.admit(r)
	r, first := p.base.enter(r)
	switch {
	case status != 0:
		if status == http.StatusProxyAuthRequired {
			w.Header().Set("Proxy-Authenticate", `Basic realm="headroom"`)
		}
		refuse(w, status, why)
	case !first:
		refuse(w, http.StatusLoopDetected, "this request has been here: two proxies lead to each other")
	case r.Method == http.MethodConnect:
		p.connect(w, r, p.client(user, r))
	case r.URL.IsAbs() && !p.isSelf(r.URL.Host):
		p.forward(w, r, p.client(user, r))
	case strings.HasPrefix(r.URL.Path, reversePrefix):
		p.serveReverse(w, r, p.client(user, r))
	default:
		refuse(w, http.StatusNotFound,
			"ask for "+reversePrefix+"TENANT/PATH, or use this address as a proxy")
	}
}

// client names who sent a request.
func (p *Proxy) client(user string, r *http.Request) string {
	if p.cfg.Client != "" {
		return p.cfg.Client
	}
	if user == "" {
		return product(r)
	}
	return plainName(user)
}

// product is what the User-Agent begins with; "" where that is no name.
func product(r *http.Request) string {
	name, _, _ := strings.Cut(r.UserAgent(), "/")
	return plainName(name)
}

// plainName is a name that can be kept, or "".
func plainName(name string) string {
	plain := strings.Trim(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
	if len(name) > maxName || !plain {
		return ""
	}
	return name
}

// forward serves a request of a client that uses us as its HTTP proxy. Host follows the URL (RFC
// 9112, section 3.2.2).
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, client string) {
	if s := r.URL.Scheme; s != "http" && s != "https" || r.URL.Host == "" {
		refuse(w, http.StatusBadRequest, "the URL must begin with http:// or https:// and name a host")
		return
	}
	u, known := p.recordedAs(r.URL)
	var followed ingest.Followed
	if !known {
		followed = p.followed.of(r.URL, time.Now())
	}
	p.send(w, r, &target{
		url: u, client: client, recorded: known || p.cfg.All || followed.Tenant != "",
		own: isOwnRequest(r.Context()), followed: followed,
	})
}

// serveReverse serves /t/TENANT/PATH.
func (p *Proxy) serveReverse(w http.ResponseWriter, r *http.Request, client string) {
	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), reversePrefix), "/")
	host, ok := p.reverseHost(r.URL)
	if !ok {
		refuse(w, http.StatusNotFound, "the policy has no host for a tenant of that name")
		return
	}
	u, err := url.Parse("https://" + host + "/" + path)
	if err != nil {
		refuse(w, http.StatusBadRequest, "the path cannot be read")
		return
	}
	u.RawQuery, u.ForceQuery = r.URL.RawQuery, r.URL.ForceQuery
	p.send(
		w,
		r,
		&target{
			url:      u,
			client:   client,
			recorded: true,
			prefix:   reversePrefix + tenant,
			own:      isOwnRequest(r.Context()),
		},
	)
}

// reverseHost is the policy's host of the tenant that a path of the reverse proxy names.
func (p *Proxy) reverseHost(u *url.URL) (host string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), reversePrefix)
	if !ok {
		return "", false
	}
	tenant, _, _ := strings.Cut(rest, "/")
	return p.cfg.Policy.Host(strings.ToLower(tenant))
}

// serveOpened serves a request on a connection that was opened with our certificate.
func (p *Proxy) serveOpened(w http.ResponseWriter, r *http.Request) {
	o := r.Context().Value(openedKey{}).(*openedConn)
	if !o.isHost(r.Host) {
		refuse(w, http.StatusMisdirectedRequest, "the field Host names another host than CONNECT did")
		return
	}
	r, first := p.base.enter(r)
	if !first {
		refuse(w, http.StatusLoopDetected, "this request has been here: two proxies lead to each other")
		return
	}
	u := *r.URL
	u.Scheme, u.Host = o.scheme, hostPort(o.scheme, o.host, o.port)
	as, known := p.recordedAs(&u)
	client := o.client
	if client == "" {
		client = p.client("", r) // not every client names itself when it asks for a tunnel
	}
	p.send(w, r,
		&target{url: as, host: r.Host, client: client, recorded: known || p.cfg.All, own: o.own})
}

// isHost says whether a request's field Host names the host that the connection leads to: the
// vendor goes by Host, the record by the connection, and both must mean the same.
func (o *openedConn) isHost(field string) bool {
	u := &url.URL{Host: field}
	name := strings.TrimSuffix(u.Hostname(), ".")
	return field == "" ||
		strings.EqualFold(name, strings.TrimSuffix(o.host, ".")) && (u.Port() == "" || u.Port() == o.port)
}

// send passes a request on and its answer back.
func (p *Proxy) send(w http.ResponseWriter, r *http.Request, t *target) {
	if !p.clean(t) {
		refuse(w, http.StatusBadRequest,
			"the path hides a step up, so that nobody can tell what it asks for")
		return
	}
	if !isWebSocket(r) {
		r.Header.Del("Upgrade")
	}
	p.work.add(1)
	defer p.work.add(-1)
	defer t.end(w)
	t.answer = w.Header()
	client := http.NewResponseController(w)
	// A copy: the server looks at its own once more.
	r = r.WithContext(context.WithValue(r.Context(), targetKey{}, t))
	if r.Body != nil && r.Body != http.NoBody {
		u := &steadyUpload{ReadCloser: r.Body, client: client, patience: p.patience.body}
		defer u.end()
		r.Body = u
	}
	defer client.SetWriteDeadline(time.Time{}) //nolint:errcheck // as in Write
	w = &steadyWriter{ResponseWriter: w, client: client, patience: p.patience.body}
	p.reverse.ServeHTTP(w, r)
}

// end closes what ReverseProxy closes later or not at all, which is when it is recorded. Of a body
// that broke off it sends what has come: net/http would throw the end of it away, and the client
// would get less than is recorded.
func (t *target) end(w http.ResponseWriter) {
	broken := recover()
	if t.switched != nil {
		t.switched.Close() // over in any case
	}
	if broken == nil {
		return
	}
	if t.begun {
		_ = http.NewResponseController(w).Flush() // nobody may be there
	}
	panic(broken)
}

// passed are fields that ReverseProxy would drop; they are the client's business.
var passed = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func rewrite(pr *httputil.ProxyRequest) {
	t := targetOf(pr.In.Context())
	u := *t.url
	pr.Out.URL, pr.Out.Host = &u, t.host
	pr.Out.Trailer = pr.In.Trailer // filled when the body has been read
	for _, name := range passed {
		if values, ok := pr.In.Header[name]; ok {
			pr.Out.Header[name] = values
		}
	}
}

// adapt makes an answer fit for the client's side: HTTP/2 has trailers after a body of known
// length, HTTP/1.1 only after one in chunks.
func (p *Proxy) adapt(resp *http.Response) error {
	if resp.StatusCode == http.StatusSwitchingProtocols && !isAccepted(resp) {
		return errors.New("it switched to a protocol that nobody asked for")
	}
	if len(resp.Trailer) > 0 {
		resp.Header.Del("Content-Length")
	}
	t := targetOf(resp.Request.Context())
	// An answer without these fields stays without them; net/http would add them. It is too early to
	// say so before: an answer of 1xx that comes first clears all fields.
	t.answer["Content-Type"], t.answer["Date"] = nil, nil
	if t.begun = resp.StatusCode != http.StatusSwitchingProtocols; !t.begun {
		t.switched = resp.Body
	}
	p.noteRedirect(resp, t)
	if t.prefix != "" {
		p.rewriteLocation(resp, t)
	}
	return nil
}

// rewriteLocation lets a redirect to the tenant's own host, or to its upstream, lead through the
// reverse proxy again.
func (p *Proxy) rewriteLocation(resp *http.Response, t *target) {
	location := resp.Header.Get("Location")
	to, err := resp.Request.URL.Parse(location)
	if err != nil || location == "" {
		return
	}
	if named, err := url.Parse(location); err == nil && named.Host == "" &&
		!strings.HasPrefix(named.Path, "/") {
		return // relative to where the client is
	}
	as, own := p.below(to, strings.ToLower(t.url.Host))
	if !own {
		as, own = to, to.Scheme == t.url.Scheme && strings.EqualFold(to.Host, t.url.Host)
	}
	if !own {
		return
	}
	here := t.prefix + as.RequestURI()
	if to.Fragment != "" {
		here += "#" + to.EscapedFragment()
	}
	resp.Header.Set("Location", here)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// roundTrip sends a request through the transport of its client.
func (p *Proxy) roundTrip(r *http.Request) (*http.Response, error) {
	t := targetOf(r.Context())
	if !t.recorded {
		return p.steady(p.base.RoundTrip(r))
	}
	if t.followed.Tenant != "" {
		r = r.WithContext(ingest.WithFollowed(r.Context(), t.followed))
	}
	return p.transport(t.client).RoundTrip(r)
}

// transport is the recording transport of a client.
func (p *Proxy) transport(client string) *ingest.Transport {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.transports[client]; ok {
		return t
	}
	if len(p.transports) >= maxClients {
		client = ""
	}
	if t, ok := p.transports[client]; ok {
		return t
	}
	base := roundTripper(
		func(r *http.Request) (*http.Response, error) { return p.steady(p.base.RoundTrip(r)) })
	t := ingest.NewTransport(base, p.cfg.Recorder, ingest.WithPolicy(p.cfg.Policy),
		ingest.WithClient(client), ingest.WithSource(p.source), ingest.WithPacer(p.cfg.Pacer),
		ingest.WithHashKey(p.cfg.HashKey))
	p.transports[client] = t
	return t
}

// steady gives an answer's body an end if it stops. What follows a switch of protocols is no body.
func (p *Proxy) steady(resp *http.Response, err error) (*http.Response, error) {
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols && resp.Body != http.NoBody {
		resp.Body = newSteadyBody(resp.Body, p.patience.body)
	}
	return resp, err
}

// fail answers for a vendor that did not.
func (p *Proxy) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil { // nobody listens any more
		panic(http.ErrAbortHandler)
	}
	noAnswer(w, "no answer", err)
}

// noAnswer answers for a place that did not.
func noAnswer(w http.ResponseWriter, what string, err error) {
	status := http.StatusBadGateway
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		status, what = http.StatusGatewayTimeout, what+" in time"
	}
	refuse(w, status, what+": "+err.Error())
}

// refuse answers in our own name.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	fmt.Fprintf(w, "headroom: %s\n", why)
}

// buffers are what bodies are copied through: larger than httputil's 32 kB, for fewer system calls.
type buffers struct{}

const bufferSize = 64 << 10

var bufferPool = sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }}

func (buffers) Get() []byte  { return *bufferPool.Get().(*[]byte) }
func (buffers) Put(b []byte) { bufferPool.Put(&b) }
