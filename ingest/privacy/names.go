// Package privacy decides what may be stored of the names that people and programs give: tenants, clients, methods.
package privacy

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
	Redacted  = "(redacted)"
)

// Method returns the method in capitals.
func Method(s string) (string, bool) {
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

// Name is a name as it may be stored, or why it may not.
type Name struct{ Text, Reason string }

// Or is the name, or otherwise in the place of one that may not be stored.
func (n Name) Or(otherwise string) string {
	if n.Reason != "" {
		return otherwise
	}
	return n.Text
}

// CheckTenant says why a name cannot be a tenant's, nil for one that can.
func CheckTenant(name string) error {
	if reason := Tenant(name).Reason; reason != "" {
		return errors.New(reason)
	}
	return nil
}

// Tenant trims a tenant's name.
func Tenant(s string) Name {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return Name{Reason: "tenant is blank"}
	case len(s) > maxTenant:
		return Name{Reason: "tenant is longer than 253 bytes"}
	case strings.ContainsFunc(s, unicode.IsControl):
		return Name{Reason: "tenant holds a control character"}
	}
	return Name{Text: s}
}

// Client makes a program's or host's name storable: what looks like a secret or like somebody's number or
// address is replaced, what is too long is cut.
func Client(s string) Name {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Name{Reason: "client holds a control character"}
	}
	s = strings.TrimSpace(s)
	if isPersonal(s) {
		return Name{Text: Redacted}
	}
	for len(s) > maxClient {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return Name{Text: strings.TrimSpace(s)}
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
