package analyze

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
)

// engine changes whenever the same requests would lead to another state; saved states of another engine are not used.
const engine = "audit/3"

// stateKey identifies what saved states depend on beside the requests: this program and the policy.
func stateKey(p *limits.Policy) ([]byte, error) {
	rules, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("identify policy: %w", err)
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(engine), stateTypes, rules} {
		h.Write(part) // never fails: hash.Hash
	}
	return h.Sum(nil), nil
}

// facts identifies what a tenant's state depends on beside requests and policy.
func facts(t *egress.Tenant) string {
	return fmt.Sprintf("%d %v %v", t.Cap.ToldBytes(), t.Resets, t.Window)
}

// saved is a state as it is written, by gob and after a SHA-256 sum of that.
type saved struct {
	Facts string
	State state
}

// stateTypes is what gob writes before the first value to describe its types. It is left out of saved states, because
// reading it takes longer than reading a state; stateKey has it, so that states of other types are not used.
var stateTypes = func() []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(saved{}); err != nil {
		panic(err) // a type that gob cannot write: a mistake in this file
	}
	return b.Bytes()
}()

// stateReader reads one saved state after another.
type stateReader struct {
	buf bytes.Buffer
	dec *gob.Decoder // nil before the first state, and after a fault
}

func (r *stateReader) read(data []byte) (s saved, err error) {
	if r.dec == nil {
		r.buf.Reset()
		r.buf.Write(stateTypes)
		r.dec = gob.NewDecoder(&r.buf)
		if err := r.dec.Decode(new(saved)); err != nil {
			return s, err
		}
	}
	r.buf.Write(data)
	err = r.dec.Decode(&s)
	if err == nil && r.buf.Len() > 0 {
		err = errors.New("more than one state")
	}
	if err != nil {
		r.dec = nil
	}
	return s, err
}

// save writes the auditor's state. It cannot be saved where requests have no recording key to look up later.
func (a *Auditor) save() (data []byte, ok bool, err error) {
	if a.Load.Keyless {
		return nil, false, nil
	}
	s := a.state
	s.Spacing.Gaps.Shrink(0.50, 0.95)
	s.Resumed = s.Upto
	var b bytes.Buffer
	enc := gob.NewEncoder(&b)
	if err := enc.Encode(saved{}); err != nil { // the types go first; see stateTypes
		return nil, false, err
	}
	b.Reset()
	if err := enc.Encode(saved{facts(&a.tenant), s}); err != nil {
		return nil, false, err
	}
	sum := sha256.Sum256(b.Bytes())
	return append(sum[:], b.Bytes()...), true, nil
}

// resume continues from a saved state; ok is false where it does not fit.
func (a *Auditor) resume(data []byte, h History) (ok bool) {
	if len(data) < sha256.Size {
		return false
	}
	sum, data := data[:sha256.Size], data[sha256.Size:]
	if sha256.Sum256(data) != [sha256.Size]byte(sum) {
		return false // a damaged state may decode, and then lie
	}
	s, err := a.scratch.states.read(data)
	if err != nil || s.Facts != facts(&a.tenant) {
		return false // a cache: whatever is wrong with it, the requests are there
	}
	fresh := a.React
	a.state, a.history = s.State, h
	a.React.fill(fresh)
	if a.Counts == nil {
		a.Counts = map[statusKey]*tally{}
	}
	return true
}

// fill puts empty maps where gob left none.
func (x *reactions) fill(empty reactions) {
	if x.Backoff == nil {
		x.Backoff = empty.Backoff
	}
	if x.Bad == nil {
		x.Bad = empty.Bad
	}
	if x.FailedUntil == nil {
		x.FailedUntil = empty.FailedUntil
	}
	if x.Failures == nil {
		x.Failures = empty.Failures
	}
	if x.Waiting == nil {
		x.Waiting = empty.Waiting
	}
	if x.Errors == nil {
		x.Errors = empty.Errors
	}
}
