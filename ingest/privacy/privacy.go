// Package privacy decides what may be stored of the texts that people and programs give: names of
// tenants, clients, files and methods, and notes.
//
// # What it promises
//
// A text that has the form of an e-mail address, of a token or key, or of a telephone number (7 to
// 15 digits with their usual separators) is not stored, wherever it is given: a client is replaced,
// a tenant refused, a piece of a note cut out, the host of a URL
// that is not the vendor's replaced by a digest. Of clients, a first and a last name are replaced
// too, and the names of hosts are kept as a short digest under the database's own key, so that two
// stay two. Methods that HTTP does not know share one name.
//
// # What it does not do
//
// It goes by form alone. It does not know that "nightly-anna" is somebody, nor what an unusual key
// looks like.
package privacy

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxTenant = 253 // bytes: the longest host name, since that stands for a tenant nobody named
	maxClient = 200 // bytes
	maxFile   = 255 // bytes
	maxNote   = 1000
	maxMethod = 32 // bytes
)

// Redacted takes the place of what may not be stored.
const Redacted = "(redacted)"

// OtherMethod is stored for the methods that HTTP does not know.
const OtherMethod = "OTHER"

var methods = strings.Fields(
	`GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY PURGE SEARCH M-SEARCH NOTIFY SUBSCRIBE
		UNSUBSCRIBE
	PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT ACL BIND REBIND UNBIND LINK UNLINK MERGE
	CHECKOUT MKACTIVITY MKCALENDAR`,
)

// Method returns a method in capitals, OtherMethod for one that HTTP does not know; ok is false for
// what cannot be a method at all.
func Method(s string) (method string, ok bool) {
	if s == "GET" || s == "POST" { // nearly all
		return s, true
	}
	if s == "" || len(s) > maxMethod {
		return "", false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return "", false
		}
	}
	if s = strings.ToUpper(s); !slices.Contains(methods, s) {
		return OtherMethod, true
	}
	return s, true
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

// CheckTenants is CheckTenant for the names of a list, such as a config's: they go into the log and
// into reports. Its error tells which by its place, not by the name.
func CheckTenants(names []string) error {
	for i, name := range names {
		if err := CheckTenant(name); err != nil {
			return fmt.Errorf("the tenant that is number %d in order of name: %w", i+1, err)
		}
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
	if form := Form(s); form != "" {
		return Name{Reason: "tenant looks like " + form + ", which is not stored; give it another name"}
	}
	return Name{Text: s}
}

// Client makes the name of a program or host storable. What looks personal is replaced, what is too
// long is cut, and a host's name becomes Host's digest.
func Client(s string, key []byte) Name {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Name{Reason: "client holds a control character"}
	}
	s = strings.TrimSpace(s)
	switch {
	case isAddress(s):
		return Name{Text: s}
	case Form(s) != "" || isPerson(s):
		return Name{Text: Redacted}
	case isHost(s):
		return Host(s, key)
	}
	return Name{Text: strings.TrimSpace(cut(s, maxClient))}
}

// Host makes the name of a host storable: an address stays as it is; of another name only a short
// digest under the database's own key is kept, such as "host-kbadcfeh".
func Host(s string, key []byte) Name {
	s = strings.TrimSpace(s)
	if s == "" || isAddress(s) || hostDigest.MatchString(s) {
		return Name{Text: s}
	}
	return Name{
		Text: "host-" + letters(key, "host\x00"+strings.ToLower(strings.TrimSuffix(s, ".")), 4),
	}
}

// Origin makes the scheme and host of a URL storable whose host is not the vendor's: of a name that
// has a form which is not stored, a digest stands in its place, as Host gives it.
func Origin(origin string, key []byte) string {
	scheme, host, _ := strings.Cut(origin, "://")
	if Form(host) == "" {
		return origin
	}
	port := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host, port = host[:i], host[i:]
	}
	return scheme + "://" + Host(host, key).Text + port
}

// Key is the digest, under the database's own key, of a recording's key or a report's id that may
// not be kept as it is, in the form that limits.IsDigest knows.
func Key(s string, key []byte) string { return "key-" + letters(key, "key\x00"+s, 8) }

// letters are n bytes of a digest, each as two letters: digits could look like a number.
func letters(key []byte, text string, n int) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	digest := make([]byte, 0, 2*n)
	for _, b := range mac.Sum(nil)[:n] {
		digest = append(digest, 'a'+b>>4, 'a'+b&15)
	}
	return string(digest)
}

var hostDigest = regexp.MustCompile(`^host-[a-p]{8}$`)

// File makes the base name of a file storable. Dates and times are part of many, and stay.
func File(s string) string {
	s = visible(s)
	if Form(stamps.ReplaceAllString(s, " ")) != "" {
		return Redacted
	}
	return cut(s, maxFile)
}

// stamps are dates and times as programs put them into the names of files.
var stamps = regexp.MustCompile(
	`(?:19|20)\d\d[-_.]?(?:0[1-9]|1[0-2])[-_.]?(?:[0-2]\d|3[01])(?:[-_.T]?\d\d(?:[-_.:]?\d\d){0,2}(?:[.]?\d{3})?)?|\b1[4-9]\d{8}(?:\d{3})?\b`,
)

// Note makes what somebody wrote storable: pieces that look personal are replaced, and what a
// terminal would act on is left out.
func Note(s string) string {
	s = visible(s)
	s = emailLike.ReplaceAllString(s, Redacted)
	s = secretLike.ReplaceAllString(s, Redacted)
	s = longRun.ReplaceAllStringFunc(s, func(run string) string {
		if isMixed(run) || len(run) >= maxRun {
			return Redacted
		}
		return run
	})
	s = phoneLike.ReplaceAllStringFunc(s, func(number string) string {
		if isPhone(number) {
			return Redacted
		}
		return number
	})
	return cut(s, maxNote)
}

// visible leaves out control characters and those that change the direction of text.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// cut shortens a text to at most n bytes of whole characters.
func cut(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// Form says what a text looks like that is not stored under any name: "" for nothing of the kind.
// Everything that is asked whether it may be stored is asked here.
func Form(s string) string {
	if isAddress(s) {
		return ""
	}
	if emailLike.MatchString(s) {
		return "an e-mail address"
	}
	if secretLike.MatchString(s) {
		return "a token"
	}
	for _, run := range longRun.FindAllString(s, -1) {
		if len(run) >= maxRun || isMixed(run) {
			return "a token"
		}
	}
	for _, number := range phoneLike.FindAllString(s, -1) {
		if isPhone(number) {
			return "a telephone number"
		}
	}
	return ""
}

var (
	emailLike = regexp.MustCompile(
		`[^\s@<>"(),;:]+@[^\s@<>"(),;:]+\.[A-Za-z0-9]+|[^\s@]+%40[^\s@]+\.[A-Za-z]+`)
	secretLike = regexp.MustCompile(
		`(?i)\b(?:bearer|basic|token|api[_-]?key|secret|passw(?:or)?d)[ =:]+\S+|\b(?:sk|pk|rk)_(?:live|test)_\w*|\bsk-\w{8,}` +
			`|eyJ[A-Za-z0-9_-]{10}[A-Za-z0-9_.-]*|\bgh[opsru]_\w+|\bgithub_pat_\w+|\bxox[abeprs]-[\w-]+|\bglpat-[\w-]+|\bya29\.[\w-]+|-----BEGIN [A-Z ]+` +
			`|\b(?-i:A(?:KIA|SIA|GPA|IDA|ROA)[0-9A-Z]{8,})|\b(?-i:AIza)[\w-]{10,}|\b(?-i:SG\.)[\w-]{10,}`,
	)
	// longRun is an unbroken run of letters and digits; host names and UUIDs have shorter ones.
	longRun   = regexp.MustCompile(`[A-Za-z0-9_+/=]{20,}`)
	phoneLike = regexp.MustCompile(`\+?\(?\d[\d ()./_\x{2010}-\x{2015}\x{a0}\x{202f}-]{4,}\d`)
	// These have as many digits as a telephone number, but are the names of builds and of cloud hosts.
	dateLike = regexp.MustCompile(`^(?:19|20)\d\d-?(?:0[1-9]|1[0-2])-?(?:[0-2]\d|3[01])$`)
	hostLike = regexp.MustCompile(`^(?:\d{1,3}-){3}\d{1,3}$`)
	// dottedPhone tells numbers whose only separators are points from versions.
	dottedPhone = regexp.MustCompile(`^(?:\+?\d{1,3}\.)?\d{3}\.\d{3}\.\d{4}$|^0\d(?:\.\d\d){4}$|^\+`)
)

// maxRun is the longest run that is no token whatever it is made of.
const maxRun = 32

// isMixed says whether a run has small letters, capitals and digits, as random tokens have.
func isMixed(run string) bool {
	return strings.ContainsFunc(run, unicode.IsLower) && strings.ContainsFunc(run, unicode.IsUpper) &&
		strings.ContainsFunc(run, unicode.IsDigit)
}

func isPhone(s string) bool {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
	switch {
	case len(digits) < 7, len(digits) > 15, dateLike.MatchString(s), hostLike.MatchString(s):
		return false
	case strings.Trim(s, "0123456789.") == "" && strings.Contains(s, "."):
		return dottedPhone.MatchString(s)
	}
	return true
}

// isAddress says whether a text is an IP address, with or without a port.
func isAddress(s string) bool {
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(s)
	return err == nil
}

var (
	hostName = regexp.MustCompile(
		`(?i)^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.[a-z]{2,}\.?(?::\d{1,5})?$`,
	)
	person = regexp.MustCompile(
		`^\p{Lu}[\p{L}'’]+(?:-\p{Lu}\p{L}+)?(?:,? \p{Lu}(?:[\p{L}'’]+|\.))?,? \p{Lu}[\p{L}'’]+(?:-\p{Lu}\p{L}+)?$`,
	)
)

// extensions end the names of programs, which are no hosts.
var extensions = strings.Fields(
	"py sh js mjs ts rb pl php exe jar ps1 psm1 bat cmd go bin vbs lua class war dll service timer app rs tcl ksh zsh bash",
)

func isHost(s string) bool {
	if !hostName.MatchString(s) {
		return false
	}
	return !slices.Contains(extensions, strings.ToLower(s[strings.LastIndexByte(s, '.')+1:]))
}

// programWords are those of programs' names that are written like a person's.
var programWords = strings.Fields(
	`proxy client inspector browser server agent export exporter tool tools bot crawler service sync
		pull puller job
	script runner worker recording recordings download downloader loader web rest http api player
	monitor test tests kit desktop mobile edge
	chrome firefox safari postman insomnia fiddler data report reports reporting call calls nightly
	backup archive archiver import importer gateway
	engine runtime app application explorer studio playwright internet google microsoft apple amazon
	apache power automate query excel
	task scheduler scheduled integration connector system batch cron daily weekly night audio voice
	media library toolkit framework`,
)

// isPerson says whether a text is written like somebody's first and last name.
func isPerson(s string) bool {
	if !person.MatchString(s) {
		return false
	}
	for word := range strings.FieldsSeq(strings.ToLower(s)) {
		if slices.Contains(programWords, strings.Trim(word, ",.")) {
			return false
		}
	}
	return true
}
