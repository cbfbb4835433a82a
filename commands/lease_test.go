package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Two machines that share a log do not pull a tenant at the same time; one takes over where the
// other is gone, and knows what that one has stored.
func TestPullIntoOneLog(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	dir := t.TempDir()
	t.Chdir(dir)
	vendor, err := sim.NewVendor(sim.Config{
		Name: "acme", Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10, Weekend: 1, Interval: 5 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := sim.Start(vendor)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	policy, err := limits.BuiltinText("xima")
	if err != nil {
		t.Fatal(err)
	}
	quick := strings.Replace(string(policy), `min_interval  = "3s"`, `min_interval = "5ms"`, 1)
	for name, text := range map[string]string{
		"quick.toml": quick, "ca.pem": string(server.CA()), "headroom.toml": "[tenants.acme]\nagents = 2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HEADROOM_POLICY", "quick.toml")
	t.Setenv("HEADROOM_TOKEN", vendor.AddUser("acme", "Recording Export"))
	url := pgtest.Schema(t)
	pull := func() (string, int) {
		var out, errs bytes.Buffer
		code := Main(t.Context(), []string{
			"headroom", "--db", url, "pull", "--dest", "calls",
			"--upstream", "https://" + server.Addr(), "--upstream-ca", "ca.pem", "acme",
		}, strings.NewReader(""), &out, &errs)
		return errs.String(), code
	}

	log, err := openLog(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	const ttl = time.Minute
	if _, ok, err := log.(store.Leaser).TakeLease(t.Context(), "acme", ttl); err != nil || !ok {
		t.Fatalf("TakeLease: %v, %v", ok, err)
	}
	if line, code := pull(); code != exitFailed || !strings.Contains(line, "being pulled by another process") {
		t.Errorf("beside another: exit code %d, %s", code, line)
	}
	expire(t, url) // the other is gone
	if line, code := pull(); code != exitDone || !strings.Contains(line, " 0 missing") ||
		strings.Contains(line, " 0 recordings") {
		t.Errorf("after the other: exit code %d, %s", code, line)
	}
	if line, code := pull(); code != exitDone || !strings.Contains(line, " 0 recordings stored") {
		t.Errorf("again: exit code %d, %s", code, line)
	}
	entry := []store.LedgerEntry{{Tenant: "acme", Key: "k", StartedAt: 1, At: 1, State: store.LedgerGone}}
	if err := log.AddLedger(t.Context(), entry); err == nil {
		t.Error("the one that was gone writes to the ledger")
	}
	if audit := runMain(t, url, "audit"); !strings.Contains(audit, "pass") {
		t.Errorf("the audit:\n%s", audit)
	}
}

// expire ends all leases, as if nobody had renewed them.
func expire(t *testing.T, url string) {
	t.Helper()
	pgtest.Start(t).Exec(t, "SET search_path = "+url[strings.LastIndex(url, "=")+1:]+
		"; UPDATE lease SET until_at = 0")
}

// A pull whose tenant was taken over ends, with the reason.
func TestPullEndsWithItsLease(t *testing.T) {
	url := pgtest.Schema(t)
	was := leaseTTL
	leaseTTL = 8 * time.Second // a busy machine must answer within it
	defer func() { leaseTTL = was }()
	log, err := openLog(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	se := &session{streams: &streams{}, store: log}
	ctx, held, err := se.hold(t.Context(), []string{"acme", "blue"})
	if err != nil {
		t.Fatal(err)
	}
	defer held.free()
	expire(t, url)
	renewed(t, url, 2)
	if err := ctx.Err(); err != nil {
		t.Fatal("a lease that is renewed was lost:", context.Cause(ctx))
	}
	pgtest.Start(t).Exec(t, "SET search_path = "+url[strings.LastIndex(url, "=")+1:]+
		"; UPDATE lease SET fence = fence + 1 WHERE tenant_id = 2")
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		t.Fatal("nobody noticed")
	}
	if line := context.Cause(ctx).Error(); !strings.Contains(line, `tenant "blue"`) {
		t.Error(line)
	}
}

// renewed waits until so many leases are some that last.
func renewed(t *testing.T, url string, n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for got := 0; got < n; time.Sleep(20 * time.Millisecond) {
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM lease WHERE until_at > 0").Scan(&got)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// muteLease is one whose log does not answer.
type muteLease struct{ store.Lease }

func (muteLease) Renew(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// A pull whose log stays silent for as long as its leases last ends: another may have its tenants.
func TestPullEndsWhereTheLogIsSilent(t *testing.T) {
	was := leaseTTL
	leaseTTL = 50 * time.Millisecond
	defer func() { leaseTTL = was }()
	ctx, cancel := context.WithCancelCause(t.Context())
	go keepLeases(ctx, []store.Lease{muteLease{}}, cancel)
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute):
		cancel(nil)
		t.Fatal("it goes on")
	}
	if cause := context.Cause(ctx); !strings.Contains(cause.Error(), "the lease of a tenant was lost") {
		t.Error(cause)
	}
}
