package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// answer is what the vendor has decided to send.
type answer struct {
	status int
	header map[string]string
	body   []byte        // the whole body, unless audio is set
	audio  int64         // the length of a recording's body, in bytes
	cut    int64         // where the connection breaks, in bytes of the body; 0 means nowhere
	drop   bool          // the connection breaks before any answer
	pause  time.Duration // how long the body waits before each block
}

// size is how many bytes of a body will be sent, if the client reads them all.
func (a *answer) size() int64 {
	n := a.audio
	if a.audio == 0 {
		n = int64(len(a.body))
	}
	if a.drop {
		return 0
	}
	if a.cut > 0 {
		n = min(n, a.cut)
	}
	return n
}

// refuse answers with a status and a sentence.
func refuse(status int, format string, args ...any) *answer {
	a := inJSON(map[string]any{"status": status, "message": fmt.Sprintf(format, args...)})
	a.status = status
	return a
}

// inJSON answers 200 with v.
func inJSON(v any) *answer {
	body, err := json.Marshal(v)
	if err != nil {
		// Only our own plain values come here.
		panic(fmt.Sprintf("marshal answer: %v", err))
	}
	return &answer{
		status: http.StatusOK,
		header: map[string]string{"Content-Type": "application/json"},
		body:   body,
	}
}

// with adds a header.
func (a *answer) with(name, value string) *answer {
	if a.header == nil {
		a.header = map[string]string{}
	}
	a.header[name] = value
	return a
}

// at dates the answer, by the tenant's clock.
func (a *answer) at(t time.Time) { a.with("Date", t.UTC().Format(http.TimeFormat)) }

// retryAfter adds the header of that name: d in seconds, rounded up.
func (a *answer) retryAfter(d time.Duration) {
	a.with("Retry-After", strconv.Itoa(int(math.Ceil(d.Seconds()))))
}

// send writes a and returns the number of body bytes that went out. It breaks the connection, by
// panicking with http.ErrAbortHandler after calling sent, where a says so.
func (a *answer) send(w http.ResponseWriter, sent func(int64)) {
	if a.drop {
		sent(0)
		panic(http.ErrAbortHandler)
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.FormatInt(max(a.audio, int64(len(a.body))), 10))
	}
	w.WriteHeader(a.status)
	n := a.write(w)
	sent(n)
	if a.cut > 0 {
		// What was written must reach the client before the connection breaks.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// write sends the body and returns how much of it the connection took.
func (a *answer) write(w http.ResponseWriter) (n int64) {
	block := a.body
	if a.audio > 0 {
		block = noise
	}
	for left := a.size(); left > 0; left = a.size() - n {
		if a.pause > 0 {
			_ = http.NewResponseController(w).Flush()
			time.Sleep(a.pause)
		}
		k, err := w.Write(block[:min(left, int64(len(block)))])
		n += int64(k)
		if err != nil {
			break
		}
	}
	return n
}

// noise is what recordings sound like: bytes that do not compress.
var noise = func() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 64<<10)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()
