package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// openedConn is a connection that a client let us open; scheme, host and port tell where its
// requests go.
type openedConn struct {
	*clientConn
	scheme, host, port string
	client             string
	who                peer
	start              time.Time
	own                bool        // a program of our own user asks
	passed             []string    // proxies of ours that the CONNECT has passed
	used               atomic.Bool // a request has come
	heldOff            atomic.Bool // it was closed because no request came in time
}

// Read reads, and notes when we hang up on a client that says nothing: that is no refusal of its.
func (o *openedConn) Read(p []byte) (int, error) {
	n, err := o.clientConn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		o.heldOff.Store(true)
	}
	return n, err
}

type openedKey struct{}

func openedContext(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, ringKey{}, c.(*openedConn).passed)
	return context.WithValue(ctx, openedKey{}, c)
}

// openedState watches for clients that close a connection without asking for anything. Node looks
// at a certificate only after the handshake, so that is how it refuses one.
func (p *Proxy) openedState(c net.Conn, state http.ConnState) {
	o := c.(*openedConn)
	switch state {
	case http.StateActive:
		if o.used.CompareAndSwap(false, true) {
			p.refusals.trust(o.who)
		}
	case http.StateClosed:
		if !o.used.Load() && !o.heldOff.Load() && o.scheme == "https" {
			p.refused(o.who, o.start, false)
		}
	}
}

// peer is a client in its dealings with one host. All programs of a run have one name and one
// address; the agent, what they call themselves when they ask for a tunnel, tells most of them
// apart.
type peer struct{ client, agent, addr, host string }

// maxPeers bounds what is remembered of clients; beyond it, all is forgotten.
const maxPeers = 4096

// refusals remember which clients trust our certificate. A client that refused is not tried again,
// since each trial is a call of its that fails.
type refusals struct {
	mu     sync.Mutex
	trusts map[peer]bool // true: a request came; false: refused
}

// has says whether the client refused before.
func (r *refusals) has(who peer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	trusts, known := r.trusts[who]
	return known && !trusts
}

// add notes a refusal, and says whether it is news. A client that has made requests before and now
// closes a connection merely hung up, unless it said why: then somebody else goes by the same name,
// and his calls must not fail for ever.
func (r *refusals) add(who peer, said bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	trusts, known := r.trusts[who]
	if known && (!trusts || !said) {
		return false
	}
	r.set(who, false)
	return true
}

// trust notes that a client has made a request.
func (r *refusals) trust(who peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.trusts[who]; !known {
		r.set(who, true)
	}
}

func (r *refusals) set(who peer, trusts bool) {
	if r.trusts == nil || len(r.trusts) >= maxPeers {
		r.trusts = map[peer]bool{}
	}
	r.trusts[who] = trusts
}

// queue is the listener of connections that are already there.
type queue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn), done: make(chan struct{})} }

// push hands a connection to the server, or closes it when that has stopped.
func (q *queue) push(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept waits for the next connection.
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close makes Accept return.
func (q *queue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr is a name for messages.
func (q *queue) Addr() net.Addr { return opened{} }

type opened struct{}

func (opened) Network() string { return "tcp" }
func (opened) String() string  { return "opened" }
