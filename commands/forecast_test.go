package commands

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/forecast"
)

// say runs the program and returns what it wrote.
func say(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Main(context.Background(), append([]string{"headroom"}, args...), strings.NewReader(""), &out, &errs); code != want {
		t.Fatalf("%q exits with %d, want %d: %s%s", args, code, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// nights writes a log of so many nights, with ten downloads of so many bytes each in the tenant's night.
func nights(t *testing.T, tenant string, days int, bytes func(day int) int) string {
	t.Helper()
	var b strings.Builder
	first := time.Date(2026, 8, 1, 2, 0, 0, 0, time.UTC)
	for d := range days {
		for i := range 10 {
			at := first.AddDate(0, 0, d).Add(time.Duration(i) * time.Minute)
			key := fmt.Sprintf("%08x-0000-4000-8000-%012x-%d", d, i, at.Add(-time.Duration(10+i)*time.Hour).UnixMilli())
			fmt.Fprintf(&b, "{\"started_at\":%q,\"method\":\"GET\",\"url\":\"https://%s.xima.cloud/rest/api/v2/recordings/%s/audio\",\"status\":200,\"response_bytes\":%d}\n",
				at.Format(time.RFC3339Nano), tenant, key, bytes(d))
		}
	}
	name := filepath.Join(t.TempDir(), tenant+".jsonl")
	if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestForecastOfALog goes from a log to each format of a forecast, and to the audit's egress-near.
func TestForecastOfALog(t *testing.T) {
	dir := t.TempDir()
	db, config := filepath.Join(dir, "a.db"), filepath.Join(dir, "headroom.toml")
	weekly := func(d int) int { return ([]int{900, 1000, 1000, 1100, 1000, 200, 100}[d%7] + d*37%41) * 1000 }
	rising := func(d int) int { return weekly(d) * (10 + max(0, d-75)) / 10 }
	if err := os.WriteFile(config, []byte("[tenants.acme]\ncap = \"200MB\"\n[tenants.rising]\ncap = \"115MB\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	say(t, 0, "--db", db, "import", nights(t, "acme", 90, weekly), nights(t, "rising", 90, rising), nights(t, "young", 2, weekly))
	base := []string{"--db", db, "--config", config, "forecast", "--as-of", "2026-10-29T09:00:00Z"}
	text, _ := say(t, 0, append(base, "--format", "json")...)
	var doc struct {
		Schema  string `json:"schema"`
		Tenants []struct {
			Tenant  string           `json:"tenant"`
			Current int64            `json:"current_bytes"`
			Reason  *string          `json:"reason"`
			Chance  *float64         `json:"p_cross"`
			Rolling []map[string]any `json:"rolling"`
			Budget  struct {
				Tonight *int64 `json:"tonight_bytes"`
			} `json:"budget"`
			Score map[string]float64 `json:"backtest"`
		} `json:"tenants"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Tenants) != 3 || doc.Schema != "headroom.forecast/v1" {
		t.Fatalf("%s", text)
	}
	worst, calm, young := doc.Tenants[0], doc.Tenants[1], doc.Tenants[2]
	if worst.Tenant != "rising" || *worst.Chance < .1 || *worst.Budget.Tonight >= *calm.Budget.Tonight {
		t.Errorf("the rising tenant: chance %v, budget %v", *worst.Chance, *worst.Budget.Tonight)
	}
	if calm.Tenant != "acme" || *calm.Chance > .01 || len(calm.Rolling) != 14 || calm.Score["origins"] == 0 || calm.Current < 30e6 {
		t.Errorf("the calm tenant: chance %v, %d bytes, score %v", *calm.Chance, calm.Current, calm.Score)
	}
	if young.Tenant != "young" || young.Chance != nil || young.Budget.Tonight != nil {
		t.Errorf("the tenant without a cap: %+v", young)
	}
	for _, args := range [][]string{{}, {"--format", "markdown"}, {"--format", "csv"}, {"--tenant", "acme"}, {"--backtest"}, {"--what-if", "growth=10%"}} {
		once, _ := say(t, 0, append(base, args...)...)
		if again, _ := say(t, 0, append(base, args...)...); once != again || !strings.Contains(once, "acme") {
			t.Errorf("%q: %s", args, once)
		}
	}
	audit, _ := say(t, 0, "--db", db, "--config", config, "audit", "--as-of", "2026-10-29T09:00:00Z")
	if !strings.Contains(audit, "the forecast gives") {
		t.Errorf("the audit does not know of the forecast:\n%s", audit)
	}
}

// TestDailyInputs: a file, the same unpacked from gzip, and standard input are one.
func TestDailyInputs(t *testing.T) {
	var b, packed bytes.Buffer
	b.WriteString("series_id,day,bytes\n")
	for d := range 40 {
		fmt.Fprintf(&b, "a,%s,%d\n", time.Date(2026, 1, 5+d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly), 1000+d*d%377)
	}
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plain, gz := filepath.Join(dir, "a.csv"), filepath.Join(dir, "a.csv.gz")
	for name, data := range map[string][]byte{plain: b.Bytes(), gz: packed.Bytes()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := say(t, 0, "forecast", "--daily", plain, "--format", "json")
	if got, _ := say(t, 0, "forecast", "--daily", gz, "--format", "json"); got != want {
		t.Errorf("gzip gives %s", got)
	}
	for _, in := range [][]byte{b.Bytes(), packed.Bytes()} {
		var out, errs bytes.Buffer
		args := []string{"headroom", "forecast", "--daily", "-", "--format", "json"}
		if code := Main(context.Background(), args, bytes.NewReader(in), &out, &errs); code != 0 || out.String() != want {
			t.Errorf("standard input: code %d, %s%s", code, &out, &errs)
		}
	}
	if _, told := say(t, 2, "forecast", "--daily", "-", "--closures", "-"); !strings.Contains(told, "name a file") {
		t.Errorf("standard input twice: %s", told)
	}
}

// TestDailyRowsAreThePackages compares the rows of the command to those of package forecast.
func TestDailyRowsAreThePackages(t *testing.T) {
	dir := t.TempDir()
	daily, closures, out := filepath.Join(dir, "daily.csv"), filepath.Join(dir, "closed.csv"), filepath.Join(dir, "rows.csv")
	var b, c strings.Builder
	b.WriteString("series_id,day,bytes\n")
	c.WriteString("series_id,day,name\na,2026-02-16,holiday\nb,2026-03-02,fair\n")
	for d := range 90 {
		day := time.Date(2026, 1, 5+d, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
		fmt.Fprintf(&b, "a,%s,%d\nb,%s,%d\n", day, 1000+d*d%377+500*(d%7), day, 5e6+d%11*1e5)
	}
	fmt.Fprintf(&b, "short,2026-01-01,5\n")
	for name, text := range map[string]string{daily: b.String(), closures: c.String()} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	say(t, 0, "forecast", "--daily", daily, "--closures", closures, "--backtest", "--output", out)
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	series, err := forecast.ReadDaily(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := forecast.ReadClosures(strings.NewReader(c.String()), series); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	rows := forecast.NewRowWriter(&want)
	for _, s := range series[:2] {
		if err := forecast.WriteBacktest(rows, s, 5, 14); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(got, []byte("\n")); n != 1+2*88*14 || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d rows, which are not those of the package", n)
	}
}
