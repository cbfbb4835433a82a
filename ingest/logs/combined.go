package logs

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/store"
)

// parseCombined reads the access logs of nginx and Apache: "common", "combined", and
// "vhost_combined", which has the server's name in front. What stands behind the byte count
// (referer, user agent, and whatever else a format adds) is not looked at: it is not stored, and a
// bare number there may be anything.
//
// The times are whole seconds, floored, and the byte count is the body's as it was sent.
func parseCombined(in *input, f *feeder) error {
	origin := originFor(f.asm.policy.Hosts, f.asm.tenant)
	var d draft
	return eachLine(in, f, func(line textLine) error {
		c, reason := scanCombined(line.text)
		if line.open && (reason != "" || !c.ended) {
			return f.wait(line)
		}
		if reason == "" {
			d = draft{line: line.number, dirty: line.dirty, timeIs: store.TimeIsUnknown, resolution: -1}
			reason = c.draft(&d, f.asm, origin)
		}
		if reason != "" {
			return f.reject(line.number, reason)
		}
		return f.add(&d)
	})
}

// originFor is where a log without server names was written: the policy's first host, of this
// tenant. It is "" where the host needs a tenant and none is given.
func originFor(hosts []string, tenant string) string {
	if len(hosts) == 0 {
		return ""
	}
	host := hosts[0]
	if before, rest, found := strings.Cut(host, "{"); found {
		_, after, _ := strings.Cut(rest, "}")
		if strings.TrimSpace(tenant) == "" {
			return ""
		}
		host = before + hostLabel(tenant) + after
	}
	return "https://" + host
}

// hostLabel makes a tenant's name fit for a host name: the tenant itself is stored beside the URL
// as it was given.
func hostLabel(tenant string) string {
	label := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, strings.TrimSpace(tenant))
	return strings.Trim(label, "-.")
}

// combinedLine is a line cut into its parts.
type combinedLine struct {
	vhost, remote, time string
	request             string // as it stands between the quotes, with its escapes
	status, size        string
	// ended says that something follows the size, so that it cannot be half-written.
	ended bool
}

const notCombined = "line is not in the combined or common log format"

// scanCombined cuts a line, or says why it is none.
func scanCombined(s string) (c combinedLine, reason string) {
	end := strings.Index(s, `] "`)
	open := strings.LastIndex(s[:max(end, 0)], " [") // a user's name may hold one too
	if open < 0 || !c.names(s[:open]) {
		return c, notCombined
	}
	c.time, s = s[open+2:end], s[end+3:]
	if end = closingQuote(s); end < 0 {
		return c, notCombined
	}
	c.request, s = s[:end], s[end+1:]
	if s == "" || s[0] != ' ' {
		return c, notCombined
	}
	c.status, s, _ = strings.Cut(s[1:], " ")
	c.size, _, c.ended = strings.Cut(s, " ")
	c.ended = c.ended || c.size == "-"
	return c, ""
}

// names reads what stands before the time: perhaps the server's name, perhaps the addresses of
// X-Forwarded-For, a list with commas, then the remote host, identity and user. The client is the
// first address of the list, where there is one.
//
// The identity is "-" everywhere in practice, which tells the shapes apart, also where a user's
// name has a space.
func (c *combinedLine) names(s string) bool {
	first, rest, ok := strings.Cut(s, " ")
	if ok && first != "" && strings.HasPrefix(rest, "- ") && rest != "- " &&
		strings.IndexByte(rest[2:], ' ') < 0 &&
		strings.IndexByte(first, ',') < 0 {
		c.remote = first // nearly all lines
		return true
	}
	names := addressLists(s)
	at := 1 // of the identity
	for at < len(names) && names[at] != "-" {
		at++
	}
	// The "-" was an empty X-Forwarded-For.
	if at+2 < len(names) && names[at+2] == "-" && isAddresses(names[at+1]) {
		at += 2
	}
	if at+1 >= len(names) {
		// No identity: a user's name stands in its place, and the remote host first.
		if len(names) != 3 {
			return false
		}
		at = 1
	}
	for at > 1 && isClock(names[0]) { // as "kubectl logs --timestamps" puts it in front
		names, at = names[1:], at-1
	}
	heads := names[:at]
	if len(heads) > 1 && !isAddresses(heads[0]) && heads[0] != "-" {
		c.vhost, heads = heads[0], heads[1:]
	}
	c.remote = firstAddress(strings.Join(heads, ","))
	return heads[0] != ""
}

// firstAddress is the first of a list of addresses that is known, "-" for none.
func firstAddress(list string) string {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one != "" && one != "-" && one != "unknown" {
			return one
		}
	}
	return "-"
}

// withoutPort is an address without its port, which is another for each connection, and an IPv4
// address out of the IPv6 form that sockets for both give it.
func withoutPort(address string) string {
	if ap, err := netip.ParseAddrPort(address); err == nil {
		return ap.Addr().Unmap().String()
	}
	if a, err := netip.ParseAddr(strings.Trim(address, "[]")); err == nil {
		return a.Unmap().String()
	}
	return address
}

// addressLists cuts a text at its spaces, but not behind the commas of a list.
func addressLists(s string) (names []string) {
	for name := range strings.SplitSeq(s, " ") {
		if n := len(names); n > 0 && strings.HasSuffix(names[n-1], ",") {
			names[n-1] += name
		} else {
			names = append(names, name)
		}
	}
	return names
}

// isAddresses says whether a text is a list of IP addresses, as proxies write them.
func isAddresses(s string) bool {
	for one := range strings.SplitSeq(s, ",") {
		if _, err := netip.ParseAddr(one); err == nil || one == "unknown" {
			continue
		}
		if _, err := netip.ParseAddrPort(one); err != nil {
			return false
		}
	}
	return true
}

func isClock(s string) bool {
	_, _, reason := parseRFC3339(s)
	return reason == ""
}

// closingQuote finds the quote that no backslash escapes.
func closingQuote(s string) int {
	from := 0
	for {
		i := strings.IndexByte(s[from:], '"')
		if i < 0 {
			return -1
		}
		i += from
		slashes := 0
		for slashes < i && s[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
		from = i + 1
	}
}

// draft reads the parts; origin is for lines that do not name one of the vendor's servers.
func (c *combinedLine) draft(d *draft, a *assembler, origin string) (reason string) {
	var fraction, ok bool
	if d.startedAt, fraction, ok = parseLogTime(c.time); !ok {
		return "time is not of the form 22/Jan/2019:03:56:14 +0330"
	}
	d.wholeSeconds = !fraction
	if d.status, ok = logStatus(c.status); !ok {
		return "status is not a number of three digits"
	}
	if d.responseBytes, ok = logSize(c.size); !ok {
		return "size is neither - nor a number of bytes up to 1 PB"
	}
	if c.remote != "-" {
		d.client, d.clientIsHost = c.remote, true
	}
	d.goneBefore()
	var target string
	if d.method, target, reason = splitRequest(c.request, d.dirty); reason != "" {
		return reason
	}
	return placeTarget(d, a, target, c.vhost, origin)
}

// goneBefore takes what nginx and Amazon's load balancer log where the client went away before
// there was an answer for what it is: nobody answered with it.
func (d *draft) goneBefore() {
	if d.status == 499 || d.status == 460 {
		d.status, d.errorText = 0, "cancelled"
	}
}

// logStatus reads a status; "-" and "000" say that no answer was sent.
func logStatus(s string) (int, bool) {
	if s == "-" {
		return 0, true
	}
	n := jsonscan.Digits(s)
	return int(n), len(s) == 3 && n >= 0
}

func logSize(s string) (int64, bool) {
	if s == "-" {
		return 0, true
	}
	if s == "" || len(s) > 18 {
		return 0, false
	}
	n := jsonscan.Digits(s)
	return n, n >= 0 && n <= listing.MaxBytes
}

// splitRequest cuts "GET /path HTTP/1.1". Anything else is no request that a client of ours could
// have sent.
func splitRequest(request string, dirty bool) (method, target, reason string) {
	method, rest, _ := strings.Cut(request, " ")
	end := strings.LastIndexByte(rest, ' ')
	if end < 0 || !strings.HasPrefix(rest[end+1:], "HTTP/") {
		return "", "", badRequestLine(request)
	}
	if _, ok := privacy.Method(method); !ok {
		return "", "", badRequestLine(request)
	}
	target = rest[:end]
	if dirty || strings.IndexByte(target, '\\') >= 0 || strings.IndexByte(target, ' ') >= 0 {
		target = unescapeTarget(target)
	}
	return method, target, ""
}

// placeTarget puts the URL of a request together that a server logged. Server is the one that the
// line names, perhaps with scheme and port; origin is for lines that name none of the vendor's.
func placeTarget(d *draft, a *assembler, target, server, origin string) (reason string) {
	tenant := a.tenant
	// A server of the user's own, in front of the vendor's, says nothing about the tenant; with
	// --tenant, that does.
	if own := serverOrigin(server); own != "" &&
		(origin == "" || a.policy.Tenant(own[strings.Index(own, "//")+2:]) != "") {
		origin, tenant = own, ""
	}
	switch {
	case d.method == http.MethodConnect && !strings.ContainsAny(target, "/?#"):
		d.url = "https://" + target // as the proxy records a tunnel
	case strings.HasPrefix(target, "http://"), strings.HasPrefix(target, "https://"):
		d.url = target
	case !strings.HasPrefix(target, "/"):
		return "request target is not a path"
	case origin == "":
		return "no tenant: the line names no server; use --tenant"
	default:
		d.url = origin + target
		if d.tenant == "" {
			d.tenant = tenant
		}
	}
	return ""
}

func badRequestLine(s string) string {
	switch {
	case s == "" || s == "-":
		return "request line is empty: the client sent nothing"
	case strings.HasPrefix(s, `\x16\x03`):
		return "request line is the start of a TLS connection, not HTTP"
	case strings.HasPrefix(s, `\x`):
		return "request line is binary, not HTTP"
	}
	return "request line is not of the form METHOD target HTTP/version"
}

// serverOrigin makes an origin of "acme.xima.cloud", "acme.xima.cloud:443" or
// "https://acme.xima.cloud". Without a scheme, port 80 is the only sign of plain HTTP.
func serverOrigin(server string) string {
	scheme, host, found := strings.Cut(server, "://")
	if !found {
		scheme, host = "https", server
		if h, ok := strings.CutSuffix(server, ":80"); ok {
			scheme, host = "http", h
		}
	}
	if host == "" || host == "-" {
		return ""
	}
	return scheme + "://" + host
}

// unescapeTarget undoes the log's escapes (\" \\ \x0a) and writes what a URL may not hold in
// percent form.
func unescapeTarget(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			if hex := s[i+1:]; hex[0] == 'x' && len(hex) >= 3 && unhex(hex[1]) >= 0 && unhex(hex[2]) >= 0 {
				c = byte(unhex(hex[1])<<4 | unhex(hex[2]))
				i += 3
			} else {
				c = hex[0]
				i++
			}
		}
		if c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
