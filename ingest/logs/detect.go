package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// chooseFormat takes the format that was asked for, or finds out which one it is.
func chooseFormat(in *input, o Options) (string, error) {
	known := o.Policy.Listing.Class != ""
	switch {
	case o.Mapping != nil:
		return FormatMapped, nil
	case o.Format == FormatRecordings && !known:
		return "", fmt.Errorf(
			"%w: policy %s does not say what a recording list looks like; see [listing] in the built-in one",
			ErrFormat, o.Policy.Name)
	case o.Format != "" && o.Format != FormatAuto:
		if slices.Contains(Formats(), o.Format) {
			return o.Format, nil
		}
		return "", fmt.Errorf("%w: there is no input format of that name; use one of %s", ErrFormat,
			strings.Join(Formats(), ", "))
	case known && isListing(in.head, o.Policy.Listing.Key):
		return FormatRecordings, nil
	}
	return detect(in.head, in.whole)
}

// isListing says whether the beginning is that of an array whose objects have keys of recordings,
// of an object that holds such an array, or of an empty array.
func isListing(head []byte, key string) bool {
	text := bytes.TrimLeft(head, " \t\r\n")
	named := bytes.Contains(text, []byte(`"`+key+`"`))
	switch {
	case bytes.HasPrefix(text, []byte("[")):
		return named || string(bytes.TrimSpace(text[1:])) == "]"
	case bytes.HasPrefix(text, []byte("{")):
		return named && holdsList(text, key)
	}
	return false
}

// holdsList says whether a list of recordings lies inside the object.
func holdsList(text []byte, key string) bool {
	inside := regexp.MustCompile(`\[\s*\{[^\[\]]*"` + regexp.QuoteMeta(key) + `"`)
	return inside.Match(text) && !isHAR(text)
}

// magics are the beginnings of files that are no text.
var magics = []struct{ magic, what string }{
	{"\x1f\x8b", "it is gzip inside gzip: decompress it once"},
	{"\xff\x06\x00\x00sNaPpY", "it is compressed with snappy: decompress it first"},
	{"\xff\xfe", utf16}, {"\xfe\xff", utf16}, {"\x00\x00\xfe\xff", utf16},
	{"PK\x03\x04", "it is a ZIP archive: unpack it first (a spreadsheet: save it as CSV)"},
	{"PK\x05\x06", "it is an empty ZIP archive"},
	{"PK\x07\x08", "it is part of a ZIP archive: unpack it first"},
	{"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive: unpack it first"},
	{"Rar!\x1a\x07", "it is a RAR archive: unpack it first"},
	{"MSCF", "it is a cabinet archive: unpack it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed with zstd: decompress it first"},
	{"BZh", "it is compressed with bzip2, twice or damaged: decompress it first"},
	{"\xfd7zXZ", "it is compressed with xz: decompress it first"},
	{"\x04\x22\x4d\x18", "it is compressed with lz4: decompress it first"},
	{"LZIP", "it is compressed with lzip: decompress it first"},
	{"\x5d\x00\x00", "it is compressed with lzma: decompress it first"},
	{"\x1f\x9d", "it is compressed with compress (.Z): decompress it first"},
	{"SQLite format 3\x00", "it is an SQLite database: imports read logs"},
	{"%PDF-", "it is a PDF: imports read logs"},
	{"PAR1", "it is a Parquet file: write it as CSV"},
	{"Obj\x01", "it is an Avro file: write it as JSON Lines"},
	{"ElfFile\x00", "it is a Windows event log: imports read access logs"},
	{"07070", "it is a cpio archive: unpack it first"},
	{"!<arch>\n", "it is an ar archive: unpack it first"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "it is an old Excel or Office file: save it as CSV"},
	{"\x78\x01", zlib}, {"\x78\x9c", zlib}, {"\x78\xda", zlib},
	{"LPKSHHRH", "it is a journal of systemd: write it with journalctl -o cat"},
	{"bplist00", "it is a binary property list: imports read logs"},
	{"{\\rtf", "it is RTF: save it as plain text"},
	{"\xd4\xc3\xb2\xa1", pcap}, {"\xa1\xb2\xc3\xd4", pcap}, {"\x0a\x0d\x0d\x0a", pcap},
}

const zlib = "it is compressed with zlib: decompress it first"

const pcap = "it is a packet capture: imports read access logs"

// isTar says whether the beginning is the header of a tar archive of any age: in it stands the sum
// of its bytes, in which its own place counts as spaces.
func isTar(head []byte) bool {
	const size, at, end = 512, 148, 156
	if len(head) < size || head[0] == 0 {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[at:end]), " \x00"), 8, 64)
	if err != nil {
		return false
	}
	sum := int64(end-at) * ' '
	for i, b := range head[:size] {
		if i < at || i >= end {
			sum += int64(b)
		}
	}
	return sum == want
}

const utf16 = "it is text in UTF-16 or UTF-32: convert it to UTF-8 first"

// refused says what the input is when no format can be made of it, whichever was asked for.
func refused(head []byte) string {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.what
		}
	}
	if isTar(head) {
		return "it is a tar archive: unpack it first, and name the files in it"
	}
	if len(head) >= 4 && head[0] >= 0x50 && head[0] <= 0x5f && string(head[1:4]) == "\x2a\x4d\x18" {
		return "it is compressed with zstd or lz4: decompress it first"
	}
	if len(head) >= 4 &&
		(head[0] == 0 && head[1] != 0 && head[2] == 0 ||
			head[0] != 0 && head[1] == 0 && head[3] == 0 && head[2] != 0) {
		return utf16 // without a byte order mark
	}
	return ""
}

// detectLines is how many lines are looked at until one shows the format: a log may begin with a
// few odd ones.
const detectLines = 20

// detect finds the format by the first line that shows it. The error says what the input looks like
// instead.
func detect(head []byte, whole bool) (string, error) {
	lines := firstLines(head, whole)
	if len(lines) == 0 {
		if whole {
			return "", ErrEmpty
		}
		return "", fmt.Errorf("%w: it begins with a great many blank lines", ErrFormat)
	}
	if what := foreign(lines[0]); what != "" {
		return "", fmt.Errorf("%w: %s", ErrFormat, what)
	}
	if isHAR(head) {
		return FormatHAR, nil
	}
	if isTable(lines) {
		return FormatCSV, nil
	}
	for _, line := range lines {
		if format := formatOfLine(line); format != "" {
			return format, nil
		}
	}
	for _, line := range lines[1:] { // a log may begin with what its program says when it starts
		if what := otherLog(line); what != "" {
			return "", fmt.Errorf("%w: %s", ErrFormat, what)
		}
	}
	if isBinary(head) { // and not a log with a few NUL bytes, as a crash leaves them
		return "", fmt.Errorf(
			"%w: it looks like a binary file; name the format with --input-format if it is a damaged log",
			ErrFormat)
	}
	cut := len(head) == len(lines[0]) && !whole
	if text := string(head); strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") && !cut {
		lines[0] = text // a document of many lines
	}
	return "", fmt.Errorf("%w: %s", ErrFormat, unknownLine(lines[0], cut))
}

// firstLines returns the first lines that are not blank. A last one that may be cut off counts if
// it is all there is.
func firstLines(head []byte, whole bool) []string {
	all := strings.Split(string(head), "\n")
	if !whole && len(all) > 1 {
		all = all[:len(all)-1]
	}
	var lines []string
	for _, line := range all {
		if line = strings.TrimSuffix(line, "\r"); !isBlank(line) {
			lines = append(lines, line)
		}
		if len(lines) == detectLines {
			break
		}
	}
	return lines
}

// foreign names formats that must not be taken for one of ours.
func foreign(line string) string {
	text := strings.TrimLeft(line, " \t")
	if what := otherLog(text); what != "" {
		return what
	}
	switch {
	case strings.HasPrefix(text, "#Software: Microsoft"):
		return "it looks like a log of IIS: use --map iis"
	case strings.HasPrefix(text, "#Software:"), strings.HasPrefix(text, "#Version:"),
		strings.HasPrefix(text, "#Fields:"),
		strings.HasPrefix(text, "#Date:"):
		return "it looks like a W3C extended log: use --map iis or --map cloudfront, or name its fields in a mapping file"
	case jsonArray.MatchString(text) && strings.Contains(text, `"startedDateTime"`):
		return "it looks like HAR without the object around it: it must be {\"log\":{\"entries\":[…]}}"
	case jsonArray.MatchString(text):
		return "it looks like a JSON array, but not like a recording list: write request records one a line instead"
	case strings.HasPrefix(text, "<"):
		return "it looks like HTML or XML: was an error page saved instead of the log?"
	}
	return ""
}

// otherLog names the log that a line is one of, "" for none that is known.
func otherLog(line string) string {
	for _, known := range otherLogs {
		if known.line.MatchString(line) {
			return known.what
		}
	}
	return ""
}

// jsonArray does not fit an IPv6 address in brackets, with which a line of an access log may begin.
var jsonArray = regexp.MustCompile(`^\[\s*([\[\]{"]|$)`)

var jsonList = regexp.MustCompile(`:\s*\[\s*\{`)

// otherLogs are the first lines of logs that are not read, or by --map only.
var otherLogs = []struct {
	line *regexp.Regexp
	what string
}{
	{
		regexp.MustCompile(`^\S+:\d+ \[\d\d/[A-Z][a-z]{2}/\d{4}:[\d:.]+\] \S+ \S+/\S+ `),
		"it looks like an HAProxy log: log in the combined format, or convert it to CSV",
	},
	{
		regexp.MustCompile(`^(?:https?|h2|grpcs?|wss?) \d{4}-\d\d-\d\dT[\d:.]+Z app/`),
		"it looks like a log of an AWS load balancer: use --map alb",
	},
	{
		regexp.MustCompile(`^\[\d{4}-\d\d-\d\dT[\d:.]+Z\] "`),
		"it looks like a log of Envoy: log as JSON, and name its members with --map",
	},
	{
		regexp.MustCompile(`^\d{10}\.\d{3} +-?\d+ \S+ [A-Z_]+/\d{3} `),
		"it looks like Squid's own log: use --map squid",
	},
	{
		regexp.MustCompile(`^__[A-Z_]+=`),
		"it looks like an export of journald: write it with journalctl -o cat, or -o json",
	},
}

// isBinary says whether the beginning has bytes that no text has.
func isBinary(head []byte) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return true
	}
	bad := 0
	for text := head; len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 ||
			r < ' ' && strings.IndexByte("\t\n\r\f\v\x1b", byte(r)) < 0 {
			bad++
		}
		text = text[size:]
	}
	return bad > len(head)/10
}

var (
	harStart = regexp.MustCompile(`^\s*\{\s*"log"\s*:\s*\{`)
	harLog   = regexp.MustCompile(`"log"\s*:\s*\{`)
)

// isHAR says whether the beginning is that of a HAR document. One with something before "log" has
// to spread over lines.
func isHAR(head []byte) bool {
	if harStart.Match(head) {
		return true
	}
	text := bytes.TrimLeft(head, " \t\r\n")
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.HasPrefix(text, []byte("{")) && !json.Valid(first) && harLog.Match(head) &&
		bytes.Contains(head, []byte(`"entries"`))
}

// brokenRecord is a line that was meant to be a record: each then says what is wrong with it.
var brokenRecord = regexp.MustCompile(`^\s*\{.*"started_at"\s*:`)

// formatOfLine tells a record's format, "" where the line shows none.
func formatOfLine(line string) string {
	if strings.HasPrefix(strings.TrimLeft(line, " \t"), "{") {
		var v fields
		if !scanFlat(line, &v) && decodeObject(line, &v) != "" {
			if brokenRecord.MatchString(line) {
				return FormatJSONL
			}
			return ""
		}
		if v[fieldStartedAt].Kind != jsonscan.Absent ||
			v[fieldURL].Kind != jsonscan.Absent && v[fieldMethod].Kind != jsonscan.Absent {
			return FormatJSONL
		}
		return ""
	}
	c, reason := scanCombined(line)
	if _, _, ok := parseLogTime(c.time); reason == "" && ok {
		return FormatCombined
	}
	return ""
}

// unknownLine says what an unrecognised first line looks like.
func unknownLine(line string, cut bool) string {
	const want = "; name the format with --input-format if it is one"
	switch {
	case cut:
		return "its first line is longer than 64 KiB" + want
	case !strings.HasPrefix(strings.TrimLeft(line, " \t"), "{"):
		return "it looks like neither JSON Lines, HAR, an access log nor CSV with a header" + want
	case strings.Contains(line, `"nginx_version"`) || strings.Contains(line, `"server_zones"`):
		return "it looks like the status of NGINX Plus as JSON, which counts requests but does not list them: import its access log"
	case strings.Contains(line, `"startedDateTime"`):
		return "it looks like HAR without the object around it: it must be {\"log\":{\"entries\":[…]}}"
	case strings.Contains(line, `"started_at"`) && jsonList.MatchString(line):
		return "it is a JSON document that holds a list of records: write them one a line, for example with jq -c '.NAME[]'"
	case strings.Contains(line, `"EdgeStartTimestamp"`) ||
		strings.Contains(line, `"ClientRequestURI"`):
		return "it looks like a Cloudflare log: name its fields with --map, such as started_at=EdgeStartTimestamp,method=ClientRequestMethod,…"
	case strings.Contains(line, `"request"`) && strings.Contains(line, `"ts"`) &&
		strings.Contains(line, `"uri"`):
		return "it looks like a log of Caddy: use --map caddy"
	case strings.Contains(line, `"DownstreamStatus"`):
		return "it looks like a log of Traefik: use --map traefik"
	case strings.Contains(line, `"time_total"`) && strings.Contains(line, `"url_effective"`):
		return "it looks like what curl -w '%{json}' writes: use --map curl-w"
	case strings.Contains(line, `"request_uri"`) || strings.Contains(line, `"body_bytes_sent"`):
		return "it looks like a log of nginx as JSON: use --map nginx-json"
	}
	return "it looks like JSON, but not like request records: those have started_at, method, url and status; --map names other members"
}
