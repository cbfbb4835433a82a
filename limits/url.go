package limits

import (
	"cmp"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURL is the longest URL in bytes that is looked at; servers refuse far shorter ones.
const maxURL = 1 << 16

// The errors of Match. None repeats anything of the URL, which may hold what must not be written
// down.
var (
	ErrURLTooLong = errors.New("url is longer than 64 KiB")
	ErrURLControl = errors.New("url holds a control character")
	ErrURLScheme  = errors.New("url is not absolute: it has no scheme")
	ErrURLHost    = errors.New("url has no host, or one that is not valid")
)

// urlParts are the parts of an absolute URL that a request is made of.
type urlParts struct {
	origin, host, path, query string
	userinfo                  bool
}

// splitURL cuts a URL at its separators, without decoding. It allocates only where the origin must
// be rewritten.
func splitURL(url string) (u urlParts, err error) {
	if len(url) > maxURL {
		return u, ErrURLTooLong
	}
	if hasControl(url) {
		return u, ErrURLControl
	}
	colon := strings.IndexByte(url, ':')
	if colon <= 0 || !strings.HasPrefix(url[colon:], "://") || !allIn(url[:colon], &schemeBytes) {
		return u, ErrURLScheme
	}
	slash := colon + 3
	for slash < len(url) && !authorityEnds.has(url[slash]) {
		slash++
	}
	if err := u.setOrigin(url[:slash], colon); err != nil {
		return u, err
	}
	u.path, _, _ = strings.Cut(url[slash:], "#")
	u.path, u.query, _ = strings.Cut(u.path, "?")
	if u.path == "" {
		u.path = "/"
	}
	if strings.IndexByte(u.path, '%') >= 0 {
		u.path = decodeHarmless(u.path)
	}
	if !tidy(u.path) {
		u.path = withoutDots(u.path)
		for strings.Contains(u.path, "//") { // of a base that ends in a slash; servers merge them
			u.path = strings.ReplaceAll(u.path, "//", "/")
		}
	}
	return u, nil
}

// tidy says that no segment but the last is empty, and that none begins with a dot.
func tidy(path string) bool {
	for {
		i := strings.IndexByte(path, '/')
		if i < 0 || i+1 == len(path) {
			return true
		}
		if path = path[i+1:]; path[0] == '/' || path[0] == '.' {
			return false
		}
	}
}

// withoutDots resolves the segments "." and ".." of a path, as every server does (RFC 3986, section
// 5.2.4).
func withoutDots(path string) string {
	var kept []string
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		switch s {
		case ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, s)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "") // the slash before it stays
		}
	}
	return "/" + strings.Join(kept, "/")
}

// hasControl looks for bytes below 0x20 and for 0x7f, eight at a time where it can.
func hasControl(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		del := w ^ ones*0x7f
		if ((w-ones*0x20)&^w|(del-ones)&^del)&tops != 0 {
			return true
		}
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// setOrigin takes "scheme://authority". In nearly all logs it is already as it should be, and is
// kept as it is.
func (u *urlParts) setOrigin(s string, colon int) error {
	if host := s[colon+3:]; host != "" && host[len(host)-1] != '.' && allIn(host, &plainHostBytes) &&
		allIn(s[:colon], &lowerBytes) {
		u.origin, u.host = s, host
		return nil
	}
	scheme, host := lowerASCII(s[:colon]), lowerASCII(s[colon+3:])
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		u.userinfo = at > 0
		host = host[at+1:]
	}
	port := ""
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
	}
	host = dots.Replace(host)
	host = strings.TrimRight(host, ".") // one ends the name in the DNS; more are no other host
	if port != "" {
		port = cmp.Or(strings.TrimLeft(port, "0"), "0") // "0443" is 443
	}
	if !validHost(host) || len(port) > 5 || !allIn(port, &digitBytes) {
		return ErrURLHost
	}
	u.host, u.origin = host, scheme+"://"+host
	if port != "" && port != defaultPorts[scheme] {
		u.origin += ":" + port
	}
	return nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443"}

func validHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && inner != "" && allIn(inner, &addressBytes)
	}
	if host == "" || !utf8.ValidString(host) {
		return false
	}
	for _, r := range host {
		if r < 0x80 && !plainHostBytes.has(byte(r)) ||
			r >= 0x80 && !unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return false
		}
	}
	return true
}

// dots are the characters that clients take for a dot in a host's name (RFC 3490, section 3.1).
var dots = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".")

var (
	authorityEnds  = setOfString("/?#")
	digitBytes     = setOfString("0123456789")
	lowerBytes     = setOfString("abcdefghijklmnopqrstuvwxyz")
	plainHostBytes = setOfString("abcdefghijklmnopqrstuvwxyz0123456789.-_")
	addressBytes   = setOfString("abcdef0123456789:.")
	schemeBytes    = setOfString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-")
	idBytes        = setOfString(
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:=+/")
	// valueBytes may stand unescaped in a path segment (RFC 3986, pchar).
	valueBytes = setOfString(
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@")
	// pairBytes may stand in a query pair; "%" begins an escape.
	pairBytes = setOfString(
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$'()*+,;=:@/?%")
)

func setOfString(s string) (set byteSet) {
	for i := range len(s) {
		set.add(s[i])
	}
	return set
}

func allIn(s string, set *byteSet) bool {
	for i := range len(s) {
		if !set.has(s[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// decodeHarmless undoes the escapes of a path which change nothing: those of bytes that may stand
// unescaped in a segment, and of the braces of a placeholder, which some programs escape when they
// pass a URL on. "%2A" stays: a bare "*" is a placeholder.
func decodeHarmless(path string) string {
	b := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if c, ok := escapeAt(path, i); ok && c != '*' && (valueBytes.has(c) || c == '{' || c == '}') {
			b = append(b, c)
			i += 2
			continue
		}
		b = append(b, path[i])
	}
	return string(b)
}

// escapeAt is the byte that the escape "%XX" at s[i:] stands for.
func escapeAt(s string, i int) (byte, bool) {
	if s[i] != '%' || i+2 >= len(s) {
		return 0, false
	}
	hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
