package analyze

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// audited gives an auditor that has seen some of everything.
func audited(t testing.TB) *Auditor {
	t.Helper()
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	a := NewAuditor(policy, egress.Tenant{Name: "acme", Cap: egress.CapFacts{Told: 9000}, Resets: []int64{1_793_000_020e6}, Chance: -1})
	addSome(t, a, 1_793_000_000e6)
	return a
}

func addSome(t testing.TB, a *Auditor, at int64) {
	t.Helper()
	source := &store.Source{Kind: "transport"}
	get := &store.Route{Method: "GET", Origin: "https://acme.xima.cloud", Template: "/rest/api/v2/recordings/{+recording_key}"}
	post := &store.Route{Method: "POST", Origin: "https://acme.xima.cloud", Template: "/rest/api/v1/historic-data/{+report_id}"}
	for i, status := range []int{200, 200, 404, 404, 429, 429, 500, 500, 500, 500, 503, 509, 401, 401, 202, 0} {
		r := store.Request{ID: at%1e9 + int64(i), Tenant: "acme", StartedAt: at + int64(i)*1500e3, Status: status, ResponseBytes: 1000,
			Route: get, Key: "recording-0001", Client: string(rune('a' + i%2)), Source: source, CutShort: i%5 == 3}
		if status == 202 {
			r.Route, r.Key = post, "7"
		}
		call := r.Call()
		if err := a.Add(&call); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResumeRefusesOtherFacts(t *testing.T) {
	a := audited(t)
	data, ok, err := a.save()
	if !ok || err != nil {
		t.Fatalf("save: %t, %v", ok, err)
	}
	if !NewAuditor(a.policy, *a.tenant).resume(data, nil) {
		t.Fatal("does not continue its own state")
	}
	changes := map[string]func(*egress.Tenant){
		"cap":       func(t *egress.Tenant) { t.Cap.Told++ },
		"reset":     func(t *egress.Tenant) { t.Resets = append(slices.Clone(t.Resets), 1_793_000_100e6) },
		"no resets": func(t *egress.Tenant) { t.Resets = nil },
	}
	for name, change := range changes {
		other := *a.tenant
		change(&other)
		if NewAuditor(a.policy, other).resume(data, nil) {
			t.Errorf("%s: continues a state made under other facts", name)
		}
	}
}

func TestSaveLeavesTheAuditorAsItWas(t *testing.T) {
	a, b := audited(t), audited(t)
	if _, _, err := a.save(); err != nil {
		t.Fatal(err)
	}
	addSome(t, a, 1_793_000_100e6)
	addSome(t, b, 1_793_000_100e6)
	got, _, err := a.save()
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := b.save()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) { // maps are written in any order
		t.Errorf("saving once in between changed the state: %d bytes, want %d", len(got), len(want))
	}
}

func TestResumeRefusesDamage(t *testing.T) {
	a := audited(t)
	data, _, err := a.save()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		if NewAuditor(a.policy, *a.tenant).resume(damaged, nil) {
			t.Errorf("took a state whose byte %d was changed", i)
		}
		if NewAuditor(a.policy, *a.tenant).resume(data[:i], nil) {
			t.Errorf("took the first %d of %d bytes of a state", i, len(data))
		}
	}
}

// FuzzResume checks that garbage is refused, and that garbage under a right sum does not panic either.
func FuzzResume(f *testing.F) {
	a := audited(f)
	data, _, err := a.save()
	if err != nil {
		f.Fatal(err)
	}
	data = data[sha256.Size:]
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
	f.Add([]byte("no state at all"))
	f.Fuzz(func(t *testing.T, changed []byte) {
		b := NewAuditor(a.policy, *a.tenant)
		if b.resume(changed, nil) {
			t.Errorf("took %d bytes without a sum", len(changed))
		}
		sum := sha256.Sum256(changed)
		b.resume(append(sum[:], changed...), nil)
	})
}
