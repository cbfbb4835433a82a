package proxy

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"net/http"
	"strings"
)

// An upgraded connection is passed on unread, so it must be what it says: a client that upgraded to
// HTTP/2 without TLS (h2c), or to nothing at all, would go on asking without a row. WebSocket is
// all that is let through, and only after a whole handshake, which no server completes by accident.

// isWebSocket says whether a request is the client's half of a WebSocket handshake (RFC 6455,
// section 4.1).
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		len(
			r.Header["Upgrade"],
		) == 1 && len(r.Header["Sec-Websocket-Key"]) == 1 && r.Header.Get("Sec-Websocket-Version") != ""
}

// isAccepted says whether an answer is the server's half of it (RFC 6455, section 4.2.2).
func isAccepted(resp *http.Response) bool {
	const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	asked := resp.Request
	if asked.Header.Get("Upgrade") == "" {
		return false
	}
	sum := sha1.Sum(
		[]byte(strings.TrimSpace(asked.Header.Get("Sec-Websocket-Key")) + guid),
	) //nolint:gosec // as above
	return strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") &&
		resp.Header.Get("Sec-Websocket-Accept") == base64.StdEncoding.EncodeToString(sum[:])
}
