package analyze

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"fmt"

	"github.com/6dcca832/headroom/limits"
)

// engine changes whenever the same requests would lead to another state; saved states of another engine are not used.
const engine = "audit/1"

// stateKey identifies what saved states depend on beside the requests: this program and the policy.
func stateKey(p *limits.Policy) ([]byte, error) {
	rules, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("identify policy: %w", err)
	}
	sum := sha256.Sum256(append([]byte(engine), rules...))
	return sum[:], nil
}

// facts identifies what a tenant's state depends on beside requests and policy.
func (t *Tenant) facts() string {
	return fmt.Sprintf("%d %v %v", t.Cap.told(), t.Resets, t.Window)
}

// saved is a state as it is written, by gob and after a SHA-256 sum of that.
type saved struct {
	Facts string
	State state
}

// save writes the auditor's state. It cannot be saved where requests have no recording key to look up later.
func (a *Auditor) save() (data []byte, ok bool, err error) {
	if a.Load.Keyless {
		return nil, false, nil
	}
	s := a.state
	s.Spacing.Gaps.Shrink(0.50, 0.95)
	s.Resumed = s.Upto
	b := bytes.NewBuffer(make([]byte, sha256.Size))
	if err = gob.NewEncoder(b).Encode(saved{a.tenant.facts(), s}); err != nil {
		return nil, false, err
	}
	data = b.Bytes()
	sum := sha256.Sum256(data[sha256.Size:])
	copy(data, sum[:])
	return data, true, nil
}

// resume continues from a saved state; ok is false where it does not fit.
func (a *Auditor) resume(data []byte, h History) (ok bool) {
	if len(data) < sha256.Size {
		return false
	}
	var s saved
	sum, data := data[:sha256.Size], data[sha256.Size:]
	if sha256.Sum256(data) != [sha256.Size]byte(sum) {
		return false // a damaged state may decode, and then lie
	}
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(&s); err != nil || s.Facts != a.tenant.facts() {
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
