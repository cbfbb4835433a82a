package proxy

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/store"
)

const (
	// OpaqueClass is the class of a tunnel: what went through it could not be seen.
	OpaqueClass = store.OpaqueClass
	// firstRecord is the first byte of a TLS handshake (RFC 8446, section 5.1).
	firstRecord = 0x16
	// handshakePatience is how long a client may take for its part of a handshake.
	handshakePatience = 30 * time.Second
)

// connect serves CONNECT: it opens the policy's hosts, and tunnels the others and those that the
// client does not let us open.
func (p *Proxy) connect(w http.ResponseWriter, r *http.Request, client string) {
	p.work.add(1)
	defer p.work.add(-1)
	host, port, err := net.SplitHostPort(r.Host)
	n, notPort := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || notPort != nil || n == 0 {
		refuse(w, http.StatusBadRequest, "CONNECT needs a host and a port, such as api.example.com:443")
		return
	}
	// No certificate has the point that ends a name in the DNS.
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	who := peer{
		client: client,
		agent:  product(r),
		addr:   remoteHost(r),
		host:   hostPort("https", host, port),
	}
	hosts := p.hostsAt(host, port)
	if len(hosts) == 1 && hosts[0] != host {
		who.host = hosts[0] // the upstream of one tenant alone is as good as the policy's host
	}
	known := len(hosts) > 0
	isName := net.ParseIP(host) == nil // nobody signs certificates for addresses
	if known && isName && p.cfg.Authority != nil && !p.isClosed(who) {
		o := &openedConn{
			host:   host,
			port:   port,
			client: client,
			who:    who,
			start:  time.Now(),
			own:    isOwnRequest(r.Context()),
		}
		o.passed, _ = r.Context().Value(ringKey{}).([]string)
		p.open(w, o)
		return
	}
	t := &tunnel{p: p, who: who, addr: r.Host, start: time.Now()}
	if !known {
		t.followed = p.followed.at(host+" "+port, t.start)
	}
	t.recorded = known || p.cfg.All || t.followed.Tenant != ""
	t.serve(w, r)
}

func remoteHost(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// take takes the client's connection over. An answer to CONNECT must not have a length, which
// net/http would give it.
func take(w http.ResponseWriter) (*bufferedConn, error) {
	conn, b, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(*clientConn); ok {
		conn = c.Conn // bytes can be passed on by the system from here on
	}
	conn.SetDeadline(time.Time{}) //nolint:errcheck // a broken connection shows itself
	if _, err := io.WriteString(conn, established); err != nil {
		conn.Close()
		return nil, err
	}
	return &bufferedConn{Conn: conn, r: b.Reader}, nil
}

// bufferedConn is a connection of which something has been read already.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what was buffered, then the connection.
func (e *bufferedConn) Read(b []byte) (int, error) {
	if e.r.Buffered() > 0 {
		return e.r.Read(b)
	}
	return e.Conn.Read(b)
}

// CloseWrite ends one direction.
func (e *bufferedConn) CloseWrite() error {
	if c, ok := e.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return e.Close()
}

// open shows the client a certificate of ours and serves what it asks for.
func (p *Proxy) open(w http.ResponseWriter, o *openedConn) {
	conn, err := take(w)
	if err != nil {
		return
	}
	stop := context.AfterFunc(p.early, func() { conn.Close() }) // nothing has been asked for yet
	defer stop()
	o.clientConn, o.scheme = newClientConn(conn, conn), "http"
	// A broken connection shows itself.
	conn.SetReadDeadline(time.Now().Add(p.patience.first)) //nolint:errcheck
	first, err := conn.r.Peek(1)
	if err != nil {
		conn.Close()
		return
	}
	if first[0] == firstRecord {
		o.scheme = "https"
		secure, err := p.handshake(conn, o.host)
		if err != nil {
			conn.Close()
			if !errors.Is(err, context.DeadlineExceeded) {
				p.refused(o.who, o.start, saidNo(err))
			}
			return
		}
		o.clientConn = newClientConn(secure, conn)
	}
	conn.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	p.opened.push(o)
}

// handshake is the server's side of TLS, in the name of host.
func (p *Proxy) handshake(conn net.Conn, host string) (*tls.Conn, error) {
	certificate, err := p.cfg.Authority.certificate(host)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(p.ctx, handshakePatience)
	defer cancel()
	secure := tls.Server(conn, &tls.Config{
		Certificates: []tls.Certificate{*certificate}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
	})
	return secure, secure.HandshakeContext(ctx)
}

// saidNo says that a handshake failed for what the client sent, and not because it went away. That
// is an alert (RFC 8446, section 6), or what OpenSSL makes of one: it does not encrypt it, so that
// it cannot be read.
func saidNo(err error) bool {
	var op *net.OpError
	// Crypto/tls's alerts.
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// isClosed says whether a client's connections to a host are not to be opened.
func (p *Proxy) isClosed(who peer) bool {
	named := func(name string) bool { return name != "" && slices.Contains(p.cfg.Closed, name) }
	return named(who.client) || named(who.agent) || p.refusals.has(who)
}

// refused notes that a client does not let us open its connections, and records the one that
// failed.
func (p *Proxy) refused(who peer, start time.Time, said bool) {
	if p.stopping.Load() || !p.refusals.add(who, said) {
		return
	}
	t := &tunnel{p: p, who: who, start: start}
	t.record(0, "tls")
	unpaced := ""
	if p.cfg.Pacer != nil {
		unpaced = ", and cannot be held back,"
	}
	line := cmp.Or(who.client, "a client") + " does not trust headroom's certificate for " + who.host +
		": this call of it was lost; its next ones there are tunnelled and recorded as opaque" + unpaced +
		" until headroom is started anew"
	if name := cmp.Or(who.agent, who.client); name != "" {
		line += "; --tunnel " + name + " lets not even the first be lost"
	}
	p.cfg.Tell(line)
}

// tunnel is one CONNECT that is passed on unopened.
type tunnel struct {
	p        *Proxy
	who      peer
	addr     string
	followed ingest.Followed // no tenant where no redirect led there
	recorded bool
	start    time.Time
	up, down int64 // bytes to and from the host
}

func (t *tunnel) serve(w http.ResponseWriter, r *http.Request) {
	host, err := t.p.base.dial(r.Context(), t.address())
	if err != nil {
		t.recordIf(0, dialClass(err))
		noAnswer(w, "no connection", err)
		return
	}
	defer host.Close()
	client, err := take(w)
	if err != nil {
		t.recordIf(0, "reset")
		return
	}
	defer client.Close()
	stop := context.AfterFunc(t.p.ctx, func() { client.Close(); host.Close() })
	defer stop()
	t.copy(client, host)
	t.recordIf(http.StatusOK, "")
}

// address is where the tunnel goes: to the upstream of a host that is redirected.
func (t *tunnel) address() string {
	to, ok := t.p.base.redirect[t.who.host]
	if !ok || to.Scheme != "https" {
		return t.addr
	}
	if to.Port() == "" {
		return net.JoinHostPort(to.Hostname(), "443")
	}
	return to.Host
}

// copy passes bytes both ways until both ends have closed, or nothing passes any more. The end of
// one direction is passed on; a broken one ends both.
func (t *tunnel) copy(client *bufferedConn, host net.Conn) {
	var passed activity
	passed.note(time.Now())
	var wg sync.WaitGroup
	wg.Go(func() {
		early, err := io.CopyN(host, client.r, int64(client.r.Buffered()))
		n := int64(0)
		if err == nil {
			n, err = t.pass(host, client.Conn, &passed)
		}
		t.up = early + n
		endWrite(host, err, client, host)
	})
	wg.Go(func() {
		n, err := t.pass(client.Conn, host, &passed)
		t.down = n
		endWrite(client, err, client, host)
	})
	wg.Wait()
}

// activity is when something passed through a tunnel, in either direction.
type activity struct {
	last atomic.Int64 // since 1970, in nanoseconds
	any  atomic.Bool
}

func (a *activity) note(now time.Time) { a.last.Store(now.UnixNano()) }

// pass copies one direction until its end; err is nil then. It fails when nothing has passed in
// both for a time. It copies in large pieces, each of which the system can do by itself, and stops
// twice in that time to tell the other direction of what has passed.
func (t *tunnel) pass(to, from net.Conn, passed *activity) (total int64, err error) {
	const piece = 4 << 20
	for {
		patience := t.p.patience.idle
		if !passed.any.Load() {
			patience = min(patience, t.p.patience.first)
		}
		begin := time.Now()
		// A broken connection shows itself.
		from.SetReadDeadline(begin.Add(patience / 2)) //nolint:errcheck
		to.SetWriteDeadline(begin.Add(2 * patience))  //nolint:errcheck // as above
		n, err := io.CopyN(to, from, piece)
		total += n
		if n > 0 {
			passed.any.Store(true)
			passed.note(time.Now())
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return total, nil
		// Past twice the patience it is the writing that waits.
		case !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begin) >= 2*patience:
			return total, err
		case time.Since(time.Unix(0, passed.last.Load())) >= patience:
			return total, err
		}
	}
}

func endWrite(to net.Conn, err error, both ...net.Conn) {
	c, ok := to.(interface{ CloseWrite() error })
	if err == nil && ok && c.CloseWrite() == nil {
		return
	}
	for _, c := range both {
		c.Close()
	}
}

func (t *tunnel) recordIf(status int, class string) {
	if t.recorded {
		t.record(status, class)
	}
}

// record adds the opaque row. A status of 0 says that there was no tunnel.
func (t *tunnel) record(status int, class string) {
	origin, tenant, ok := t.p.cfg.Policy.Place(t.who.host)
	if !ok {
		return // nothing was connected to
	}
	if tenant == "" {
		origin = privacy.Origin(origin, t.p.cfg.HashKey)
		tenant = cmp.Or(t.followed.Tenant, t.tenantOfStranger())
	}
	opaque := OpaqueClass
	if t.followed.Storage {
		opaque = store.StorageClass // its bytes are known all the same
	}
	t.p.cfg.Recorder.Record(store.Request{
		Tenant: tenant, StartedAt: max(1, t.start.UnixMicro()),
		Duration:     max(1, time.Since(t.start).Microseconds()),
		RequestBytes: t.up, ResponseBytes: t.down, Status: status, Error: class,
		Client: privacy.Client(t.who.client, t.p.cfg.HashKey).Or(privacy.Redacted),
		Source: t.p.source,
		Route:  &store.Route{Method: http.MethodConnect, Origin: origin, Template: "/", Class: opaque},
	})
}

// tenantOfStranger stands for the tenant of a host that is nobody's: its name, or a digest where
// that may not be stored.
func (t *tunnel) tenantOfStranger() string {
	name := t.who.host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	return privacy.Tenant(name).Or(privacy.Host(name, t.p.cfg.HashKey).Text)
}

// dialClass is what may be known of why there was no connection.
func dialClass(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		return "dns"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return "connect"
}
