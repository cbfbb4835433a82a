package ingest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errNoAnswer stands for a base that returns neither an answer nor an error.
var errNoAnswer = errors.New("no answer")

// errorClass is what may be known of the error of a request: its text can hold the URL, and with it
// anything. The order decides where several fit: a name that could not be looked up in time is a
// matter of DNS, and a caller who gave up is not the network's fault.
func errorClass(err error, req *http.Request) string {
	var dns *net.DNSError
	var op *net.OpError
	isOp := errors.As(err, &op)
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.As(err, &dns):
		return "dns"
	case isTimeout(err):
		return "timeout"
	case isTLS(err),
		isOp && (op.Op == "remote error" || op.Op == "local error"): // those of crypto/tls's alerts
		return "tls"
	// "readfrom" is a body that is sent.
	case isOp && (op.Op == "read" || op.Op == "write" || op.Op == "readfrom"):
		return "reset"
	case isOp: // dial, and through a proxy: proxyconnect, socks connect
		return "connect"
	case isReset(err):
		return "reset"
	}
	return abandonedClass(req)
}

// abandonedClass is for the errors that net/http takes from a context's cause, which the caller is
// free to choose, or makes up for Request.Cancel, which http.Client closes at its timeout, a moment
// before or after the context's end.
func abandonedClass(req *http.Request) string {
	ctx := req.Context()
	select {
	case <-ctx.Done():
	case <-req.Cancel: //nolint:staticcheck // deprecated, but http.Client still uses it
	default:
		return "other"
	}
	deadline, ok := ctx.Deadline()
	if ctx.Err() == context.DeadlineExceeded ||
		ctx.Err() == nil && ok && !time.Now().Before(deadline) {
		return "timeout"
	}
	return "cancelled"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func isTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &cert) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch)
}

// isReset says that the other side ended the connection, or its HTTP/2 stream, before its time.
func isReset(err error) bool {
	var stream streamError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &stream)
}

// streamError has the fields by which net/http's own HTTP/2 stream error, an unexported type, lets
// itself be found.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "stream error" }

// MaxRetryAfter is the longest wait that is believed, in seconds: a hundred years, so that sums of
// times do not overflow.
const MaxRetryAfter = int64(100) << 25

// RetryAfter is a Retry-After header in seconds: as it says, or up to the date it names, rounded
// up. It is 0 where the header makes no sense, such as a date in the year 9999, or the date has
// passed.
func RetryAfter(value string, now func() time.Time) int64 {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return int64(n)
	}
	if whole, part, ok := strings.Cut(value, "."); ok && part != "" &&
		strings.Trim(whole+part, "0123456789") == "" {
		x, err := strconv.ParseFloat(value, 64) // not of the standard, but some send a fraction
		if err == nil && x < 1<<31 {
			return int64(math.Ceil(x))
		}
		return 0
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	left := int64(math.Ceil(at.Sub(now()).Seconds()))
	if left < 0 || left > MaxRetryAfter {
		return 0
	}
	return left
}
