package commands

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// TestExplainNamesWhatIsMissing: a recording that was listed and never downloaded has no request, and
// is told by its key.
func TestExplainNamesWhatIsMissing(t *testing.T) {
	f := &fleet{routes: map[string]*store.Route{}, source: &store.Source{Kind: "transport"}}
	f.pull("acme", 10, 20, 4*time.Second, 200)
	var listed []store.Recording
	for i := range f.requests {
		r := &f.requests[i]
		listed = append(listed, store.Recording{Tenant: "acme", Key: r.Key, StartedAt: r.StartedAt - 1e6, Bytes: 1_000_000})
	}
	missing := f.requests[7]
	f.requests = append(f.requests[:7:7], f.requests[8:]...)
	f.pull("acme", 0, 1, time.Second, 200)
	db, config := f.write(t)
	st, err := sqlite.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.AddRecordings(t.Context(), listed); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		"csv": fmt.Sprintf(",acme,,,%s,0,0,,", missing.Key), "json": fmt.Sprintf(`"key": ?%q`, missing.Key),
		"table": missing.Key[:24],
	} {
		var out, errs bytes.Buffer
		code := Main(t.Context(), []string{
			"headroom", "--db", db, "--config", config, "audit", "acme", "--as-of", fleetNow.Format(time.RFC3339),
			"--explain", "listed-not-downloaded", "--format", format,
		}, strings.NewReader(""), &out, &errs)
		text := out.String()
		if format == "json" {
			text = strings.ReplaceAll(text, `": "`, `": ?"`)
		}
		if code != exitDone || strings.Count(text, want) != 1 {
			t.Errorf("%s: exit code %d, want one %q:\n%s%s", format, code, want, text, errs.String())
		}
	}
}
