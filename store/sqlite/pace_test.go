package sqlite

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// TestSlots has two stores on one file, as two processes would.
func TestSlots(t *testing.T) {
	ctx := context.Background()
	name := filepath.Join(t.TempDir(), "pace.db")
	a, b := mustOpen(t, name), mustOpen(t, name)
	const lease = time.Hour

	slot, _, ok, err := a.TakeSlot(ctx, "acme", "audio", lease)
	if err != nil || !ok {
		t.Fatalf("the first slot: %v, %v", ok, err)
	}
	if _, wait, ok, err := b.TakeSlot(ctx, "acme", "audio", lease); err != nil || ok || wait <= 0 || wait > lease {
		t.Fatalf("while taken: %v %v %v", wait, ok, err)
	}
	for _, other := range [][2]string{{"borealis", "audio"}, {"acme", "list"}} {
		if _, _, ok, err := b.TakeSlot(ctx, other[0], other[1], lease); err != nil || !ok {
			t.Fatalf("%v: %v, %v", other, ok, err)
		}
	}
	if err := a.SettleSlot(ctx, slot, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, wait, ok, err := b.TakeSlot(ctx, "acme", "audio", lease); err != nil || ok || wait > time.Minute {
		t.Fatalf("after settling: %v %v %v", wait, ok, err)
	}
	if err := a.SettleSlot(ctx, slot, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, _ := b.TakeSlot(ctx, "acme", "audio", lease); ok {
		t.Fatal("a slot was settled twice")
	}
}

// TestSlotExpires is about a process that died, and about a clock that was set back.
func TestSlotExpires(t *testing.T) {
	ctx := context.Background()
	s := mustOpen(t, filepath.Join(t.TempDir(), "pace.db"))
	if _, _, ok, err := s.TakeSlot(ctx, "acme", "audio", -time.Second); err != nil || !ok {
		t.Fatal(ok, err)
	}
	slot, _, ok, err := s.TakeSlot(ctx, "acme", "audio", time.Minute)
	if err != nil || !ok {
		t.Fatalf("after expiry: %v, %v", ok, err)
	}
	if err := s.SettleSlot(ctx, slot, time.Now().Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, wait, ok, err := s.TakeSlot(ctx, "acme", "audio", time.Minute); err != nil || !ok {
		t.Fatalf("far in the future: %v %v %v", wait, ok, err)
	}
}

func mustOpen(t *testing.T, name string) *Store {
	t.Helper()
	s, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
