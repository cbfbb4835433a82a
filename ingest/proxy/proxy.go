package proxy

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Config says what a Proxy does. Policy and Recorder are required.
type Config struct {
	Policy   *limits.Policy
	Recorder ingest.Recorder
	// HashKey is the database file's own, see ingest.WithHashKey. By default, a random key.
	HashKey []byte
	// Name is the name of the source that requests are stored under.
	Name string
	// Client names whoever sends requests. By default, the user name given to the proxy, else the
	// product that the User-Agent begins with.
	Client string
	// Upstreams are the addresses of tenants whose host is not the one of the policy's first pattern.
	// Requests are recorded under the policy's host all the same, so that they are classified.
	Upstreams map[string]*url.URL
	// All records the hosts, too, that the policy does not know. By default, they are passed without a
	// trace.
	All bool
	// Authority opens the HTTPS of the policy's hosts. Without one they are tunnelled, and recorded as
	// opaque.
	Authority *Authority
	// Closed names clients, or what programs call themselves when they ask for a tunnel, that are
	// known not to trust the Authority: their connections are tunnelled from the first on.
	Closed []string
	// Password must be given, with any user name, in Proxy-Authorization. "" means that there is none:
	// then only programs of this process's own user are served, where the system tells (PeersKnown).
	Password string
	// AllowRemote leaves the fields Host, Origin and Sec-Fetch-Site alone, which tell a web page's
	// requests: they name the machine differently for everybody who comes from elsewhere. It wants a
	// Password.
	AllowRemote bool
	// Proxy is the way out: the proxy that a request to the vendor goes through, or nil for none. By
	// default, http.ProxyFromEnvironment. The user name and password of a proxy's URL are used for
	// programs of our own user only.
	Proxy func(*http.Request) (*url.URL, error)
	// Roots verify the vendor's certificate. nil means the system's.
	Roots *x509.CertPool
	// Pacer holds requests back. nil means that nothing is.
	Pacer *ingest.Pacer
	// Tell is given what the operator should know, a line each. By default, it is lost.
	Tell func(line string)

	patience patience // the default where it is zero; for tests
}

// Proxy is a running proxy. It is an http.Handler, but only Serve knows how to open HTTPS.
type Proxy struct {
	cfg      Config
	base     *upstream
	reverse  *httputil.ReverseProxy
	outer    *http.Server // the port
	inner    *http.Server // opened connections
	opened   *queue       // inner's listener
	refusals refusals
	followed redirects
	ctx      context.Context // ends when what is still under way must break
	breakOff context.CancelFunc
	early    context.Context // ends when nothing more may begin
	closeUp  context.CancelFunc
	work     work
	stopping atomic.Bool
	told     sync.Map // kinds of refusals that the operator knows of
	// peersKnown says that the system tells whose programs connect.
	peersKnown bool
	patience   patience

	mu         sync.Mutex
	transports map[string]*ingest.Transport // by client
	source     *store.Source
	addr       string
}

// New makes a Proxy. It fails for an upstream whose tenant the policy's host pattern does not fit.
func New(cfg Config) (*Proxy, error) {
	if cfg.Policy == nil || cfg.Recorder == nil {
		return nil, errors.New("make proxy: a policy and a recorder are needed")
	}
	if cfg.AllowRemote && cfg.Password == "" {
		return nil, errors.New("make proxy: a proxy for other machines needs a password")
	}
	if cfg.HashKey == nil {
		cfg.HashKey = make([]byte, 32)
		rand.Read(cfg.HashKey) // never fails
	}
	if cfg.Tell == nil {
		cfg.Tell = func(string) {}
	}
	p := &Proxy{
		cfg: cfg, transports: map[string]*ingest.Transport{},
		source: &store.Source{Kind: "proxy", Name: cfg.Name},
		opened: newQueue(), peersKnown: PeersKnown(), patience: cfg.patience,
	}
	if p.patience == (patience{}) {
		p.patience = defaultPatience
	}
	p.ctx, p.breakOff = context.WithCancel(context.Background())
	p.early, p.closeUp = context.WithCancel(p.ctx)
	p.base = newUpstream(cfg.Roots, cfg.Proxy, p.isSelf, p.isOwn)
	for tenant, to := range cfg.Upstreams {
		host, ok := cfg.Policy.Host(tenant)
		if !ok {
			return nil, fmt.Errorf(
				"make proxy: upstream of tenant %q: the policy's host pattern %q does not fit such a name",
				tenant, cfg.Policy.Hosts[0])
		}
		p.base.redirect[host] = to
	}
	p.reverse = &httputil.ReverseProxy{
		Rewrite: rewrite, Transport: roundTripper(p.roundTrip), BufferPool: buffers{},
		ModifyResponse: p.adapt,
		FlushInterval:  flushEvery, ErrorHandler: p.fail, ErrorLog: log.New(discard{}, "", 0),
	}
	p.outer = p.server(http.HandlerFunc(p.ServeHTTP))
	p.outer.ReadHeaderTimeout = p.patience.first
	p.outer.ConnContext = p.originContext
	p.inner = p.server(http.HandlerFunc(p.serveOpened))
	p.inner.ReadHeaderTimeout = p.patience.first
	p.inner.ConnContext = openedContext
	p.inner.ConnState = p.openedState
	return p, nil
}

func (p *Proxy) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ErrorLog: log.New(discard{}, "", 0),
		BaseContext: func(net.Listener) context.Context { return p.ctx },
	}
}

// discard is where servers log to: their messages repeat what clients sent.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// Serve accepts connections until Shutdown, and then returns nil.
func (p *Proxy) Serve(l net.Listener) error {
	p.mu.Lock()
	p.addr = l.Addr().String()
	p.mu.Unlock()
	go p.inner.Serve(p.opened) //nolint:errcheck // ends with Shutdown
	if err := p.outer.Serve(clientListener{l}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve proxy: %w", err)
	}
	return nil
}

// Shutdown stops accepting, lets what is under way finish until ctx ends, then breaks it; when it
// returns, all of it has been handed to the Recorder. Its error is ctx's if something was broken
// off.
func (p *Proxy) Shutdown(ctx context.Context) error {
	p.stopping.Store(true)
	p.closeUp()
	var wg sync.WaitGroup
	for _, s := range []*http.Server{p.outer, p.inner} {
		wg.Go(func() { s.Shutdown(ctx) }) //nolint:errcheck // what is left is counted below
	}
	wg.Wait()
	err := p.work.wait(ctx)
	p.breakOff()
	p.outer.Close()
	p.inner.Close()
	p.work.wait(context.Background()) //nolint:errcheck // everything has been broken off
	p.base.close()
	return err
}

// isSelf says whether an address is the proxy's own, so that it never sends to itself.
func (p *Proxy) isSelf(addr string) bool {
	p.mu.Lock()
	own := p.addr
	p.mu.Unlock()
	host, port, err := net.SplitHostPort(addr)
	ownHost, ownPort, ownErr := net.SplitHostPort(own)
	return err == nil && ownErr == nil && port == ownPort &&
		(host == ownHost || host == "localhost" || net.ParseIP(host).IsLoopback())
}

// isOwn says whether a connection that the proxy made leads back to it.
func (p *Proxy) isOwn(conn net.Conn) bool {
	p.mu.Lock()
	own, err := netip.ParseAddrPort(p.addr)
	p.mu.Unlock()
	to, ok := conn.RemoteAddr().(*net.TCPAddr)
	if err != nil || !ok || uint16(to.Port) != own.Port() {
		return false
	}
	from, ok := conn.LocalAddr().(*net.TCPAddr) // of the same address: on the same machine
	return own.Addr() == to.AddrPort().Addr().Unmap() ||
		own.Addr().IsUnspecified() && ok && from.IP.Equal(to.IP)
}

// work counts what must be done before a Proxy has stopped.
type work struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed at n == 0; nil when nobody waits
}

func (w *work) add(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n += n
	if w.n == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// wait waits until nothing is under way, or for the end of ctx.
func (w *work) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
