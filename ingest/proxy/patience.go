package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A connection that stops without a word holds a descriptor at both ends and its request without a
// row, so each kind of silence has an end. An answer's header may take as long as it takes: reports
// do.

// patience is how long the Proxy waits for what does not come.
type patience struct {
	first time.Duration // for a client's first bytes, and for a request's header
	body  time.Duration // for more of a body, either way
	idle  time.Duration // for anything in a tunnel
}

var defaultPatience = patience{first: time.Minute, body: 5 * time.Minute, idle: 15 * time.Minute}

// errStopped is a body that has stopped. It is a timeout, and recorded as one.
var errStopped error = stopped{}

type stopped struct{}

func (stopped) Error() string   { return "the body stopped without an end" }
func (stopped) Timeout() bool   { return true }
func (stopped) Temporary() bool { return false }

// steadyBody is the body of an answer that ends with errStopped when nothing comes for a time.
type steadyBody struct {
	io.ReadCloser
	patience time.Duration
	timer    *time.Timer
	stopped  atomic.Bool
}

func newSteadyBody(body io.ReadCloser, patience time.Duration) *steadyBody {
	b := &steadyBody{ReadCloser: body, patience: patience}
	b.timer = time.AfterFunc(patience, func() {
		b.stopped.Store(true)
		body.Close() // a Read that waits returns
	})
	b.timer.Stop()
	return b
}

// Read reads, and gives up after the body's patience.
func (b *steadyBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.patience)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && b.stopped.Load() {
		err = errStopped
	}
	return n, err
}

// Close ends the watch, too.
func (b *steadyBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}

// steadyUpload is the body of a client's request, each Read of which must end within a time.
type steadyUpload struct {
	io.ReadCloser
	client   *http.ResponseController
	patience time.Duration

	mu   sync.Mutex
	over bool // the server uses the deadline for itself again
}

// Read reads, and gives up after the upload's patience.
func (u *steadyUpload) Read(p []byte) (int, error) {
	u.setDeadline(time.Now().Add(u.patience))
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		u.end() // the server would wait for the rest of the body once more
		return n, errStopped
	}
	u.setDeadline(time.Time{})
	return n, err
}

func (u *steadyUpload) setDeadline(t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		_ = u.client.SetReadDeadline(t) // where that cannot be, the client is waited for
	}
}

// end leaves the deadline to the server. The transport may still be reading.
func (u *steadyUpload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
}

// steadyWriter sends an answer to a client that must take each part of it within a time.
type steadyWriter struct {
	http.ResponseWriter
	client   *http.ResponseController
	patience time.Duration
}

// Write writes, and gives up after the writer's patience.
func (w *steadyWriter) Write(p []byte) (int, error) {
	_ = w.client.SetWriteDeadline(time.Now().Add(w.patience))
	return w.ResponseWriter.Write(p)
}

// Unwrap lets an http.ResponseController find what it needs.
func (w *steadyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// clientListener gives connections whose clients may stop writing before they have read their
// answers.
type clientListener struct{ net.Listener }

// Accept waits for the next client.
func (l clientListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newClientConn(c, c), nil
}

// clientConn is a client's connection. While a request is under way, net/http reads one byte ahead
// to notice a client that goes away, and takes the end of the stream for that. But a client may end
// its side when it has said all it had to say (RFC 9112, section 9.6), as nc does. So clientConn
// holds that end back from this one Read for as long as the peer's socket is open, where the system
// tells.
type clientConn struct {
	net.Conn
	raw   net.Conn // whose peer is asked after
	ended atomic.Bool

	mu       sync.Mutex
	deadline time.Time
	changed  chan struct{} // closed and made anew when deadline changes, and by Close
	closed   bool
}

func newClientConn(c, raw net.Conn) *clientConn {
	return &clientConn{Conn: c, raw: raw, changed: make(chan struct{})}
}

// lookAgain is how often a peer that has stopped writing is looked after.
const lookAgain = 200 * time.Millisecond

// Read reads. Of the end of the stream, a Read of one byte is told when the peer is gone.
func (c *clientConn) Read(p []byte) (int, error) {
	if !c.ended.Load() {
		n, err := c.Conn.Read(p)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		c.ended.Store(true)
	}
	if len(p) != 1 {
		return 0, io.EOF
	}
	for {
		changed, err := c.state()
		if err != nil {
			return 0, err
		}
		if peerGone(c.raw.LocalAddr(), c.raw.RemoteAddr()) {
			return 0, io.EOF
		}
		look := time.NewTimer(lookAgain)
		select {
		case <-changed:
		case <-look.C:
		}
		look.Stop()
	}
}

// state is why a Read must return; err is nil when it need not, until something has changed.
func (c *clientConn) state() (changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		err = net.ErrClosed
	case !c.deadline.IsZero() && !time.Now().Before(c.deadline):
		err = os.ErrDeadlineExceeded
	}
	return c.changed, err
}

func (c *clientConn) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// SetReadDeadline sets when a Read must return.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline sets when a Read or a Write must return.
func (c *clientConn) SetDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return c.Conn.SetDeadline(t)
}

// Close closes the connection.
func (c *clientConn) Close() error {
	c.change(func() { c.closed = true })
	return c.Conn.Close()
}
