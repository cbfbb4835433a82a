package commands

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Situations that people who do this job have reported, made small: from files through import to the
// audit. What import alone decides is tested in ingest/logs.

const (
	fieldKey   = "0f8fad5b-d9cb-469f-a165-70867728950e-1793500000000"
	fieldAudio = "/rest/api/v2/recordings/" + fieldKey
	fieldOther = "/rest/api/v2/recordings/1f8fad5b-d9cb-469f-a165-70867728950e-1793500000000"
	fieldThird = "/rest/api/v2/recordings/2f8fad5b-d9cb-469f-a165-70867728950e-1793500000000"
)

// fieldCase is a sequence of imports and what the audit then says of the tenant acme.
type fieldCase struct {
	name   string
	files  []string         // each is imported by a command of its own
	args   []string         // of import
	found  map[string]int64 // by rule
	unsure int64            // indeterminate gaps
	reads  int64            // requests that are there in the end
	bytes  int64
	note   string // a part of the audit's table
}

// fieldLine is a record of a second of 2 o'clock on 1 November 2026.
func fieldLine(second float64, method, url string, status, bytes int, more string) string {
	if strings.HasPrefix(url, "/") {
		url = "https://acme.xima.cloud" + url
	}
	return fmt.Sprintf(`{"started_at":"2026-11-01T02:%02d:%06.3fZ","method":%q,"url":%q,"status":%d,"response_bytes":%d,"tenant":"acme"%s}`+"\n",
		int(second)/60, second-float64(int(second)/60*60), method, url, status, bytes, more)
}

// accessLine is a line of a common log of the same hour.
func accessLine(client string, second int, path string, status, bytes int) string {
	return fmt.Sprintf("%s - - [01/Nov/2026:02:00:%02d +0000] \"GET %s HTTP/1.1\" %d %d\n", client, second, path, status, bytes)
}

func harEntryOf(second float64, url string, status, size int, to string) string {
	return fmt.Sprintf(`{"startedDateTime":"2026-11-01T02:00:%06.3fZ","time":9,"request":{"method":"GET","url":%q},`+
		`"response":{"status":%d,"bodySize":%d,"redirectURL":%q}}`, second, url, status, size, to)
}

func harOf(entries ...string) string {
	return `{"log":{"creator":{"name":"x"},"entries":[` + strings.Join(entries, ",") + `]}}`
}

func fieldCases() []fieldCase {
	audio := "https://acme.xima.cloud" + fieldAudio
	tunnel := "https://acme.xima.cloud/"
	return []fieldCase{
		{
			name: "a proxy in between refuses tunnels", reads: 4, found: map[string]int64{"no-answer": 1},
			files: []string{fieldLine(0, "CONNECT", tunnel, 429, 0, "") + fieldLine(1, "CONNECT", tunnel, 407, 0, "") +
				fieldLine(2, "CONNECT", tunnel, 509, 0, "") + fieldLine(3, "CONNECT", tunnel, 0, 0, "")},
		},
		{
			name: "a clock that was never set", reads: 1, bytes: 500, found: map[string]int64{},
			files: []string{fieldLine(0, "GET", fieldAudio, 200, 500, "") +
				strings.Replace(fieldLine(0, "GET", fieldAudio, 200, 500, ""), "2026-11-01T02:00:00.000Z", "1970-01-01T00:00:00.0Z", 1)},
		},
		{
			name: "the same path at two hosts", reads: 4, found: map[string]int64{},
			files: []string{fieldLine(0, "GET", "https://a.example/item/7", 404, 0, "") + fieldLine(30, "GET", "https://b.example/item/7", 200, 0, "") +
				fieldLine(60, "GET", "https://a.example/status", 404, 0, "") + fieldLine(90, "GET", "https://b.example/status", 200, 0, "")},
		},
		{
			name: "keys that are not kept", reads: 4, bytes: 40, found: map[string]int64{"duplicate-download": 2},
			files: []string{fieldLine(0, "GET", "/rest/api/v2/recordings/abc1/audio", 200, 10, "") +
				fieldLine(60, "GET", "/rest/api/v2/recordings/abc1/audio?a=1", 200, 10, "") +
				fieldLine(120, "GET", "/rest/api/v2/recordings/abc1", 200, 10, "") + fieldLine(180, "GET", "/rest/api/v2/recordings/abc2", 200, 10, "")},
		},
		{
			name: "a key from the future", reads: 2, bytes: 20, found: map[string]int64{"duplicate-download": 1},
			files: []string{
				fieldLine(0, "GET", "/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e-1893500000000", 200, 10, ""),
				fieldLine(600, "GET", "/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e-1893500000000", 200, 10, ""),
			},
		},
		{
			name: "two machines, a log each", reads: 4, bytes: 40, args: []string{"--time", "start"},
			found: map[string]int64{"spacing": 2, "interleaved": 2, "duplicate-download": 2},
			files: []string{
				accessLine("10.0.0.1", 0, fieldAudio, 200, 10) + accessLine("10.0.0.1", 4, fieldAudio+"/x", 200, 10),
				accessLine("10.0.0.2", 0, fieldOther, 200, 10) +
					accessLine("10.0.0.2", 4, fieldAudio+"/x", 200, 10),
			},
		},
		{
			name: "a clock set back", reads: 3, bytes: 3, found: map[string]int64{"spacing": 2, "clock-stepped": 1},
			files: []string{fieldLine(10, "GET", fieldAudio, 200, 1, `,"duration_ms":9`) + fieldLine(13, "GET", fieldOther, 200, 1, `,"duration_ms":9`) +
				fieldLine(11, "GET", fieldThird, 200, 1, `,"duration_ms":9`)},
		},
		{
			name: "an nginx log", reads: 2, bytes: 2, unsure: 1, args: []string{"--time", "end"}, found: map[string]int64{},
			files: []string{accessLine("10.0.0.1", 0, fieldAudio, 200, 1) + accessLine("10.0.0.1", 1, fieldOther, 200, 1)},
		},
		{
			name: "a log that grows", reads: 2, bytes: 20, unsure: 1, found: map[string]int64{},
			files: []string{
				accessLine("10.0.0.1", 0, fieldAudio, 404, 10) + `10.0.0.1 - - [01/Nov/2026:02:10:00 +0000] "GET /rest/api HTTP/1.1" 20`,
				accessLine("10.0.0.1", 0, fieldAudio, 404, 10) + accessLine("10.0.0.1", 4, fieldOther, 404, 10),
			},
		},
		{
			name: "a HAR exported while a request was pending", reads: 1, bytes: 50, found: map[string]int64{},
			files: []string{
				harOf(`{"startedDateTime":"2026-11-01T02:00:00.512Z","time":0,"request":{"method":"GET","url":"` + audio + `"},"response":{"status":0,"bodySize":-1}}`),
				harOf(harEntryOf(0.512, audio, 200, 50, "")),
			},
		},
		{
			name: "a redirect to a storage", reads: 4, bytes: 100, found: map[string]int64{"duplicate-download": 1},
			note: "a storage that the vendor redirected to",
			files: []string{harOf(harEntryOf(0, audio, 302, 50, "https://s3.example/b/x?Signature=Canary"),
				harEntryOf(0.3, "https://s3.example/b/x?Signature=Canary", 200, 50, ""),
				harEntryOf(9, audio, 302, 50, "https://s3.example/b/x?Signature=Canary2"),
				harEntryOf(9.3, "https://s3.example/b/x?Signature=Canary2", 200, 50, ""))},
		},
		{
			name: "a redirect that nobody was seen to follow", reads: 1, found: map[string]int64{}, note: "was not seen",
			files: []string{fieldLine(0, "GET", fieldAudio, 302, 0, "")},
		},
		{
			name: "a download that is resumed, then fetched again", reads: 3, bytes: 25,
			found: map[string]int64{"cut-short": 1, "duplicate-download": 1},
			files: []string{fieldLine(0, "GET", fieldAudio, 200, 4, `,"complete":false`) + fieldLine(5, "GET", fieldAudio, 206, 6, "") +
				fieldLine(10, "GET", fieldAudio, 200, 15, "")},
		},
	}
}

// TestField makes each of the situations from files, and compares what the audit says, with a cache that
// grows and without one.
func TestField(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for _, c := range fieldCases() {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			db := filepath.Join(dir, "t.db")
			for i, text := range c.files {
				file := filepath.Join(dir, fmt.Sprintf("input-%d", i))
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				runMain(t, db, append(append([]string{"import", "--tenant", "acme"}, c.args...), file)...)
				c.check(t, runMain(t, db, "audit", "--format", "json", "--as-of", "2026-11-02"), i == len(c.files)-1)
			}
			c.check(t, runMain(t, db, "audit", "--no-cache", "--format", "json", "--as-of", "2026-11-02"), true)
			if table := runMain(t, db, "audit", "--as-of", "2026-11-02"); !strings.Contains(strings.Join(strings.Fields(table), " "), c.note) {
				t.Errorf("%s", table)
			}
			if data, err := os.ReadFile(db); err != nil || strings.Contains(string(data), "Canary") {
				t.Errorf("a signature is in the file, or %v", err)
			}
		})
	}
}

func (c *fieldCase) check(t *testing.T, text string, last bool) {
	t.Helper()
	var audit struct {
		Tenants []struct {
			Tenant   string
			Requests int64
			Spacing  struct{ Indeterminate int64 }
			Egress   struct {
				Total int64 `json:"total_bytes"`
			}
			Findings []struct {
				Rule  string
				Count int64
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &audit); err != nil {
		t.Fatal(err)
	}
	if !last {
		return
	}
	if len(audit.Tenants) != 1 || audit.Tenants[0].Tenant != "acme" {
		t.Fatalf("%s", text)
	}
	got := audit.Tenants[0]
	found := map[string]int64{}
	for _, f := range got.Findings {
		found[f.Rule] = f.Count
	}
	if !maps.Equal(found, c.found) {
		t.Errorf("found %v, not %v", found, c.found)
	}
	if got.Requests != c.reads || got.Egress.Total != c.bytes || got.Spacing.Indeterminate != c.unsure {
		t.Errorf("%d requests, %d bytes, %d gaps indeterminate", got.Requests, got.Egress.Total, got.Spacing.Indeterminate)
	}
}
