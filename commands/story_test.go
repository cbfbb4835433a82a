package commands

import (
	"bytes"
	"context"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/internal/sim/story"
	"github.com/6dcca832/headroom/limits"
)

// The story goes through the real transport into a file; the audit must find exactly what happened, and nothing secret
// or personal may be anywhere.
func TestStoryIsAuditedAsItHappened(t *testing.T) {
	dir, end := t.TempDir(), time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	tale, err := story.New(end, 7)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := limits.Builtin(defaultPolicy)
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, defaultDatabase)
	se := &session{streams: &streams{out: io.Discard, err: io.Discard}, policy: policy}
	err = se.open(context.Background(), db, func() error {
		if err := se.recordStory(t.Context(), tale); err != nil {
			return err
		}
		if _, err := os.Stat(db + "-wal"); err != nil {
			t.Errorf("the write-ahead log was not looked at: %v", err)
		}
		noCanary(t, dir) // while the write-ahead log is there
		if err := se.writeDemoConfig(filepath.Join(dir, defaultConfig), tale); err != nil {
			return err
		}
		compareWithTruth(t, se, tale)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	writeEverything(t, dir, db, end)
	checkParity(t, []string{"--db", db, "--config", filepath.Join(dir, defaultConfig)}, end.Format(time.RFC3339),
		[]string{"acme", "borealis", "cobalt", "dunmore", "elmwood"})
	noCanary(t, dir)
}

// capFits says whether a cap is the one that support told, or was measured from the recording lists that passed by.
func capFits(c egress.Cap, truth story.Truth) bool {
	if truth.CapTold {
		return c.Source == egress.CapTold && c.Bytes == truth.CapBytes
	}
	return c.Source == egress.CapMeasured && math.Abs(float64(c.Bytes-truth.CapBytes)) < .01*float64(truth.CapBytes)
}

// compareWithTruth compares the audit with the story's own count of what happened.
func compareWithTruth(t *testing.T, se *session, tale *story.Story) {
	t.Helper()
	snap, err := se.store.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer snap.Close()
	r, err := se.audit(t.Context(), snap, span{asOf: tale.End, since: tale.Start}, nil)
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]analyze.Result{}
	for _, result := range r.Tenants {
		results[result.Tenant] = result
	}
	for _, truth := range tale.Truth() {
		got := results[truth.Tenant]
		counts, statuses := map[string]int{}, map[story.ClassStatus]int{}
		for _, f := range got.Findings {
			counts[f.Rule] = int(f.Count)
		}
		for _, s := range got.Statuses {
			statuses[story.ClassStatus{Class: sim.Class(s.Class), Status: s.Status}] += int(s.Requests)
		}
		// The truth looks at audio requests, the rule at all requests while the window was full.
		if over := counts["over-cap"] - truth.Counts["over-cap"]; over < 0 || over > truth.Requests/100 {
			t.Errorf("%s: %d requests over the cap, %d more than audio requests", truth.Tenant, counts["over-cap"], over)
		}
		delete(counts, "over-cap")
		delete(truth.Counts, "over-cap")
		if !reflect.DeepEqual(counts, truth.Counts) {
			t.Errorf("%s: found %v, want %v", truth.Tenant, counts, truth.Counts)
		}
		if !maps.Equal(statuses, truth.Statuses) {
			t.Errorf("%s: statuses %v, want %v", truth.Tenant, statuses, truth.Statuses)
		}
		e := got.Egress
		if int(got.Requests) != truth.Requests || e.Total != truth.AudioBytes || e.Peak != truth.PeakBytes ||
			e.PeakAt != truth.PeakAt.UnixMicro() || e.Current != truth.CurrentBytes || !capFits(e.Cap, truth) {
			t.Errorf("%s: %d requests, egress %+v, want %+v", truth.Tenant, got.Requests, e, truth)
		}
	}
}

// writeEverything writes all that headroom can write of a file into dir.
func writeEverything(t *testing.T, dir, db string, end time.Time) {
	t.Helper()
	asOf := end.Format(time.RFC3339)
	for name, args := range map[string]string{
		"a.txt":    "audit --as-of " + asOf,
		"a.json":   "audit --format json --as-of " + asOf,
		"a.csv":    "audit --format csv --as-of " + asOf,
		"a.md":     "audit --format markdown --as-of " + asOf,
		"r.html":   "report --as-of " + asOf,
		"t.json":   "tenants --format json --as-of " + asOf,
		"e.jsonl":  "export",
		"why.json": "audit --explain auth --tenant dunmore --format json --as-of " + asOf,
		"why.csv":  "audit --explain lost-report --tenant elmwood --format csv --as-of " + asOf,
	} {
		var errs bytes.Buffer
		line := append([]string{"headroom", "--db", db}, strings.Fields(args)...)
		line = append(line, "--output", filepath.Join(dir, name))
		if code := Main(t.Context(), line, nil, io.Discard, &errs); code > exitFindings {
			t.Fatalf("%v: exit code %d: %s", line, code, errs.String())
		}
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Size() == 0 {
			t.Errorf("%s was not written: %v", name, err)
		}
	}
}

// noCanary looks for the marks of all secret and personal data in all files of a folder.
func noCanary(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		marks := sim.Canaries()
		if filepath.Ext(f.Name()) != ".html" { // the page explains the vendor's statuses in these words
			marks = append(marks, "Bearer", "Authorization")
		}
		for _, mark := range marks {
			if i := bytes.Index(bytes.ToLower(data), []byte(strings.ToLower(mark))); i >= 0 {
				t.Errorf("%s holds %q: %q", f.Name(), mark, data[max(0, i-40):min(len(data), i+40)])
			}
		}
	}
}
