package logs

import "strings"

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

// errorWords map the words of other programs' messages to the classes of store.Request.Error. The
// first that fits counts, so the more telling stand first ("connection timed out" is a timeout,
// "connection reset" a reset).
var errorWords = []struct{ class, words string }{
	{"timeout", "timeout|timed out|timed_out|timedout|deadline"},
	{"dns", "dns|no such host|name_not_resolved|enotfound|eai_again|getaddrinfo|resolve"},
	{"tls", "tls|ssl|cert|x509|handshake"},
	{
		"reset",
		"reset|broken pipe|epipe|eof|connection_closed|connection closed|connection_aborted|connection aborted|hang up|mismatch|incomplete",
	},
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
