package ingest

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTenant = 253 // bytes: the longest host name, since that stands for a tenant nobody named
	maxClient = 200 // bytes
	maxMethod = 32  // bytes
	redacted  = "(redacted)"
)

// cleanMethod returns the method in capitals.
func cleanMethod(s string) (string, bool) {
	if s == "" || len(s) > maxMethod {
		return "", false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return "", false
		}
	}
	return strings.ToUpper(s), true
}

// checkURL refuses what is no http or https URL. It names the scheme of the usual others only.
func checkURL(url string) string {
	for i := 0; i < len(url); i++ {
		if url[i] <= ' ' || url[i] == 0x7f {
			return "url holds a space or a control character"
		}
	}
	scheme, _, _ := strings.Cut(url, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
		return ""
	case "ws", "wss":
		return "a websocket, not an HTTP request"
	case "data", "blob", "about", "file", "chrome-extension", "moz-extension", "safari-web-extension":
		return strings.ToLower(scheme) + ": URL, no request to a server"
	}
	return "url is not an absolute http or https URL"
}

// storable is a cleaned name, or something else in the place of one that may not be stored.
func storable(c cleaned, otherwise string) string {
	if c.reason != "" {
		return otherwise
	}
	return c.text
}

// CheckTenant says why a name cannot be a tenant's, nil for one that can.
func CheckTenant(name string) error {
	if reason := cleanTenant(name).reason; reason != "" {
		return errors.New(reason)
	}
	return nil
}

// cleanTenant trims a tenant's name.
func cleanTenant(s string) cleaned {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return cleaned{reason: "tenant is blank"}
	case len(s) > maxTenant:
		return cleaned{reason: "tenant is longer than 253 bytes"}
	case strings.ContainsFunc(s, unicode.IsControl):
		return cleaned{reason: "tenant holds a control character"}
	}
	return cleaned{text: s}
}

// cleanClient makes a program's or host's name storable: what looks like a secret or like somebody's number or
// address is replaced, what is too long is cut.
func cleanClient(s string) cleaned {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return cleaned{reason: "client holds a control character"}
	}
	s = strings.TrimSpace(s)
	if isPersonal(s) {
		return cleaned{text: redacted}
	}
	for len(s) > maxClient {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return cleaned{text: strings.TrimSpace(s)}
}

var (
	emailLike = regexp.MustCompile(`[^\s@]@[^\s@]+\.[^\s@]`)
	// A long unbroken run of letters and digits is a token or a digest; host names and UUIDs have shorter ones.
	tokenLike = regexp.MustCompile(`(?i)\b(bearer|basic|token|api[_-]?key)[ =:]|eyJ[A-Za-z0-9_-]{10}|[A-Za-z0-9_+/=]{32}`)
	phoneLike = regexp.MustCompile(`\+?\(?\d[\d ()/-]{5,}\d|\b\d{3}\.\d{3}\.\d{4}\b`)
	// These have as many digits as a telephone number, but are the names of builds and of cloud hosts.
	dateLike = regexp.MustCompile(`^(19|20)\d\d-?(0[1-9]|1[0-2])-?([0-2]\d|3[01])$`)
	hostLike = regexp.MustCompile(`^(\d{1,3}-){3}\d{1,3}$`)
)

// isPersonal says whether a name looks like an e-mail address, a token or a telephone number. IP addresses do not.
func isPersonal(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return false
	}
	if emailLike.MatchString(s) || tokenLike.MatchString(s) {
		return true
	}
	for _, number := range phoneLike.FindAllString(s, -1) {
		if isPhone(number) {
			return true
		}
	}
	return false
}

func isPhone(s string) bool {
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n >= 7 && !dateLike.MatchString(s) && !hostLike.MatchString(s)
}

// errorWords map the words of other programs' messages to the classes of store.Request.Error. The first that fits
// counts, so the more telling stand first ("connection timed out" is a timeout, "connection reset" a reset).
var errorWords = []struct{ class, words string }{
	{"timeout", "timeout|timed out|timed_out|etimedout|deadline"},
	{"dns", "dns|no such host|name_not_resolved|enotfound|eai_again|getaddrinfo|resolve"},
	{"tls", "tls|ssl|cert|x509|handshake"},
	{"reset", "reset|broken pipe|epipe|eof|connection_closed|connection closed|connection_aborted|connection aborted|hang up|mismatch|incomplete"},
	{"cancelled", "cancel|abort"},
	{"connect", "connect|refused|unreachable|no route|internet_disconnected"},
}

// errorClassOf keeps a class and makes one of free text, which is never stored.
func errorClassOf(text string) string {
	if text == "" {
		return ""
	}
	text = strings.ToLower(text)
	for _, e := range errorWords {
		if text == e.class {
			return e.class
		}
	}
	for _, e := range errorWords {
		for word := range strings.SplitSeq(e.words, "|") {
			if strings.Contains(text, word) {
				return e.class
			}
		}
	}
	return "other"
}
