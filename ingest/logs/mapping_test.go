package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// mappedCase is one record of another program, and what it says.
type mappedCase struct {
	name, mapping, logFormat, time string
	text                           string
	started                        string // in UTC, within 2026-11-01
	is                             store.TimeMeaning
	resolution                     int64
	duration                       int64 // microseconds
	bytes                          int64
	status                         int
	client                         string
	cutShort                       bool
}

const mappedPath = fieldPath + "1-1793500000000"

var mappedCases = []mappedCase{
	{name: "caddy", mapping: "caddy", text: `{"level":"info","ts":1793498405.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"10.0.0.7","remote_port":"41342","client_ip":"10.0.0.9","proto":"HTTP/2.0","method":"GET","host":"acme.xima.cloud","uri":"` + mappedPath + `","headers":{"User-Agent":["curl/8"]}},"bytes_read":12,"user_id":"","duration":1.5,"size":25019,"status":200,"resp_headers":{"Retry-After":["3"]}}`,
		started: "02:00:04.024102", duration: 1_500_000, bytes: 25019, status: 200, client: "10.0.0.9"},
	{name: "traefik", mapping: "traefik", text: `{"ClientAddr":"10.0.0.7:5","ClientHost":"10.0.0.7","DownstreamContentSize":25019,"DownstreamStatus":200,"Duration":1500000000,"OriginContentSize":25019,"RequestAddr":"acme.xima.cloud","RequestHost":"acme.xima.cloud","RequestMethod":"GET","RequestPath":"` + mappedPath + `","RequestScheme":"https","StartLocal":"2026-11-01T03:00:04.5+01:00","StartUTC":"2026-11-01T02:00:04.5Z","time":"2026-11-01T02:00:06Z"}`,
		started: "02:00:04.5", duration: 1_500_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "nginx-json, msec", mapping: "nginx-json", text: `{"time_iso8601":"2026-11-01T02:00:05+00:00","msec":"1793498405.250","remote_addr":"10.0.0.7","request":"GET ` + mappedPath + ` HTTP/1.1","host":"acme.xima.cloud","status":"200","body_bytes_sent":"25019","request_time":"1.250"}`,
		started: "02:00:04", duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "nginx-json, no duration", mapping: "nginx-json", text: `{"time_local":"01/Nov/2026:02:00:05 +0000","remote_addr":"10.0.0.7","request_method":"GET","request_uri":"` + mappedPath + `","http_host":"acme.xima.cloud","status":200,"body_bytes_sent":25019}`,
		started: "02:00:05", is: store.TimeIsEnd, resolution: 1e6, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "cloudfront", mapping: "cloudfront", text: "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken sc-content-len\n2026-11-01\t02:00:05\tFRA2\t25400\t10.0.0.7\tGET\td1.cloudfront.net\t" + mappedPath + "\t200\t-\tcurl/8\t-\t-\tMiss\tid==\tacme.xima.cloud\thttps\t90\t1.250\t25019",
		started: "02:00:03.75", resolution: 1e6, duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "iis", mapping: "iis", text: "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status sc-bytes time-taken\n2026-11-01 02:00:05 10.0.0.2 GET " + mappedPath + " - 443 - 10.0.0.7 curl/8 200 0 0 25019 1250",
		started: "02:00:03.75", resolution: 1e6, duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "alb", mapping: "alb", text: `https 2026-11-01T02:00:05.186641Z app/lb/50dc6c495c0c9188 10.0.0.7:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 25057 "GET https://acme.xima.cloud:443` + mappedPath + ` HTTP/1.1" "curl/7.46.0" - - arn:x "Root=1-58337281" "-" "-" 0 2026-11-01T02:00:04.186641Z "forward" "-"`,
		started: "02:00:04.186641", duration: 1_000_000, bytes: 25057, status: 200, client: "10.0.0.7"},
	{name: "squid", mapping: "squid", text: `1793498405.750   1250 10.0.0.7 TCP_MISS/200 25223 GET https://acme.xima.cloud` + mappedPath + ` - HIER_DIRECT/192.0.2.1 audio/wav`,
		started: "02:00:04.5", duration: 1_250_000, bytes: 25223, status: 200, client: "10.0.0.7"},
	{name: "curl-w", mapping: "curl-w", text: `{"ended_at":"2026-11-01T02:00:05.5Z","errormsg":null,"exitcode":0,"http_code":200,"method":"GET","response_code":200,"size_download":25019,"size_upload":0,"time_total":1.25,"url":"x","url_effective":"https://acme.xima.cloud` + mappedPath + `"}`,
		started: "02:00:04.25", duration: 1_250_000, bytes: 25019, status: 200},
	{name: "curl-w, redirected", mapping: "curl-w", text: `{"ended_at":"2026-11-01T02:00:05.5Z","num_redirects":1,"method":"GET","response_code":200,"size_download":25019,"time_total":1.25,"url":"https://acme.xima.cloud` + mappedPath + `","url_effective":"https://s3.example.com/k?X-Amz-Signature=a"}`,
		started: "02:00:04.25", duration: 1_250_000, bytes: 25019, status: 200},
	{name: "curl-w, failed", mapping: "curl-w", text: `2026-11-01T02:00:05.5Z {"errormsg":"Connection timed out after 5001 milliseconds","exitcode":28,"http_code":0,"method":"GET","response_code":0,"size_download":0,"time_total":5.000100,"url_effective":"https://acme.xima.cloud` + mappedPath + `"}`,
		started: "02:00:00.4999", duration: 5_000_100},
	{name: "pairs", mapping: "started_at=meta.ts:unix-ms,method=http.method,url=http.url,status=http.code,duration_ms=took:s,response_bytes=n,client=who",
		text:    `{"meta":{"ts":1793498404500},"http":{"method":"get","url":"https://acme.xima.cloud` + mappedPath + `","code":"200"},"took":0.5,"n":"25019","who":"nightly"}`,
		started: "02:00:04.5", duration: 500_000, bytes: 25019, status: 200, client: "nightly"},
	{name: "pairs, seconds", mapping: "ended_at=ts,request=r,host=h,status=s", text: `{"ts":1793498404,"r":"GET ` + mappedPath + ` HTTP/1.1","h":"acme.xima.cloud","s":200}`,
		started: "02:00:04", is: store.TimeIsEnd, resolution: 1e6, status: 200},
	{name: "pairs, not known", mapping: "logged_at=ts,method=m,url=u,status=s", text: `{"ts":"2026-11-01 02:00:04.5+00","m":"GET","u":"https://acme.xima.cloud` + mappedPath + `","s":200}`,
		started: "02:00:04.5", is: store.TimeIsUnknown, status: 200},
	{name: "overridden", mapping: "logged_at=ts,method=m,url=u,status=s,duration_ms=d", time: "end", text: `{"ts":"2026-11-01 02:00:04.5+00","m":"GET","u":"https://acme.xima.cloud` + mappedPath + `","s":200,"d":250}`,
		started: "02:00:04.25", duration: 250_000, status: 200},
	{name: "nginx", logFormat: "nginx", text: logLine("10.0.0.7 - -", 1, ` "-" "x"`), started: "02:00:01", is: store.TimeIsEnd, resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "apache", logFormat: "apache", text: logLine("10.0.0.7 - joe doe", 1, ` "-" "x"`), started: "02:00:01", resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "nginx with time", logFormat: `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time"`,
		text: logLine("10.0.0.7 - -", 5, ` "-" "a \"quoted\" agent" rt=1.250 uct="0.01, 0.02"`), started: "02:00:03.75", resolution: 1e6, duration: 1_250_000, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "nginx of its file", logFormat: "log_format main '$msec $http_x_forwarded_for $host \"$request\" '\n   '$status $bytes_sent $request_time';",
		text: "1793498405.250 10.0.0.9, 10.0.0.8 acme.xima.cloud \"GET " + mappedPath + " HTTP/1.1\" 200 25019 1.250", started: "02:00:04", duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.9"},
	{name: "nginx, pieces", logFormat: `$time_iso8601 $request_method $scheme://$host$request_uri $status $body_bytes_sent`,
		text: "2026-11-01T02:00:05+00:00 GET https://acme.xima.cloud" + mappedPath + " 200 25019", started: "02:00:05", is: store.TimeIsEnd, resolution: 1e6, bytes: 25019, status: 200},
	{name: "nginx, tabs", logFormat: "$remote_addr\t$msec\t$request_method\t$uri\t$args\t$status\t$body_bytes_sent", text: "10.0.0.7\t1793498405.5\tGET\t" + mappedPath + "\t-\t200\t25019",
		started: "02:00:05.5", is: store.TimeIsEnd, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "Apache with %D", logFormat: `%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %D`, text: logLine("10.0.0.7 - -", 5, ` "-" "x" 1250000`),
		started: "02:00:05", resolution: 1e6, duration: 1_250_000, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "Apache, msec_frac", logFormat: `LogFormat "%{X-Forwarded-For}i %h %l %u [%{%d/%b/%Y:%H:%M:%S}t.%{msec_frac}t %{%z}t] \"%r\" %>s %b %X" custom`,
		text: `10.0.0.9, 10.0.0.8 10.0.0.7 - - [01/Nov/2026:02:00:05.125 +0000] "GET ` + mappedPath + ` HTTP/1.1" 200 1000 X`, started: "02:00:05.125", bytes: 1000, status: 200, client: "10.0.0.9", cutShort: true},
	{name: "Apache, sec and usec_frac", logFormat: `%v:%p %a %{sec}t.%{usec_frac}t "%m %U%q %H" %>s %O %{ms}T`, text: `acme.xima.cloud:443 10.0.0.7 1793498405.000125 "GET ` + mappedPath + ` HTTP/1.1" 200 25019 1250`,
		started: "02:00:05.000125", duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "Apache, end", logFormat: `%h %{end:usec}t \"%r\" %>s %B %D`, text: `10.0.0.7 1793498405250000 "GET ` + mappedPath + ` HTTP/1.1" 200 25019 1250000`,
		started: "02:00:04", duration: 1_250_000, bytes: 25019, status: 200, client: "10.0.0.7"},
	{name: "Apache, end and whole seconds", logFormat: `%h [%{end:%d/%b/%Y:%T %z}t] "%r" %>s %b %T`, text: `10.0.0.7 [01/Nov/2026:02:00:05 +0000] "GET ` + mappedPath + ` HTTP/1.1" 200 1000 2`,
		started: "02:00:02", resolution: 2e6, duration: 2_000_000, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "Apache, answer of the last request inside", logFormat: `%h %{%s}t "%r" %<s %>s %b`, text: `10.0.0.7 1793498405 "GET ` + mappedPath + ` HTTP/1.1" 302 200 1000`,
		started: "02:00:05", resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "combined, said to be the end", time: "end", text: logLine("10.0.0.7 - -", 1, ` "-" "x"`), started: "02:00:01", is: store.TimeIsEnd, resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "combined, said to be the start", time: "start", text: logLine("10.0.0.7 - -", 1, ` "-" "x"`), started: "02:00:01", resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
	{name: "combined", text: logLine("10.0.0.7 - -", 1, ` "-" "x"`), started: "02:00:01", is: store.TimeIsUnknown, resolution: 1e6, bytes: 1000, status: 200, client: "10.0.0.7"},
}

func (c *mappedCase) options(t *testing.T) Options {
	t.Helper()
	o := acmeOptions(t)
	o.Time = TimeOption(c.time)
	var err error
	switch {
	case c.mapping != "":
		o.Mapping, err = ParseMapping(c.mapping)
	case c.logFormat != "":
		o.Mapping, err = ParseLogFormat(c.logFormat)
	}
	if err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return o
}

// TestMappedLogs: a record of each program says what its documentation says, and comes back from an export.
func TestMappedLogs(t *testing.T) {
	for _, c := range mappedCases {
		o := c.options(t)
		requests, rejects, result := mustImport(t, strings.TrimSuffix(c.text, "\n")+"\n", o)
		if len(requests) != 1 || len(rejects) > 0 {
			t.Errorf("%s: %v, %v", c.name, requests, rejects)
			continue
		}
		r := requests[0]
		want := fmt.Sprintf("%s %v %d, %d µs, %d bytes, %d, %q, %v", c.started, c.is, c.resolution, c.duration, c.bytes, c.status, c.client, c.cutShort)
		got := fmt.Sprintf("%s %v %d, %d µs, %d bytes, %d, %q, %v", r.Start().Format("15:04:05.999999"), r.Source.TimeIs, r.Source.Resolution,
			r.Duration, r.ResponseBytes, r.Status, r.Client, r.CutShort)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
		if r.Tenant != "acme" || r.Route.Class != "recording_audio" || r.Route.Origin != "https://acme.xima.cloud" || r.Route.Method != "GET" {
			t.Errorf("%s: %s, %+v", c.name, r.Tenant, r.Route)
		}
		if (result.TimesUnknown == 1) != (c.is != store.TimeIsStart) {
			t.Errorf("%s: %+v", c.name, result)
		}
		var file strings.Builder
		if err := WriteJSONL(&file, sequence(requests)); err != nil {
			t.Fatal(err)
		}
		again, rejects, _ := mustImport(t, file.String(), testOptions(t))
		if len(again) != 1 || !equalRequests(again[0], r) || again[0].Source.TimeIs != r.Source.TimeIs {
			t.Errorf("%s: came back as %+v, %v from %s", c.name, again, rejects, file.String())
		}
	}
}

// TestMappedTornLines: a line that is cut anywhere is left for the next import, or read whole.
func TestMappedTornLines(t *testing.T) {
	for _, c := range mappedCases {
		o := c.options(t)
		if o.Mapping == nil {
			o.Format = FormatCombined // half a line shows no format
		}
		text := strings.TrimSuffix(c.text, "\n")
		last := strings.LastIndex(text, "\n") + 1
		whole, _, _ := mustImport(t, text+"\n", o)
		for cut := last + 1; cut < len(text); cut += 3 {
			requests, rejects, result := mustImport(t, text[:cut], o)
			if len(rejects) > 0 || len(requests) == 1 && !equalRequests(requests[0], whole[0]) || len(requests) == 0 && result.Waiting == 0 {
				t.Fatalf("%s cut to %q: %v, %v, %+v", c.name, text[last:cut], requests, rejects, result)
			}
		}
	}
}

func TestMappingsThatAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		"cady": `did you mean "caddy"`, "status": "neither a built-in mapping", "started_at=ts,method=m,url=u": "nothing gives the status",
		"method=m,url=u,status=s": "nothing gives the time", "started_at=ts,url=u,status=s": "nothing gives the method",
		"started_at=ts,method=m,status=s": "nothing gives the URL", "stated_at=ts": `did you mean "started_at"`, "status=": "names no member",
	} {
		if _, err := ParseMapping(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	for text, says := range map[string]string{
		"format = \"xml\"": "m.toml:1: format", "[fields]\nstatus = 5": "m.toml:2: status: it must name a member",
		"[fields]\nstatus = {form = \"x\"}": `m.toml:2: status: unknown key "form"`, "[fields]\nstarted_at = {from = \"ts\", time = \"nanos\"}": `time "nanos" is not known`,
		"[fields]\nstarted_at = {from = \"ts\", zone = \"Mars\"}": `zone "Mars" is not known`, "columns = [\"a\"]": "m.toml:1: the names of columns",
		"[fields]\nx = \"y\"": `m.toml:2: there is no field "x"`, "[fields]\nstatus = \"s\"": "nothing gives the time", "separator = \"ab\"": "one character", "fild = 1": "unknown key",
		"[fields]\nstarted_at = {from = \"ts\", time = \"%d %Q\"}": "%Q is not known", "[fields]\nstarted_at = {from = \"ts\", time = \"%F %T\"}": "no time zone",
		"[fields]\ntime_is = \"x\"": "there is no field \"time_is\"",
	} {
		if _, err := ParseMappingFile("m.toml", []byte(text)); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	for format, says := range map[string]string{
		"no variables": "neither variables of nginx", `%h "%r"`: "nothing gives the time", `$remote_addr [$time_local] $status`: "nothing gives the method",
		`%{%Q}t "%r" %s`: "%Q is not known", `%{%F %T}t "%r" %s`: "its time has no zone", `%{%F %H:%M %z}t "%r" %s`: "no seconds",
	} {
		if _, err := ParseLogFormat(format); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", format, err, says)
		}
	}
}

// TestMappingFile reads a table with a zone, alternatives and a pattern for its time.
func TestMappingFile(t *testing.T) {
	m, err := ParseMappingFile("m.toml", []byte(`
format = "csv"
[fields]
logged_at = {from = "When", time = "%d.%m.%Y %H:%M:%S", zone = "Europe/Berlin"}
method = ["verb", "method"]
url = "u"
status = "code"
duration_ms = {from = "took", unit = "us"}
`))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions(t)
	o.Mapping = m
	text := "when;METHOD;u;code;took\n01.11.2026 03:00:04;GET;" + fieldURL1 + ";200;1500\n01.11.2026;GET;" + fieldURL1 + ";200;1500\n"
	requests, rejects, _ := mustImport(t, text, o)
	if len(requests) != 1 || requests[0].Start().Format("15:04:05") != "02:00:04" || requests[0].Duration != 1500 || len(rejects) != 1 || rejects[0].Line != 3 {
		t.Errorf("%v, %v", requests, rejects)
	}
}

// TestMappedRejects: what is wrong with a record is said without a word of it.
func TestMappedRejects(t *testing.T) {
	o := acmeOptions(t)
	o.Mapping, _ = ParseMapping("started_at=ts,method=m,url=u,status=s,duration_ms=d:s,response_bytes=n")
	for text, says := range map[string]string{
		`{"ts":"s3cr3t","m":"GET","u":"https://acme.xima.cloud/","s":200}`:                "started_at is not a time",
		`{"ts":"2026-11-01T02:00:00","m":"GET","u":"https://acme.xima.cloud/","s":200}`:   "no time zone",
		`{"m":"GET","u":"https://acme.xima.cloud/","s":200}`:                              "holds no time",
		`{"ts":1793498404,"u":"https://acme.xima.cloud/","s":200}`:                        "method is missing",
		`{"ts":1793498404,"m":"GET","s":200}`:                                             "url is missing",
		`{"ts":1793498404,"m":"GET","u":"s3cr3t","s":200}`:                                "not a path",
		`{"ts":1793498404,"m":"GET","u":"https://acme.xima.cloud/","s":"s3cr3t"}`:         "status is not",
		`{"ts":1793498404,"m":"GET","u":"https://acme.xima.cloud/","s":200,"d":"s3cr3t"}`: "duration_ms is not a number",
		`{"ts":1793498404,"m":"GET","u":"https://acme.xima.cloud/","s":200,"n":1e30}`:     "response_bytes is too large",
		`{"ts":-5,"m":"GET","u":"https://acme.xima.cloud/","s":200}`:                      "started_at is not a time",
		`{"ts":1e300,"m":"GET","u":"https://acme.xima.cloud/","s":200}`:                   "started_at is not a time",
		`[1]`: "not a JSON object",
	} {
		_, rejects, _ := mustImport(t, text+"\n", o)
		if len(rejects) != 1 || !strings.Contains(rejects[0].Reason, says) || strings.Contains(rejects[0].Reason, "s3cr3t") {
			t.Errorf("%s: %v, want %q", text, rejects, says)
		}
	}
}

func FuzzMapped(f *testing.F) {
	for i, c := range mappedCases {
		f.Add(uint(i), []byte(c.text))
	}
	f.Fuzz(func(t *testing.T, i uint, data []byte) {
		c := mappedCases[i%uint(len(mappedCases))]
		requests, _, _, err := importText(t, strings.NewReader(string(data)), c.options(t))
		if err != nil {
			return // what is no text
		}
		var file strings.Builder
		if err := WriteJSONL(&file, sequence(requests)); err != nil {
			t.Fatal(err)
		}
		if len(requests) == 0 {
			return
		}
		if again, rejects, _ := mustImport(t, file.String(), acmeOptions(t)); len(again) != len(requests) {
			t.Fatalf("%d of %d came back: %v", len(again), len(requests), rejects)
		}
	})
}

// TestFormatsPageNamesEach: FORMATS.md has every format and every built-in mapping.
func TestFormatsPageNamesEach(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "FORMATS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range Formats()[1:] { // without "auto"
		if !strings.Contains(string(page), "\n| `"+format+"` | ") {
			t.Errorf("FORMATS.md has no row for the format %s", format)
		}
	}
	for _, name := range MappingNames() {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("FORMATS.md does not name the mapping %s", name)
		}
	}
}
