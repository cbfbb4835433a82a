package evidence

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store/sqlite"
)

// noon is the beginning of the night of a time, in UTC.
func noon(at time.Time) time.Time {
	return at.UTC().Add(-12 * time.Hour).Truncate(24 * time.Hour).Add(12 * time.Hour)
}

func collect(t testing.TB, st *sqlite.Store, key *Key, p Period) (*Contents, error) {
	t.Helper()
	in, err := st.Seals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if p.Night == nil {
		p.Night = noon
	}
	c, err := Collect(context.Background(), in, key, p)
	if err == nil {
		c.About = About{Tenant: p.Tenant, Program: testProgram, With: p.With}
		c.Policy, c.Settings = []byte(testPolicy), []byte(testSettings)
	}
	return c, err
}

func TestCollect(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(6, 6))
	var lines []string
	o := testSealOptions(key)
	for range 4 {
		addRows(t, st, random, 50, "acme", "zeta")
		lines = append(lines, mustSeal(t, st, o).Line)
		o.Now += 24 * time.Hour.Microseconds()
	}
	p := Period{Tenant: "acme", Since: 0, Until: 1 << 62, AsOf: o.Now}
	c, err := collect(t, st, key, p)
	if err != nil {
		t.Fatal(err)
	}
	if c.Before.Size != 0 || len(c.Earlier) != 3 {
		t.Errorf("begins at %d, with %d earlier seals", c.Before.Size, len(c.Earlier))
	}
	data := write(t, key, c)
	for i, line := range lines {
		a, err := ParseAnchor("mail", []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		opts := testOptions()
		opts.Anchors = []Anchor{a}
		if r := check(t, data, opts); r.Grade != Held {
			t.Errorf("holding line %d: %v %v %q", i, r.Grade, r.Problem, r.Notes)
		}
	}
	for _, secret := range []string{"zeta", "client 1", "access.log", "ticket 7"} {
		if bytes.Contains(c.Leaves, []byte(secret)) || bytes.Contains(disclosedText(c.Disclosed), []byte(secret)) {
			t.Errorf("%q is in the bundle", secret)
		}
	}
	p.With = []Field{FieldClient, FieldNote}
	if c, err = collect(t, st, key, p); err != nil || !strings.Contains(string(disclosedText(c.Disclosed)), "client 1") {
		t.Errorf("the client is not disclosed: %v", err)
	}
	if r := check(t, write(t, key, c), testOptions()); r.Problem != nil {
		t.Error(r.Problem)
	}
	addRows(t, st, random, 50, "acme")
	mustSeal(t, st, o)
	p.With = nil
	p.AsOf -= 24 * time.Hour.Microseconds()
	again, err := collect(t, st, key, p)
	if err != nil || !bytes.Equal(write(t, key, again), data) {
		t.Errorf("as of the same moment it is another bundle: %v", err)
	}
}

// A bundle begins with the last checkpoint before its period's first row.
func TestCollectBeginsWithThePeriod(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(7, 7))
	for range 3 {
		addRows(t, st, random, 20, "acme")
		mustSeal(t, st, testSealOptions(key))
	}
	in, err := st.Seals(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	heads, err := in.TenantHeads(context.Background(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	var at int64
	for r, err := range in.Requests(context.Background(), "acme", 40, 60) {
		if err != nil {
			t.Fatal(err)
		}
		at = r.StartedAt
	}
	in.Close()
	c, err := collect(t, st, key, Period{Tenant: "acme", Since: at, Until: at + 1, AsOf: testNow + 10})
	if err != nil || c.Before.Size != heads[1].Size {
		t.Fatalf("begins at %d, want %d: %v", c.Before.Size, heads[1].Size, err)
	}
	if r := check(t, write(t, key, c), testOptions()); r.Problem != nil {
		t.Error(r.Problem)
	}
	if _, err := collect(t, st, key, Period{Tenant: "acme", Since: 1, Until: 2, AsOf: testNow}); !errors.Is(err, ErrNothingSealed) {
		t.Errorf("an empty period: %v", err)
	}
	if _, err := collect(t, st, key, Period{Tenant: "other", Until: 1 << 62, AsOf: testNow}); !errors.Is(err, ErrNothingSealed) {
		t.Errorf("an unknown tenant: %v", err)
	}
	if _, err := collect(t, st, NewKey(), Period{Tenant: "acme", Until: 1 << 62, AsOf: testNow}); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
}

// Settings that change while no row is new are told by the log before a bundle holds them: else the
// bundle would not be what the log was sealed with, and whoever checks it would find it altered.
func TestBundleAfterTheSettingsChanged(t *testing.T) {
	st, key, random := testStore(t), testKey(), rand.New(rand.NewPCG(8, 8))
	addRows(t, st, random, 20, "acme", "zeta")
	o := testSealOptions(key)
	mustSeal(t, st, o)
	p := Period{Tenant: "acme", Until: 1 << 62, AsOf: o.Now + 10_000000}
	for i, policy := range []string{"name = \"second\"\n", "name = \"third\"\n"} {
		if i > 0 {
			addRows(t, st, random, 5, "zeta") // what is new is another tenant's
		}
		o.Now, o.Policy = o.Now+1_000000, []byte(policy)
		mustSeal(t, st, o)
		c, err := collect(t, st, key, p)
		if err != nil {
			t.Fatal(err)
		}
		c.Policy = o.Policy
		if _, err := key.WriteBundle(c, testRender); err == nil {
			t.Error("a bundle was made that its reader would find altered")
		}
		o.Restate = "acme"
		if done := mustSeal(t, st, o); done.Runs != 1 {
			t.Errorf("the log says the policy in %d seals", done.Runs)
		}
		if done := mustSeal(t, st, o); done.Runs != 0 {
			t.Errorf("the log says the same policy again in %d seals", done.Runs)
		}
		if c, err = collect(t, st, key, p); err != nil {
			t.Fatal(err)
		}
		c.Policy = o.Policy
		if r := check(t, write(t, key, c), testOptions()); r.Problem != nil {
			t.Errorf("with policy %d: %v", i, r.Problem)
		}
		if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Problem != nil || r.Unsealed != 0 {
			t.Errorf("the log, with policy %d: %+v", i, r)
		}
		o.Restate = ""
	}
}
