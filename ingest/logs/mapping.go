package logs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/internal/tomldoc"
)

// A Mapping says which member or column of another program's log holds what: request records can
// then be read of any JSON lines, CSV, W3C extended log, or of an access log whose format string is
// known (see ParseLogFormat).
type Mapping struct {
	name   string
	layout layout
	// columns are the names of a table that has no header, separated by separator.
	columns   []string
	separator byte
	fields    map[string][]place
	line      *lineFormat // only with layoutLine
}

// layout is how a file holds its records.
type layout int

const (
	layoutJSON    layout = iota // an object a line
	layoutCSV                   // a table with a header
	layoutW3C                   // a table whose header is the directive "#Fields:"
	layoutColumns               // a table without a header, cells with spaces in quotes
	layoutLine                  // text by a format string
)

// place is where a value lies and how it is written.
type place struct {
	member string // dots lead into objects
	// Of a number: its unit, see units; of a time: see readTime; of a URL: "http" where it only counts
	// if it has a scheme; "" where the value shows it.
	form string
	zone *time.Location
}

// The fields of a Mapping: those of request records but for what it says itself of times, and the
// pieces that URL and time are put together from.
var mappingFields = slices.Concat(fieldNames[:fieldDateSkewS], []string{
	"storage_of",
	"ended_at",  // in the place of started_at, which is then computed where the duration is known
	"logged_at", // what of the two it is, is not known
	"date",      // stands before the time
	"request",   // GET /path HTTP/1.1
	"scheme", "host", "port", "path", "query",
	"content_length", // what of response_bytes is body, where those include headers
})

// units are the forms of durations and sizes, by what they are multiplied with to give milliseconds
// or bytes.
var units = map[string]float64{
	"s": 1000, "ms": 1, "us": 1e-3, "µs": 1e-3, "ns": 1e-6, "min": 60_000,
	"bytes": 1, "kb": 1000, "kib": 1024, "mb": 1e6, "mib": 1 << 20,
}

// ParseMapping reads a mapping that is given as text: the name of a built-in one, or pairs such as
//
//	started_at=ts:unix-ms,method=request.method,url=request.url,status=code,duration_ms=took:s
//
// where what stands behind the last colon is the form of a time or the unit of a number.
func ParseMapping(text string) (*Mapping, error) {
	if m, ok := builtinMappings[text]; ok {
		return m, nil
	}
	m := &Mapping{name: "map", fields: map[string][]place{}}
	for pair := range strings.SplitSeq(text, ",") {
		field, member, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, fmt.Errorf(
				"%q is neither a built-in mapping (%s) nor a pair such as status=response.code%s", pair,
				strings.Join(MappingNames(), ", "), didYouMean(pair, MappingNames()))
		}
		p := place{member: member}
		if i := strings.LastIndexByte(member, ':'); i > 0 && isForm(member[i+1:]) {
			p.member, p.form = member[:i], member[i+1:]
		}
		if err := m.add(field, p); err != nil {
			return nil, err
		}
	}
	return m, m.check()
}

// mappingFile is a mapping as a TOML file has it.
type mappingFile struct {
	Format    string         `toml:"format"`
	Separator string         `toml:"separator"`
	Columns   []string       `toml:"columns"`
	Fields    map[string]any `toml:"fields"`
}

// ParseMappingFile reads a mapping from a TOML file; name is what messages call it. Its errors are
// one line each.
//
//	format = "json"   # or "csv", "w3c", "columns"
//	[fields]
//	started_at  = {from = "ts", time = "unix-ms"}
//	method      = "request.method"
//	duration_ms = {from = "took", unit = "s"}
func ParseMappingFile(name string, data []byte) (*Mapping, error) {
	var f mappingFile
	doc, err := tomldoc.Decode(name, data, &f)
	if err != nil {
		return nil, err
	}
	m := &Mapping{name: name, columns: f.Columns, fields: map[string][]place{}}
	layouts := map[string]layout{
		"":        layoutJSON,
		"json":    layoutJSON,
		"csv":     layoutCSV,
		"w3c":     layoutW3C,
		"columns": layoutColumns,
	}
	known := false
	if m.layout, known = layouts[f.Format]; !known {
		return nil, doc.Errorf("format", "format %q is not known; it must be json, csv, w3c or columns",
			f.Format)
	}
	if len(f.Separator) > 1 {
		return nil, doc.Errorf("separator", "separator %q must be one character", f.Separator)
	}
	if f.Separator != "" {
		m.separator = f.Separator[0]
	}
	if (m.layout == layoutColumns) != (len(f.Columns) > 0) {
		return nil, doc.Errorf("columns",
			"the names of columns belong to the format \"columns\", which has no header")
	}
	for _, field := range slices.Sorted(maps.Keys(f.Fields)) {
		places, err := placesOf(f.Fields[field])
		if err != nil {
			return nil, doc.Errorf("fields."+field, "%s: %w", field, err)
		}
		for _, p := range places {
			if err := m.add(field, p); err != nil {
				return nil, doc.Errorf("fields."+field, "%w", err)
			}
		}
	}
	if err := m.check(); err != nil {
		return nil, doc.Errorf("fields", "%w", err)
	}
	return m, nil
}

// placesOf reads the value of a field: a member, a table with from, unit, time and zone, or a list
// of them, of which the first that a record has counts.
func placesOf(v any) ([]place, error) {
	switch v := v.(type) {
	case string:
		return []place{{member: v}}, nil
	case []any:
		var all []place
		for _, one := range v {
			places, err := placesOf(one)
			if err != nil {
				return nil, err
			}
			all = append(all, places...)
		}
		return all, nil
	case map[string]any:
		var p place
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text, ok := v[key].(string)
			if !ok {
				return nil, fmt.Errorf("%s must be a text in quotes", key)
			}
			switch key {
			case "from":
				p.member = text
			case "unit", "time":
				if p.form = text; !isForm(text) && !strings.Contains(text, "%") {
					return nil, fmt.Errorf("%s %q is not known; it is one of %s, or a time such as \"%%d/%%b/%%Y %%H:%%M:%%S %%z\"",
						key, text, strings.Join(forms(), ", "))
				}
			case "zone":
				zone, err := time.LoadLocation(text)
				if err != nil {
					return nil, fmt.Errorf("time zone %q is not known", text)
				}
				p.zone = zone
			default:
				return nil, fmt.Errorf("unknown key %q; known here: from, unit, time, zone", key)
			}
		}
		if strings.Contains(p.form, "%") {
			layout, err := goLayout(p.form)
			if err == nil && p.zone == nil && !hasZone(layout) {
				err = errors.New("it has no time zone: add %z, or zone = \"Europe/Berlin\"")
			}
			if err != nil {
				return nil, fmt.Errorf("time %q: %w", p.form, err)
			}
		}
		return []place{p}, nil
	}
	return nil, fmt.Errorf(
		"it must name a member in quotes, or be a table such as {from = \"took\", unit = \"s\"}")
}

func forms() []string {
	return append(slices.Sorted(maps.Keys(units)), slices.Sorted(maps.Keys(timeForms))...)
}

func isForm(s string) bool {
	_, unit := units[s]
	_, form := timeForms[s]
	return unit || form
}

func (m *Mapping) add(field string, p place) error {
	if !slices.Contains(mappingFields, field) {
		return fmt.Errorf("there is no field %q%s; the fields are %s", field,
			didYouMean(field, mappingFields), strings.Join(mappingFields, ", "))
	}
	if p.member == "" {
		return fmt.Errorf("%s names no member", field)
	}
	m.fields[field] = append(m.fields[field], p)
	return nil
}

// requiredGroups are the fields of which a mapping must have one each.
var requiredGroups = [][]string{
	{"started_at", "ended_at", "logged_at"}, {"method", "request"}, {"url", "path", "request"}, {"status"},
}

// builtin is the name of a built-in mapping, "" for one that its user wrote.
func (m *Mapping) builtin() string {
	if builtinMappings[m.name] == m {
		return m.name
	}
	return ""
}

// check says what a mapping lacks.
func (m *Mapping) check() error {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return len(m.fields[name]) > 0 })
	}
	switch {
	case !has(requiredGroups[0]...):
		return fmt.Errorf(
			"nothing gives the time: map started_at, or ended_at where the log has the end of requests")
	case !has(requiredGroups[1]...):
		return fmt.Errorf(
			"nothing gives the method: map method, or request for a line such as \"GET / HTTP/1.1\"")
	case !has(requiredGroups[2]...):
		return fmt.Errorf("nothing gives the URL: map url, or path with host, or request")
	case !has(requiredGroups[3]...):
		return fmt.Errorf("nothing gives the status: map status")
	}
	return nil
}

// MappingNames are the names of the built-in mappings.
func MappingNames() []string { return slices.Sorted(maps.Keys(builtinMappings)) }

func didYouMean(word string, known []string) string {
	if near := tomldoc.Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// at builds the places of a built-in mapping: "member" or "member:form" each.
func at(members ...string) []place {
	places := make([]place, len(members))
	for i, member := range members {
		places[i].member, places[i].form, _ = strings.Cut(member, ":")
	}
	return places
}

// builtinMappings are the logs of programs that many people run, as their documentation describes
// them.
var builtinMappings = map[string]*Mapping{
	// Caddy's structured access log: ts is written when the answer has been sent.
	"caddy": {name: "caddy", fields: map[string][]place{
		"ended_at": at("ts"), "method": at("request.method"), "host": at("request.host"),
		"path":   at("request.uri"),
		"status": at("status"), "duration_ms": at("duration:s"), "response_bytes": at("size"),
		"request_bytes": at("bytes_read"),
		"client":        at("request.client_ip", "request.remote_ip"),
		"retry_after_s": at("resp_headers.Retry-After"),
	}},
	// Traefik's access log with format = "json".
	"traefik": {name: "traefik", fields: map[string][]place{
		"started_at": at("StartUTC", "StartLocal"), "ended_at": at("time"), "method": at("RequestMethod"),
		"scheme": at("RequestScheme"),
		"host":   at("RequestAddr", "RequestHost"), "path": at("RequestPath"),
		"status":      at("DownstreamStatus", "OriginStatus"),
		"duration_ms": at("Duration:ns"), "request_bytes": at("RequestContentSize"),
		"response_bytes": at("DownstreamContentSize", "OriginContentSize"),
		"client":         at("ClientHost"),
	}},
	// nginx's log_format with escape=json and members that are named like its variables. The time is
	// the request's end.
	"nginx-json": {name: "nginx-json", fields: map[string][]place{
		"ended_at": at("msec", "time_iso8601", "time_local", "time", "timestamp", "@timestamp"),
		"request":  at("request"),
		"method":   at("request_method", "method"), "scheme": at("scheme"),
		"host": at("http_host", "host", "server_name"),
		"path": at("request_uri", "uri", "path"), "query": at("args", "query_string"),
		"status":      at("status"),
		"duration_ms": at("request_time:s"), "response_bytes": at("body_bytes_sent", "bytes_sent"),
		"request_bytes": at("content_length"),
		"client":        at("http_x_forwarded_for", "remote_addr", "client"),
		"retry_after_s": at("sent_http_retry_after"),
	}},
	// The standard logs of Amazon CloudFront: date and time are when the edge finished the answer;
	// sc-bytes include headers.
	"cloudfront": {name: "cloudfront", layout: layoutW3C, fields: map[string][]place{
		"date": at("date"), "ended_at": at("time"), "method": at("cs-method"),
		"scheme": at("cs-protocol"), "host": at("x-host-header", "cs(Host)"),
		"path": at("cs-uri-stem"), "query": at("cs-uri-query"), "status": at("sc-status"),
		"duration_ms":    at("time-taken:s"),
		"response_bytes": at("sc-bytes"), "content_length": at("sc-content-len"), "client": at("c-ip"),
	}},
	// The logs of IIS: date and time are in UTC, when the answer had been sent; sc-bytes, which it
	// logs only if told to, include headers.
	"iis": {name: "iis", layout: layoutW3C, fields: map[string][]place{
		"date": at("date"), "ended_at": at("time"), "method": at("cs-method"),
		"host": at("cs-host"), "path": at("cs-uri-stem"), "query": at("cs-uri-query"),
		"status": at("sc-status"), "duration_ms": at("time-taken:ms"),
		"response_bytes": at("sc-bytes"), "request_bytes": at("cs-bytes"), "client": at("c-ip"),
	}},
	// The access logs of an AWS Application Load Balancer; sent_bytes include headers.
	"alb": {
		name:      "alb",
		layout:    layoutColumns,
		separator: ' ',
		columns: strings.Fields(`type time elb client target request_processing_time
		target_processing_time response_processing_time elb_status_code target_status_code received_bytes
		sent_bytes request user_agent
		ssl_cipher ssl_protocol target_group_arn trace_id domain_name chosen_cert_arn
		matched_rule_priority request_creation_time`),
		fields: map[string][]place{
			"started_at": at("request_creation_time"), "ended_at": at("time"), "request": at("request"),
			"status":         at("elb_status_code"),
			"response_bytes": at("sent_bytes"), "client": at("client"),
		},
	},
	// Squid's own access.log; its sizes include headers.
	"squid": {name: "squid", layout: layoutLine, line: squidLine, fields: squidFields},
	// What curl -w '%{json}' writes when a transfer is over. It has no time of day: the line must add
	// one.
	"curl-w": {name: "curl-w", fields: map[string][]place{
		"started_at": at("started_at", "start"),
		"ended_at":   at("ended_at", "end", "time", "ts", "timestamp", "date", "@timestamp"),
		"method":     at("method"),
		// Where redirects were followed, the first URL is the one that was asked for.
		"url":         at("url:http", "url_effective", "url"),
		"status":      at("response_code", "http_code"),
		"duration_ms": at("time_total:s"), "response_bytes": at("size_download"),
		"request_bytes": at("size_upload"),
		"error":         at("errormsg"), "client": at("client"), "tenant": at("tenant"),
	}},
}

// tokenOf makes a token of a text as tables and lines have it: "" and "-" are nothing.
func tokenOf(s string) jsonscan.Token {
	if s == "" || s == "-" {
		return jsonscan.Token{}
	}
	return jsonscan.Token{Kind: jsonscan.String, Text: s}
}
