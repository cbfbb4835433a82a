package analyze

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/limits"
)

// engine changes whenever the same requests would lead to another state; saved states of another
// engine are not used.
const engine = "audit/8"

// stateKey identifies what saved states depend on beside the requests: this program and the policy.
func stateKey(p *limits.Policy) ([]byte, error) {
	policy, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("identify policy: %w", err)
	}
	h := sha256.New()
	for _, part := range [][]byte{
		[]byte(engine), []byte(strings.Join(rules.Names(), " ")), stateTypes, policy,
	} {
		h.Write(part) // never fails: hash.Hash
	}
	return h.Sum(nil), nil
}

// facts identifies what a tenant's state depends on beside requests and policy.
func facts(t *egress.Tenant) string {
	return fmt.Sprintf("%d %v %v %v", t.Cap.ToldBytes(), t.Resets, t.Window, newCalendar(t.Zone).zone)
}

// A saved state is a SHA-256 sum of all that follows; the length of a savedType by gob, and that;
// and the cells of the window and the nights as numbers, which are most of it.

// savedType is a struct with the facts, the auditor's own state, and a pointer to each judge that
// has one.
var savedType = func() reflect.Type {
	fields := []reflect.StructField{
		{Name: "Facts", Type: reflect.TypeFor[string]()},
		{Name: "State", Type: reflect.TypeFor[*state]()},
	}
	f := &rules.Facts{Policy: &limits.Policy{}, Tenant: &egress.Tenant{}}
	for i, r := range rules.All {
		if j := r.New(f); j != nil && rules.HasState(j) {
			fields = append(fields, reflect.StructField{Name: judgeField(i), Type: reflect.TypeOf(j)})
		}
	}
	return reflect.StructOf(fields)
}()

// judgeField names a rule's field, in the way that Go exports names.
func judgeField(rule int) string {
	return "Rule" + strings.ReplaceAll(rules.All[rule].Name, "-", "_")
}

// saved gives a value of savedType that points at what the auditor has.
func (a *Auditor) saved(s *state) reflect.Value {
	v := reflect.New(savedType).Elem()
	v.FieldByName("Facts").SetString(facts(a.tenant))
	v.FieldByName("State").Set(reflect.ValueOf(s))
	for i, j := range a.judges {
		if f := v.FieldByName(judgeField(i)); f.IsValid() && j != nil {
			f.Set(reflect.ValueOf(j))
		}
	}
	return v
}

// stateTypes is what gob writes before the first value to describe its types. It is left out of
// saved states, because reading it takes longer than reading a state; stateKey has it, so that
// states of other types are not used.
var stateTypes = func() []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).EncodeValue(emptySaved()); err != nil {
		panic(err) // a type that gob cannot write: a mistake in a rule's judge
	}
	return b.Bytes()
}()

func emptySaved() reflect.Value {
	v := reflect.New(savedType).Elem()
	v.FieldByName("State").Set(reflect.ValueOf(&state{}))
	return v
}

// stateWriter writes one savedType after another.
type stateWriter struct {
	buf bytes.Buffer
	enc *gob.Encoder // nil before the first state, and after a fault
}

// write gives bytes that the next write overwrites.
func (w *stateWriter) write(state reflect.Value) ([]byte, error) {
	if w.enc == nil {
		w.enc = gob.NewEncoder(&w.buf)
		if err := w.enc.EncodeValue(emptySaved()); err != nil { // the types go first; see stateTypes
			w.enc = nil
			return nil, err
		}
	}
	w.buf.Reset()
	if err := w.enc.EncodeValue(state); err != nil {
		w.enc = nil
		return nil, err
	}
	return w.buf.Bytes(), nil
}

// stateReader reads one savedType after another.
type stateReader struct {
	buf bytes.Buffer
	dec *gob.Decoder // nil before the first state, and after a fault
}

func (r *stateReader) read(data []byte, into reflect.Value) (err error) {
	if r.dec == nil {
		r.buf.Reset()
		r.buf.Write(stateTypes)
		r.dec = gob.NewDecoder(&r.buf)
		if err := r.dec.DecodeValue(reflect.New(savedType)); err != nil {
			return err
		}
	}
	r.buf.Write(data)
	err = r.dec.DecodeValue(into.Addr())
	if err == nil && r.buf.Len() > 0 {
		err = errors.New("more than one state")
	}
	if err != nil {
		r.dec = nil
	}
	return err
}

// save writes the auditor's state. It cannot be saved where requests have no recording key to look
// up later.
func (a *Auditor) save() (data []byte, ok bool, err error) {
	if a.Keyless || !a.Any {
		return nil, false, nil
	}
	a.flush()
	for i, j := range a.judges {
		if s, ok := j.(rules.Settler); ok {
			s.Settle(a.fires[i])
		}
	}
	for _, n := range a.ledger.Nights {
		if len(n.gaps) > 0 {
			n.Gaps, n.gaps = packGaps(n.Gaps, n.gaps), nil
		}
	}
	a.ledger.trim(a.calend.night(a.Upto) - NowNights + 1)
	s := a.state
	s.Kinds, s.Resumed, s.Window.Cells = a.table.rows, a.Upto, nil
	few, err := a.scratch.writer.write(a.saved(&s))
	if err != nil {
		return nil, false, err
	}
	all := numbers(make([]byte, sha256.Size, 2*len(few)))
	all.bytes(few)
	all.cells(a.Window.Cells)
	all.ledger(&a.ledger)
	sum := sha256.Sum256(all[sha256.Size:])
	copy(all, sum[:])
	return all, true, nil
}

// resume continues from a saved state; ok is false where it does not fit. Then the auditor must not
// be used.
func (a *Auditor) resume(data []byte, h History) (ok bool) {
	if len(data) < sha256.Size {
		return false
	}
	sum, data := data[:sha256.Size], data[sha256.Size:]
	if sha256.Sum256(data) != [sha256.Size]byte(sum) {
		return false // a damaged state may decode, and then lie
	}
	r := numberReader{left: data}
	into := a.saved(&a.state)
	if err := a.scratch.states.read(r.bytes(), into); err != nil ||
		into.FieldByName("Facts").String() != facts(a.tenant) {
		return false // a cache: whatever is wrong with it, the requests are there
	}
	a.scratch.cells = r.cells(a.scratch.cells)
	a.scratch.nights = r.ledger(&a.ledger, a.scratch.nights)
	a.history, a.table.rows, a.Window.Cells = h, a.Kinds, a.scratch.cells
	return !r.broken && len(r.left) == 0
}
