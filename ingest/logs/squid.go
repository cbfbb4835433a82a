package logs

import (
	"regexp"
	"strings"
)

// squidLine is a line of Squid's own access.log (logformat squid), which is written when a request
// ends: time, elapsed milliseconds, client, result and status, bytes with headers, method, URL,
// user, whom Squid asked, type.
//
// A CONNECT is a tunnel, recorded as one of class opaque: what went through it is not known. Where
// Squid opened it (ssl-bump), the requests in it have lines of their own.
var squidLine = &lineFormat{
	re: regexp.MustCompile(`^(\d+\.\d+) +(-?\d+) (\S+) ([A-Z_]+?)(?:_(ABORTED|TIMEDOUT))?/(\d{3}) ` +
		`(\d+) (\S+) (\S+) \S+ (\S+)/\S* \S`),
	noRequest: func(texts []string) (reason string, is bool) {
		result, status, method, asked := texts[4], texts[6], texts[8], texts[10]
		switch {
		case method == "CONNECT" && strings.HasPrefix(result, "NONE") && status == "200":
			return "", true // a tunnel that Squid opened
		case strings.HasSuffix(asked, "NONE"): // HIER_NONE, before Squid 3.2 NONE
			return "answered by Squid itself, from its cache or as an error: never sent", true
		}
		return "", false
	},
}

var squidFields = map[string][]place{
	"ended_at": at("1:unix"), "duration_ms": at("2"), "client": at("3"), "error": at("5"),
	"status": at("6"), "response_bytes": at("7"), "method": at("8"), "url": at("9"),
}
