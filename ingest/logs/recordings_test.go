package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/store"
)

// listText is a vendor's list of n recordings, as the simulator spells it, names and numbers included.
func listText(t testing.TB, n int) string {
	t.Helper()
	list := make([]sim.Recording, n)
	for i := range list {
		start := testNow.UnixMilli() - int64(n-i)*60_000
		list[i] = sim.Recording{
			RecordingKey: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", i, start), StartTime: start, Duration: 3_606, Size: 9_111,
			CallingParty: "+15550100123", ReceivingParty: "+15550100124", Agent: "Canary Cotterill(201)", TenantName: "Canary", TagData: "Canary",
		}
	}
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// listSink is a RecordingSink.
type listSink struct {
	memorySink
	list []store.Recording
}

func (s *listSink) AddRecordings(_ context.Context, batch []store.Recording) error {
	s.list = append(s.list, batch...)
	return nil
}

// checkListed compares what was taken of listText(n).
func checkListed(t *testing.T, got []store.Recording, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d recordings, want %d", len(got), n)
	}
	for i, r := range got {
		start := (testNow.UnixMilli() - int64(n-i)*60_000) * 1000
		want := store.Recording{
			Tenant: "acme", Key: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x-%d", i, start/1000), StartedAt: start, Duration: 3_606_000, Bytes: 9_111,
		}
		if r != want {
			t.Fatalf("recording %d is %+v, want %+v", i, r, want)
		}
	}
	noCanaryIn(t, got)
}

func noCanaryIn(t *testing.T, v any) {
	t.Helper()
	stringsIn(reflect.ValueOf(v), func(path, s string) {
		for _, canary := range sim.Canaries() {
			if strings.Contains(s, canary) {
				t.Errorf("%s = %q", path, s)
			}
		}
	}, "Recording")
}

// stringsIn are all the strings that can be reached from v.
func stringsIn(v reflect.Value, visit func(path, s string), path string) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v.String())
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			stringsIn(v.Elem(), visit, path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			stringsIn(v.Field(i), visit, path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			stringsIn(v.Index(i), visit, path)
		}
	}
}

func importList(t *testing.T, text, tenant, format string) (*listSink, []Reject, Result, error) {
	t.Helper()
	var s listSink
	var rejects []Reject
	o := testOptions(t)
	o.Tenant, o.Format, o.OnReject = tenant, format, func(r Reject) { rejects = append(rejects, r) }
	result, err := Import(t.Context(), strings.NewReader(text), &s, o)
	return &s, rejects, result, err
}

func TestImportRecordingList(t *testing.T) {
	for _, n := range []int{1, 3000} {
		s, rejects, result, err := importList(t, listText(t, n), "acme", FormatAuto)
		if err != nil || len(rejects) > 0 || result.Read != int64(n) || result.Format != FormatRecordings {
			t.Fatalf("%d: %+v, %v, %v", n, result, rejects, err)
		}
		checkListed(t, s.list, n)
	}
	for _, empty := range []string{"[]", " [ \n ] \n"} {
		if _, _, result, err := importList(t, empty, "acme", FormatAuto); err != nil || result.Read != 0 || result.Format != FormatRecordings {
			t.Errorf("%q: %+v, %v", empty, result, err)
		}
	}
}

func TestImportRecordingListRejects(t *testing.T) {
	const key = `"recordingKey":"0f8fad5b-d9cb-469f-a165-70867728950e-1763938800000"`
	for entry, want := range map[string]string{
		`7`: "entry is not an object",
		`{"recordingKey":"+15550100123","startTime":5}`: "recordingKey is missing, or has not the form of recording_key",
		`{"startTime":5}`:                             "recordingKey is missing, or has not the form of recording_key",
		`{` + key + `}`:                               "startTime is not a number of milliseconds since 1970",
		`{` + key + `,"startTime":"Canary"}`:          "startTime is not a number of milliseconds since 1970",
		`{` + key + `,"startTime":-1}`:                "startTime is not a number of milliseconds since 1970",
		`{` + key + `,"startTime":99999999999999}`:    "startTime is more than a year in the future",
		`{` + key + `,"startTime":1e400}`:             "startTime is not a number of milliseconds since 1970",
		`{` + key + `,"startTime":5,"size":-1}`:       "size is not a sensible number",
		`{` + key + `,"startTime":5,"size":"9"}`:      "size is not a sensible number",
		`{` + key + `,"startTime":5,"duration":1e30}`: "duration is not a sensible number",
	} {
		s, rejects, result, err := importList(t, `[{`+key+`,"startTime":5}, `+entry+`, {`+key+`,"startTime":6,"size":null}]`, "acme", FormatRecordings)
		if err != nil || result.Read != 3 || result.Rejected != 1 || len(s.list) != 2 || len(rejects) != 1 || rejects[0].Line != 2 || rejects[0].Reason != want {
			t.Errorf("%s: %+v, %+v, %v", entry, result, rejects, err)
		}
	}
	s, rejects, result, err := importList(t, `[{`+key+`,"startTime":5}, {`+key+`,"sta`, "acme", FormatAuto)
	if err != nil || result.Read != 2 || len(s.list) != 1 || len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "it ends too early") {
		t.Errorf("cut off: %+v, %+v, %v", result, rejects, err)
	}
	s, rejects, result, err = importList(t, `[{`+key+`,"startTime":5}]`+"\n[]\n"+`[{`+key+`,"startTime":6}] x`, "acme", FormatAuto)
	if err != nil || result.Read != 3 || len(s.list) != 2 || len(rejects) != 1 || rejects[0].Line != 3 {
		t.Errorf("lists in a row, and something else: %+v, %+v, %v", result, rejects, err)
	}
	for _, text := range []string{`[1, 2]`, `[{"a":1}]`, `{"recordingKey":"x"}`, `[`} {
		if _, _, _, err := importList(t, text, "acme", FormatAuto); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, _, _, err := importList(t, `[{`+key+`,"startTime":5}]`, "", FormatAuto); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "--tenant") {
		t.Errorf("no tenant: %v", err)
	}
	var plain memorySink
	if _, err := Import(t.Context(), strings.NewReader("[]"), &plain, testOptions(t)); !errors.Is(err, ErrFormat) {
		t.Errorf("a sink for requests only: %v", err)
	}
}

func FuzzRecordings(f *testing.F) {
	f.Add([]byte(listText(f, 2)))
	f.Add([]byte(`[{"recordingKey":"0f8fad5b-d9cb-469f-a165-70867728950e","startTime":5,"size":1e3},null,[]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, rejects, result, err := importList(t, string(data), "acme", FormatRecordings)
		if err != nil && (!errors.Is(err, ErrFormat) && !errors.Is(err, ErrEmpty) || len(s.list) > 0) {
			t.Fatalf("%d recordings and %v", len(s.list), err)
		}
		if err == nil && result.Read != int64(len(s.list)+len(rejects)) {
			t.Fatalf("%+v of %d recordings and %d rejects", result, len(s.list), len(rejects))
		}
		for _, r := range s.list {
			if r.Key == "" || r.StartedAt < 0 || r.Duration < 0 || r.Bytes < 0 {
				t.Fatalf("%+v", r)
			}
		}
	})
}
