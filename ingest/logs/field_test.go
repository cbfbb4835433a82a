package logs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Inputs as people who do this job have reported them, made small.

const (
	fieldURL1 = "https://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-708677289501-1793500000000"
	fieldPath = "/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950"
)

// logLine is a line of an access log from the second s of an hour, after what stands before the time.
func logLine(head string, s int, rest string) string {
	return fmt.Sprintf("%s [01/Nov/2026:02:00:%02d +0000] \"GET %s%d-1793500000000 HTTP/1.1\" 200 1000%s\n", head, s, fieldPath, s%10, rest)
}

func acmeOptions(t *testing.T) Options {
	o := testOptions(t)
	o.Tenant = "acme"
	return o
}

// TestForwardedFor: a list of addresses in front is the client's way here, never the vendor's host.
func TestForwardedFor(t *testing.T) {
	for head, client := range map[string]string{
		"192.0.2.10, 198.51.100.7, 10.0.0.1 - -": "192.0.2.10", "192.0.2.10,198.51.100.7 - -": "192.0.2.10",
		"203.0.113.5 10.0.0.7 - -": "203.0.113.5", "203.0.113.5, 10.9.9.9 10.0.0.7 - -": "203.0.113.5",
		"- 10.0.0.7 - -": "10.0.0.7", "unknown, 10.1.1.1 10.0.0.7 - -": "10.1.1.1", "unknown, 10.1.1.1 - -": "10.1.1.1", "unknown 10.0.0.7 - -": "10.0.0.7", "2001:db8::1, 10.0.0.1 - -": "2001:db8::1",
		"[2001:db8::1]:443 10.0.0.7 - -": "2001:db8::1", "10.0.0.7:51234 - -": "10.0.0.7", "::ffff:10.0.0.7 - -": "10.0.0.7", "203.0.113.5 10.0.0.7 - john doe": "203.0.113.5",
		"proxy.corp.example:443 192.0.2.1 - -": "192.0.2.1", "proxy.corp.example 203.0.113.5, 10.0.0.1 10.0.0.7 - -": "203.0.113.5",
		"acme.xima.cloud - 10.0.0.7 - -": "10.0.0.7", "2026-11-01T02:00:00.123456789Z 192.0.2.1 - -": "192.0.2.1",
	} {
		requests, rejects, _ := mustImport(t, logLine(head, 0, ` "-" "x"`)+logLine(head, 1, ` "-" "x"`), acmeOptions(t))
		if len(requests) != 2 {
			t.Errorf("%s: %v", head, rejects)
			continue
		}
		r := requests[0]
		if r.Client != client || r.Route.Class != "recording_audio" || r.Tenant != "acme" || r.Route.Origin != "https://acme.xima.cloud" {
			t.Errorf("%s: client %q, class %s at %s of %s", head, r.Client, r.Route.Class, r.Route.Origin, r.Tenant)
		}
	}
}

// TestRequestsOfOtherServers: a tunnel through a proxy is one, and the client that went away before there was an answer
// got none.
func TestRequestsOfOtherServers(t *testing.T) {
	line := logLine("10.0.0.7 - -", 0, ` "-" "x"`)
	tunnel := strings.Replace(line, "GET "+fieldPath+"0-1793500000000", "CONNECT acme.xima.cloud:443", 1)
	requests, rejects, _ := mustImport(t, tunnel+strings.Replace(line, " 200 1000 ", " 499 0 ", 1), acmeOptions(t))
	if len(requests) != 2 || requests[0].Route.Class != "opaque" || requests[0].Route.Origin != "https://acme.xima.cloud" ||
		requests[1].Status != 0 || requests[1].Error != "cancelled" {
		t.Errorf("%+v, %v", requests, rejects)
	}
}

// TestBytesThatNobodyReads: a field that is not looked at may hold any bytes; one that is stored may not.
func TestBytesThatNobodyReads(t *testing.T) {
	for name, c := range map[string]struct {
		text            string
		taken, rejected int
	}{
		"user agent":     {logLine("192.0.2.1 - -", 0, ` "-" "caf`+"\xe9"+`"`) + logLine("192.0.2.1 - -", 1, ` "-" "ok"`), 2, 0},
		"user's name":    {logLine("192.0.2.1 - Ren\xe9", 0, ` "-" "ok"`), 1, 0},
		"path":           {strings.Replace(logLine("192.0.2.1 - -", 0, ` "-" "ok"`), "recordings/", "caf\xe9/", 1), 1, 0},
		"JSON, other":    {record(`,"agent":"caf`+"\xe9"+`"`) + "\n", 1, 0},
		"JSON, escapes":  {record(`,"a":"\n","agent":"caf`+"\xe9"+`"`) + "\n", 1, 0},
		"JSON, client":   {record(`,"client":"caf`+"\xe9"+`"`) + "\n" + record("") + "\n", 1, 1},
		"JSON, client 2": {record(`,"a":"\n","client":"caf`+"\xe9"+`"`) + "\n" + record("") + "\n", 1, 1},
		"CSV, other":     {"started_at,method,url,status,agent\n2026-11-01T02:00:00Z,GET," + fieldURL1 + ",200,caf\xe9\n", 1, 0},
		"CSV, tenant":    {"started_at,method,url,status,tenant\n2026-11-01T02:00:00Z,GET," + fieldURL1 + ",200,caf\xe9\n", 0, 1},
	} {
		requests, rejects, _ := mustImport(t, c.text, acmeOptions(t))
		if len(requests) != c.taken || len(rejects) != c.rejected {
			t.Errorf("%s: %d taken, %v", name, len(requests), rejects)
		}
		for _, r := range rejects {
			if !strings.Contains(r.Reason, "is not UTF-8") {
				t.Errorf("%s: %v", name, r)
			}
		}
	}
}

// TestHalfWrittenLastLine: whatever a growing file is cut to, its last line is read whole, now or by the next import.
func TestHalfWrittenLastLine(t *testing.T) {
	common := logLine("192.0.2.1 - -", 0, "") + logLine("192.0.2.1 - -", 4, "")
	table := "started_at,method,url,status,response_bytes\n2026-11-01T02:00:00.000Z,GET," + fieldURL1 + ",200,25019\n"
	for name, whole := range map[string]string{
		"common": common, "combined": logLine("192.0.2.1 - -", 0, ` "-" "curl"`) + logLine("192.0.2.1 - -", 4, ` "-" "curl"`),
		"CSV": table + strings.Replace(table[strings.Index(table, "\n")+1:], ":00.000Z", ":04.000Z", 1),
		"CSV, complete last": "started_at,method,url,response_bytes,status,complete\n2026-11-01T02:00:00Z,GET," + fieldURL1 + ",25019,200,false\n" +
			"2026-11-01T02:00:04Z,GET," + fieldURL1 + ",25019,200,true\n",
		"JSON Lines": record(`,"response_bytes":25019`) + "\n" + record(`,"response_bytes":35019`) + "\n",
		"Docker":     dockered(logLine("192.0.2.1 - -", 0, "")) + dockered(logLine("192.0.2.1 - -", 4, "")),
		"CRI":        "2026-11-01T02:00:00Z stdout F " + logLine("192.0.2.1 - -", 0, "") + "2026-11-01T02:00:00Z stdout F " + logLine("192.0.2.1 - -", 4, ""),
	} {
		want, _, _ := mustImport(t, whole, acmeOptions(t))
		if len(want) != 2 {
			t.Fatalf("%s: %d requests", name, len(want))
		}
		second := strings.Index(strings.TrimSuffix(whole, "\n"), "\n") + 1
		if strings.HasPrefix(name, "CSV") {
			second += strings.Index(whole[second:], "\n") + 1
		}
		for cut := second; cut < len(whole); cut++ {
			requests, rejects, result := mustImport(t, whole[:cut], acmeOptions(t))
			if len(rejects) > 0 || len(requests) == 0 || len(requests) == 2 && !equalRequests(requests[1], want[1]) {
				t.Fatalf("%s, cut to %q: %v, %v", name, whole[second:cut], requests, rejects)
			}
			if waits := result.Waiting > 0; waits != (len(requests) == 1 && cut > second) {
				t.Fatalf("%s, cut to %q: %d requests, %+v", name, whole[second:cut], len(requests), result)
			}
		}
		packed, _, _, err := importText(t, bytes.NewReader(gzipOf(t, strings.TrimSuffix(whole, "\n"))), acmeOptions(t))
		if err != nil || len(packed) != 2 {
			t.Errorf("%s: a compressed file does not grow, but %d requests are read of it, %v", name, len(packed), err)
		}
	}
}

// dockered is a line as Docker's json-file driver writes it.
func dockered(line string) string {
	return fmt.Sprintf(`{"log":%q,"stream":"stdout","time":"2026-11-01T02:00:09.123456789Z"}`, line) + "\n"
}

// TestWrappedLines: what a container's runtime puts around a line is taken off, long lines are put together, and the
// numbers of lines stay.
func TestWrappedLines(t *testing.T) {
	line := logLine("192.0.2.1 - -", 0, ` "-" "curl"`)
	cri := func(tag, text string) string { return "2026-11-01T02:00:00.5+01:00 stderr " + tag + " " + text }
	half := len(line) / 2
	for name, text := range map[string]string{
		"Docker":          dockered(line) + dockered("nonsense\n") + dockered(line),
		"Docker, pieces":  dockered(line[:half]) + dockered(line[half:]) + dockered("nonsense\n") + dockered(line),
		"CRI":             cri("F", line) + cri("F", "nonsense\n") + cri("F", line),
		"CRI, pieces":     cri("P", line[:half]+"\n") + cri("F:tag", line[half:]) + "\n" + cri("F", "nonsense\n") + cri("F", line),
		"CRI, not all so": cri("F", line) + "nonsense\n" + cri("F", line),
	} {
		requests, rejects, result := mustImport(t, text, acmeOptions(t))
		at := int64(strings.Count(text[:strings.Index(text, "nonsense")], "\n") + 1)
		if len(requests) != 2 || len(rejects) != 1 || rejects[0].Line != at || result.Format != FormatCombined {
			t.Errorf("%s: %d requests, %v, %+v", name, len(requests), rejects, result)
		}
	}
	for name, around := range map[string]func(string) string{
		"syslog, RFC 3164":   func(s string) string { return "<190>Nov  1 02:00:09 web1 nginx: " + s + "\n" },
		"syslog, RFC 5424":   func(s string) string { return `<190>1 2026-11-01T02:00:09Z web1 nginx 12 - [a@1 b="\]"] ` + s + "\n" },
		"syslog, no data":    func(s string) string { return "<190>1 2026-11-01T02:00:09Z web1 nginx - - - " + s + "\n" },
		"syslog's file":      func(s string) string { return "Nov  1 02:00:09 web1 nginx[12]: " + s + "\n" },
		"rsyslog's file":     func(s string) string { return "2026-11-01T02:00:09.123456+00:00 web1 nginx[12]: " + s + "\n" },
		"docker compose":     func(s string) string { return "nginx-1  | " + s + "\n" },
		"docker compose, -t": func(s string) string { return "nginx-1  | 2026-11-01T02:00:09.1Z " + s + "\n" },
		"kubectl --prefix":   func(s string) string { return "[pod/nginx-7d/nginx] " + s + "\n" },
		"journald":           func(s string) string { return fmt.Sprintf(`{"_HOSTNAME":"web1","MESSAGE":%q}`, s) + "\n" },
		"CloudWatch":         func(s string) string { return fmt.Sprintf(`{"timestamp":1793498409123,"message":%q}`, s) + "\n" },
		"Loki":               func(s string) string { return fmt.Sprintf(`{"labels":{"a":"b"},"line":%q}`, s) + "\n" },
	} {
		access := strings.TrimSuffix(line, "\n")
		text := around("nonsense") + around(access) + around(access)
		requests, rejects, result := mustImport(t, text, acmeOptions(t))
		if len(requests) != 2 || len(rejects) != 1 || rejects[0].Line != 1 || result.Format != FormatCombined ||
			requests[0].Client != "192.0.2.1" {
			t.Errorf("%s: %+v, %v, %+v", name, requests, rejects, result)
		}
		text = around(record("")) + around(record(""))
		if requests, rejects, _ := mustImport(t, text, acmeOptions(t)); len(requests) != 2 {
			t.Errorf("%s, records: %v, %v", name, requests, rejects)
		}
	}
	jsonl := dockered(record("")+"\n") + dockered(record("")+"\n")
	if requests, rejects, result := mustImport(t, jsonl, testOptions(t)); len(requests) != 2 || result.Format != FormatJSONL {
		t.Errorf("records in Docker's log: %v, %v", requests, rejects)
	}
}

// TestPiecesOfLines: each stream of a container has its own pieces, and the last one may be half-written.
func TestPiecesOfLines(t *testing.T) {
	line := strings.TrimSuffix(logLine("192.0.2.1 - -", 0, ` "-" "curl"`), "\n")
	cri := func(tag, text string) string { return "2026-11-01T02:00:00.5Z " + tag + " " + text + "\n" }
	docker := func(stream, text string) string { return strings.Replace(dockered(text), "stdout", stream, 1) }
	for name, text := range map[string]string{
		"CRI":    cri("stdout P", line[:40]) + cri("stderr F", "nonsense") + cri("stdout F", line[40:]),
		"Docker": docker("stdout", line[:40]) + docker("stderr", "nonsense\n") + docker("stdout", line[40:]+"\n"),
	} {
		requests, rejects, _ := mustImport(t, text, acmeOptions(t))
		if len(requests) != 1 || len(rejects) != 1 {
			t.Errorf("%s: %v, %v", name, requests, rejects)
		}
	}
	for name, text := range map[string]string{
		"CRI":    cri("stdout F", line) + cri("stdout P", line[:40]),
		"Docker": docker("stdout", line+"\n") + docker("stdout", line[:40]),
	} {
		requests, rejects, result := mustImport(t, text, acmeOptions(t))
		if len(requests) != 1 || len(rejects) != 0 || result.Waiting == 0 {
			t.Errorf("%s, half a line: %v, %v, %+v", name, requests, rejects, result)
		}
	}
}

// TestSpreadsheets: numbers as Excel writes them in Europe are what they mean, or a reject that says why not.
func TestSpreadsheets(t *testing.T) {
	for _, c := range []struct {
		separator, bytes, duration string
		wantBytes, wantMicros      int64 // -1: rejected
	}{
		{";", "25.000", "1", 25_000, 1000}, {";", "1.250.000", "1", 1_250_000, 1000}, {";", "25019", "537,287", 25_019, 537_287},
		{";", "25.019", `"1.537,287"`, 25_019, 1_537_287}, {"\t", "25.000", "0,5", 25_000, 500}, {";", "25019", "537.287", 25_019, 537_287},
		{",", "25.000", "1", -1, 0}, {",", `"25,000"`, "1", 25_000, 1000}, {",", "25019", `"537,28"`, -1, 0}, {",", "25019", "537.287", 25_019, 537_287},
		{";", "25 019", "1", 25_019, 1000}, {";", "25\u00a0019", "1", 25_019, 1000}, {";", "25\u202f019", "1", 25_019, 1000},
		{";", "25'019", "1", 25_019, 1000}, {";", "25,5", "1", -1, 0}, {",", "2.0", "1e3", 2, 1_000_000}, {",", "25.0.1", "1", -1, 0},
		{";", "-5", "1", -1, 0}, {";", "1,250,000", "1", 1_250_000, 1000},
	} {
		for _, front := range []string{"", "sep=" + c.separator + "\r\n", "\xef\xbb\xbf\"sep=" + c.separator + "\"\r\n"} {
			text := front + strings.Join([]string{"started_at", "method", "url", "status", "response_bytes", "duration_ms"}, c.separator) + "\r\n" +
				strings.Join([]string{"2026-11-01T02:00:00.500Z", "GET", fieldURL1, "200", c.bytes, c.duration}, c.separator) + "\r\n"
			requests, rejects, _ := mustImport(t, text, testOptions(t))
			if c.wantBytes < 0 {
				if len(rejects) != 1 || !strings.Contains(rejects[0].Reason, "_") {
					t.Errorf("%s %s %s: taken as %v, %v", c.separator, c.bytes, c.duration, requests, rejects)
				}
				continue
			}
			if len(requests) != 1 || requests[0].ResponseBytes != c.wantBytes || requests[0].Duration != c.wantMicros {
				t.Errorf("%s %s %s: %v, %v", c.separator, c.bytes, c.duration, requests, rejects)
			}
		}
	}
	// Where a decimal comma was seen, a point separates thousands.
	text := "started_at;method;url;status;duration_ms\n2026-11-01T02:00:00Z;GET;" + fieldURL1 + ";200;1.500\n2026-11-01T02:00:04Z;GET;" + fieldURL1 + ";200;0,5\n"
	if requests, _, _ := mustImport(t, text, testOptions(t)); len(requests) != 2 || requests[0].Duration != 1_500_000 {
		t.Errorf("1.500 beside 0,5: %v", requests)
	}
	for _, header := range []string{"started_at,method,url,status,status", "started_at,method,url,status,STATUS", "url,started_at,method,url,status"} {
		_, _, _, err := importText(t, strings.NewReader(header+"\n2026-11-01T02:00:00Z,GET,"+fieldURL1+",200,429\n"), testOptions(t))
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s: %v", header, err)
		}
	}
}

// TestClocksOfOthers: times as databases and other logs write them.
func TestClocksOfOthers(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-01 02:00:00.5+00": "02:00:00.5", "2026-11-01 02:00:00+00": "02:00:00", "2026-11-01 07:30:00.25+05:30": "02:00:00.25",
		"2026-10-31 22:00:00-04": "02:00:00", "2026-11-01 02:00:00 UTC": "02:00:00", "2026-11-01T02:00:00,125Z": "02:00:00.125",
		"2026-11-01 02:00:00.123456 UTC": "02:00:00.123456",
	} {
		requests, rejects, _ := mustImport(t, record(`,"started_at":"`+text+`"`), testOptions(t))
		if len(requests) != 1 || requests[0].Start().Format("15:04:05.999999") != want {
			t.Errorf("%s: %v, %v", text, requests, rejects)
		}
	}
	fraction := strings.Replace(logLine("192.0.2.1 - -", 0, ` "-" "x"`), ":00 +0000", ":00.123 +0000", 1)
	requests, rejects, _ := mustImport(t, fraction, acmeOptions(t))
	if len(requests) != 1 || requests[0].StartedAt%1e6 != 123_000 || requests[0].Source.Resolution != 0 {
		t.Errorf("%%{msec_frac}t: %v, %v", requests, rejects)
	}
}

// TestArchivesAreNamed: what is no log says what it is.
func TestArchivesAreNamed(t *testing.T) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "access.log", Size: 5, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("hello"))
	w.Close()
	v7 := bytes.Clone(archive.Bytes()) // as tar wrote before POSIX, without its word in the header
	clear(v7[257:265])
	copy(v7[148:156], "        ")
	sum := 0
	for _, b := range v7[:512] {
		sum += int(b)
	}
	copy(v7[148:156], fmt.Sprintf("%06o\x00 ", sum))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(archive.Bytes())
	z.Close()
	for text, says := range map[string]string{
		archive.String(): "tar archive", packed.String(): "tar archive", "PK\x03\x04rest": "ZIP", "PK\x05\x06": "ZIP",
		"7z\xbc\xaf\x27\x1c": "7-Zip", "Rar!\x1a\x07\x00": "RAR", "\x28\xb5\x2f\xfd": "zstd", "\x50\x2a\x4d\x18": "zstd",
		"\xfd7zXZ\x00": "xz", "\x04\x22\x4d\x18": "lz4", "LZIP\x01": "lzip", "\x5d\x00\x00\x80\x00": "lzma", "\x1f\x9d\x90": ".Z",
		string(v7): "tar archive", "07070100000000": "cpio", "!<arch>\ndebian-binary": "ar archive",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "old Excel", "\x78\x9c\x03": "zlib", "LPKSHHRH": "journalctl", "bplist00": "property list",
		`{\rtf1\ansi`: "RTF",
		"%PDF-1.7":    "PDF", "PAR1": "Parquet", "BZh no": "bzip2",
	} {
		for _, format := range []string{FormatAuto, FormatCombined, FormatJSONL} {
			o := testOptions(t)
			o.Format = format
			_, _, _, err := importText(t, strings.NewReader(text), o)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), says) {
				t.Errorf("%.8q as %s: %v, want %q", text, format, err, says)
			}
		}
	}
	// The line of a log, compressed by bzip2 1.0.8.
	const bz = "BZh91AY&SY\x9e\x1f\x1e\x8c"
	if _, _, _, err := importText(t, strings.NewReader(bz), acmeOptions(t)); err == nil {
		t.Error("bzip2 that is cut off is taken")
	}
}

// TestListsInsideObjects: a list of recordings is found inside the object that an API wraps around it.
func TestListsInsideObjects(t *testing.T) {
	list := listText(t, 300)
	for _, text := range []string{
		`{"recordings":` + list + `}`, `{"total":2,"page":{"ids":[1,2],"next":null,"items":` + list + `},"more":[]}`,
		"{\n  \"data\": " + list + "\n}\n", `{"empty":[],"x":[[1]],"recordings":` + list + `}`,
	} {
		s, rejects, result, err := importList(t, text, "acme", FormatAuto)
		if err != nil || len(rejects) > 0 || result.Format != FormatRecordings {
			t.Fatalf("%.40s: %+v, %v, %v", text, result, rejects, err)
		}
		checkListed(t, s.list, 300)
	}
	for text, says := range map[string]string{
		`{"recordings":[1,2]}`: "no recording list", `{"a":{"recordingKey":"x"}}`: "no recording list", `{}`: "no recording list",
	} {
		if _, _, _, err := importList(t, text, "acme", FormatRecordings); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, _, _, err := importText(t, strings.NewReader(`{"count":1,"requests":[{"started_at":"2026-11-01T02:00:00Z"}]}`), testOptions(t))
	if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "list of records") {
		t.Errorf("records inside an object: %v", err)
	}
}

// TestHARThatSaysLittle: how recorders write that there was no answer, or that they do not know.
func TestHARThatSaysLittle(t *testing.T) {
	entry := func(time, response string) string {
		return `{"startedDateTime":"2026-11-01T02:00:00.5Z","time":` + time + `,"request":{"method":"GET","url":"` + fieldURL1 + `"},"response":{` + response + `}}`
	}
	for _, c := range []struct {
		time, response string
		status         int
		bytes          int64
		cutShort       bool
		class          string
		unknown        bool
		reject         string
	}{
		{time: "100", response: `"status":-1,"_failureText":"net::ERR_CONNECTION_RESET"`, class: "reset"},
		{time: "100", response: `"status":-999,"statusText":"NO RESPONSE","bodySize":0`},
		{time: "100", response: `"status":null,"httpVersion":"HTTP/1.1"`}, {time: "7", response: `"status":0,"bodySize":-1`},
		{time: "-1", response: `"status":200,"httpVersion":"HTTP/1.1","bodySize":-1,"content":{"size":-1},"_failureText":"net::ERR_ABORTED"`,
			status: 200, cutShort: true, class: "cancelled", unknown: true},
		{time: "0", response: `"status":0,"bodySize":-1,"content":{"size":0},"httpVersion":""`, reject: "still under way"},
		{time: "null", response: `"status":0,"httpVersion":""`, reject: "still under way"},
		{time: "0", response: `"status":0,"_error":"net::ERR_CONNECTION_REFUSED"`, class: "connect"},
		{time: "5", response: `"status":302,"redirectURL":"https://storage.example/x?signature=s3cr3t","bodySize":50000`, status: 302},
		{time: "5", response: `"status":302,"redirectURL":"https://storage.example/x","bodySize":50000,"headers":[{"name":"Content-Length","value":"12"}]`, status: 302, bytes: 12},
		{time: "5", response: `"status":302,"redirectURL":"https://storage.example/x","_transferSize":300,"headersSize":280`, status: 302, bytes: 20},
		{time: "5", response: `"status":302,"redirectURL":"","bodySize":9`, status: 302, bytes: 9},
		{time: "5", response: `"status":200,"bodySize":-1`, status: 200, unknown: true},
		{time: "5", response: `"status":200,"bodySize":null,"content":{"size":null}`, status: 200, unknown: true},
		{time: "5", response: `"status":200,"bodySize":-743,"headersSize":900,"_transferSize":157,"content":{"size":5}`, status: 200, unknown: true},
		{time: "5", response: `"status":200,"bodySize":-1,"_transferSize":-1,"content":{"size":0}`, status: 200},
		{time: "5", response: `"status":200,"bodySize":0,"content":{"size":77}`, status: 200, unknown: true},
		{time: "5", response: `"status":200,"bodySize":"50000","content":{"size":77}`, status: 200, bytes: 50000},
		{time: "5", response: `"status":200,"bodySize":"many","content":{"size":77}`, status: 200, unknown: true},
		{time: "5", response: `"status":204,"bodySize":-1`, status: 204},
	} {
		requests, rejects, result := mustImport(t, harHead+entry(c.time, c.response)+"]}}", testOptions(t))
		if c.reject != "" {
			if len(rejects) != 1 || !strings.Contains(rejects[0].Reason, c.reject) {
				t.Errorf("%s: %v, %v", c.response, requests, rejects)
			}
			continue
		}
		if len(requests) != 1 {
			t.Errorf("%s: %v", c.response, rejects)
			continue
		}
		r := requests[0]
		if r.Status != c.status || r.ResponseBytes != c.bytes || r.CutShort != c.cutShort || r.Error != c.class || (result.UnknownSize == 1) != c.unknown {
			t.Errorf("%s: status %d, %d bytes, cut short %v, error %q, unknown %d", c.response, r.Status, r.ResponseBytes, r.CutShort, r.Error, result.UnknownSize)
		}
	}
}
