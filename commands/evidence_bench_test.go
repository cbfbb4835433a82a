//go:build linux

package commands

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// sealedMachine runs commands as processes of their own on one log, in a folder of its own.
type sealedMachine struct {
	b   *testing.B
	dir string
}

func (m *sealedMachine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *sealedMachine) spend(args ...string) cost {
	m.b.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"--db", m.path("headroom.db")}, args...)...)
	cmd.Args[0] = "headroom"
	cmd.Env = []string{
		"HOME=" + m.dir, "XDG_CONFIG_HOME=" + m.dir, "XDG_RUNTIME_DIR=" + m.dir, "PATH=" + os.Getenv("PATH"),
	}
	return spend(m.b, m.dir, cmd)
}

// importUnsealed imports a night's log and cannot seal it, for want of the key that is named.
func (m *sealedMachine) importUnsealed(name string) cost {
	return m.spend("--key", m.path("none"), "import", m.path(name))
}

func (m *sealedMachine) audit() cost {
	return m.spend("audit", "--no-cache", "--as-of", "2027-06-01", "--fail-on", "never", "-o", os.DevNull)
}

// write makes a log of the requests from to from+n-1, for recordings, by all tenants in turns, in nights of
// nightly each, from start on. Keys and sizes are random to whoever packs them, as the vendor's are.
func (m *sealedMachine) write(name string, start time.Time, from, n, tenants, nightly int) {
	m.b.Helper()
	f, err := os.Create(m.path(name))
	if err != nil {
		m.b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		at := start.AddDate(0, 0, i/(tenants*nightly)).Add(time.Duration(i/tenants%nightly) * 3100 * time.Millisecond)
		writeBenchRequest(w, at, from+i, i%tenants)
	}
	if err := w.Flush(); err != nil {
		m.b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		m.b.Fatal(err)
	}
}

func writeBenchRequest(w io.Writer, at time.Time, i, tenant int) {
	sum := sha256.Sum256([]byte(fmt.Sprint(i)))
	at = at.Add(time.Duration(int(sum[0])<<8|int(sum[1])) * time.Microsecond)
	fmt.Fprintf(w, `{"started_at":%q,"method":"GET","url":"https://t%03d.xima.cloud/rest/api/v2/recordings/`+
		`%x-%x-4%.3x-a%.3x-%x-%d/audio","status":200,"response_bytes":%d,"duration_s":%.6f,"client":"nightly"}`+"\n",
		at.Format("2006-01-02T15:04:05.000000Z"), tenant, sum[2:6], sum[6:8], sum[8:10], sum[10:12], sum[12:18],
		at.Add(-9*time.Hour).UnixMilli()+int64(sum[18]), 100_000+int(sum[19])<<12+int(sum[20])<<4,
		float64(int(sum[21])<<8|int(sum[22]))/20_000)
}

// BenchmarkSeal compares, as processes of their own and by processor time, sealing a whole log with
// importing it, and sealing one more night of one tenant with an audit of the whole log. The promises:
// at most 4 times an import at constant memory, and a tenth of an audit.
func BenchmarkSeal(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint("rows=", rows), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				m := &sealedMachine{b, b.TempDir()}
				start := time.Date(2025, 9, 1, 2, 0, 0, 0, time.UTC)
				m.write("log.jsonl", start, 0, rows, 200, 140)
				b.StartTimer()
				imported, sealed := m.importUnsealed("log.jsonl"), m.spend("seal")
				verified := m.spend("verify")
				b.StopTimer()
				m.write("night.jsonl", start.AddDate(1, 0, 0), rows, 140, 1, 140)
				m.importUnsealed("night.jsonl")
				night, audit := m.spend("seal"), m.audit()
				b.ReportMetric(imported.cpu.Seconds(), "import-s")
				b.ReportMetric(sealed.cpu.Seconds()/imported.cpu.Seconds(), "×-import")
				b.ReportMetric(float64(sealed.memory)/1e6, "seal-MB")
				b.ReportMetric(verified.cpu.Seconds()/imported.cpu.Seconds(), "verify-×-import")
				b.ReportMetric(night.cpu.Seconds()/audit.cpu.Seconds(), "night-×-audit")
				b.StartTimer()
			}
		})
	}
}

// BenchmarkBundle compares making and checking a bundle of thirty nights of one tenant, each sealed,
// with an audit of the same 25,000 requests. The promises: at most 5 MB, and 10 times the audit.
func BenchmarkBundle(b *testing.B) {
	for range b.N {
		b.StopTimer()
		m := &sealedMachine{b, b.TempDir()}
		for night := range 30 {
			start := time.Date(2026, 10, 1+night, 2, 0, 0, 0, time.UTC)
			m.write("night.jsonl", start, night*834, 834, 1, 834)
			m.spend("import", m.path("night.jsonl"))
		}
		b.StartTimer()
		made := m.spend("evidence", "t000", "--since", "2026-10-01", "--as-of", "2026-11-02", "-o", m.path("ticket.zip"))
		verified, audit := m.spend("verify", m.path("ticket.zip")), m.audit()
		b.StopTimer()
		st, err := os.Stat(m.path("ticket.zip"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(st.Size())/1e6, "MB")
		b.ReportMetric(made.cpu.Seconds()/audit.cpu.Seconds(), "made-×-audit")
		b.ReportMetric(verified.cpu.Seconds()/audit.cpu.Seconds(), "verified-×-audit")
		b.ReportMetric(float64(made.memory)/1e6, "make-MB")
		b.StartTimer()
	}
}
