package callaudit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/egress"

	"github.com/6dcca832/headroom/callaudit"
	"github.com/6dcca832/headroom/ingest"
)

const audio = "http://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e-1763938800000"

func audioOf(tenant string) string { return strings.Replace(audio, "acme", tenant, 1) }

// vendor answers each request with twelve bytes.
type vendor struct{}

func (vendor) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	io.WriteString(w, "RIFF....WAVE")
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// get makes a call and reads its answer to the end.
func get(c *http.Client, url string) error {
	resp, err := c.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A program records its calls, audits them, forecasts and writes the page.
func Example() {
	folder, err := os.MkdirTemp("", "headroom-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	standard := http.DefaultTransport
	http.DefaultTransport = vendor{} // instead of the real one
	defer func() { http.DefaultTransport = standard }()

	var page bytes.Buffer
	err = nightly(context.Background(), filepath.Join(folder, "headroom.db"), &page, func(c *http.Client) error {
		return errors.Join(get(c, audioOf("acme")), get(c, audioOf("blue")), get(c, audioOf("blue")))
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println("a page:", strings.HasPrefix(page.String(), "<!DOCTYPE html>"))
	// Output:
	// blue: fail, 2 requests
	// 24 bytes in the window
	// acme: pass, 1 requests
	// 12 bytes in the window
	// a page: true
}

// TestReadmeShowsTheExample: what the README tells people to copy is what is compiled and run here.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(source), "package callaudit_test\n\n")
	if !strings.Contains(string(readme), "\n```go\n"+want+"```\n") {
		t.Errorf("the README lacks the code of example_test.go:\n%s", want)
	}
}

// What was recorded up to an audit is in it, and what comes later is in the next.
func TestLogAuditsWhatWasRecorded(t *testing.T) {
	ctx := context.Background()
	log, err := callaudit.Open(filepath.Join(t.TempDir(), "a.db"), callaudit.WithConfig(callaudit.Config{
		Tenants: map[string]callaudit.Tenant{"acme": {CapBytes: 1000, Window: callaudit.Window{To: 5 * time.Hour}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: log.Transport(vendor{}, ingest.WithClient("c"))}
	for round := range 3 {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := get(client, audio); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		r, err := log.Audit(ctx, callaudit.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		a := r.Tenants[0]
		if want := int64(4 * (round + 1)); a.Requests != want || a.Egress.Current != 12*want {
			t.Errorf("round %d: %d requests, %d bytes", round, a.Requests, a.Egress.Current)
		}
		if a.Egress.Cap.Bytes != 1000 || a.Egress.Cap.Source != egress.CapTold {
			t.Errorf("cap %+v", a.Egress.Cap)
		}
	}
	var page bytes.Buffer
	if err := log.WriteReport(ctx, &page, callaudit.Scope{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), `"t":"by client"`) {
		t.Error("the page does not tell the use of the API")
	}
	if err := log.Reset(ctx, "acme", time.Now(), "ticket 4711"); err != nil {
		t.Fatal(err)
	}
	if r, err := log.Audit(ctx, callaudit.Scope{}); err != nil || r.Tenants[0].Egress.Current != 0 {
		t.Errorf("after a reset: %v, %v", r.Tenants[0].Egress, err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.db")
	if _, err := callaudit.Open(file, callaudit.WithPolicy(nil)); err == nil {
		t.Error("a missing policy is taken")
	}
	if _, err := callaudit.Open(file, callaudit.WithConfigFile("nosuch.toml")); err == nil {
		t.Error("a missing config is taken")
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a log was made all the same")
	}
}
