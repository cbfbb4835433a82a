package sim

import (
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Line is the network between one client program and the vendor, on simulated time: answers take a
// while, and bodies take longer the longer they are. It moves the program's clock from the
// program's own goroutine, so that every run takes the same simulated time whatever the machine
// does. It changes neither requests nor answers.
type Line struct {
	base   http.RoundTripper
	client *Clock
	vendor *Clock

	mu  sync.Mutex
	rng *rand.Rand
}

// NewLine returns a line over base. Before a request leaves, the vendor's clock is set to the
// client's; programs that share a vendor's clock must therefore send in order of their own clocks.
func NewLine(base http.RoundTripper, client, vendor *Clock, seed uint64) *Line {
	return &Line{base: base, client: client, vendor: vendor, rng: rand.New(rand.NewPCG(seed, 0x11e))}
}

// RoundTrip sends the request and lets the time pass that the answer took to come.
func (l *Line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.vendor.Set(l.client.Now())
	resp, err := l.base.RoundTrip(r)
	latency, rate := l.draw(r, resp)
	l.client.Advance(latency)
	if err != nil {
		return nil, err
	}
	resp.Body = &slowBody{ReadCloser: resp.Body, clock: l.client, begun: l.client.Now(), rate: rate}
	return resp, nil
}

// draw decides how long the answer takes, and how many bytes a second its body flows with.
func (l *Line) draw(r *http.Request, resp *http.Response) (time.Duration, float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seconds := 0.06 + 0.05*l.rng.ExpFloat64()
	if r.Method == http.MethodPost {
		seconds *= 8
	}
	if resp != nil && resp.StatusCode == http.StatusAccepted {
		// The vendor gives a report half a minute before it says that it timed out.
		seconds += 30
	}
	return time.Duration(seconds * float64(time.Second)), 80_000 * math.Exp(0.3*l.rng.NormFloat64())
}

// slowBody lets time pass as it is read.
type slowBody struct {
	io.ReadCloser
	clock *Clock
	begun time.Time
	rate  float64
	read  int64
}

// Read reads on. The clock goes by the sum of what was read, so that the sizes of the single reads
// do not matter.
func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.clock.Set(b.begun.Add(time.Duration(float64(b.read) / b.rate * float64(time.Second))))
	return n, err
}
