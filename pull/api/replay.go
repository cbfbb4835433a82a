package api

import (
	"io"
	"net/http"
)

// WithoutReplays makes base send each request at most once. net/http sends a request again by
// itself, and at once, when a connection that was used before breaks without an answer: the vendor
// then sees two recording requests in one moment, and the log has one row. With this transport
// below ingest.Transport the first attempt fails, is a row, and is repeated after the interval.
func WithoutReplays(base http.RoundTripper) http.RoundTripper { return withoutReplays{base} }

type withoutReplays struct{ base http.RoundTripper }

func (w withoutReplays) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		return w.base.RoundTrip(req) // a body with GetBody is POST's, which net/http does not repeat
	}
	out := req.WithContext(req.Context())
	out.Body, out.GetBody = nothing{}, nil
	resp, err := w.base.RoundTrip(out)
	if resp != nil && resp.Request == out {
		resp.Request = req
	}
	return resp, err
}

// CloseIdleConnections passes the call of http.Client on to the base.
func (w withoutReplays) CloseIdleConnections() {
	if c, ok := w.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// nothing is an empty body that net/http cannot rewind, and therefore does not send again. Being
// empty, it is not sent at all.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }
