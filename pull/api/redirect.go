package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// maxRedirects is how many redirects in a row are followed.
const maxRedirects = 5

var (
	// errRedirect is of a redirect that leads nowhere. It is an answer, which a repeat does not
	// change.
	errRedirect = fmt.Errorf("the vendor redirects more than %d times", maxRedirects)
	errPlain    = errors.New("the server answers in plain HTTP, not in HTTPS")
)

// follow decides about a redirect. net/http keeps the token for subdomains, for other ports of a
// host and for plain HTTP; here it goes to the scheme, host and port alone that it was sent to
// first. A Referer would tell the next host the recording, and the signature of the host before.
// What acts, such as a click to dial, is sent to no host but the tenant's.
func follow(next *http.Request, via []*http.Request) error {
	first := via[0]
	same := next.URL.Scheme == first.URL.Scheme && next.URL.Host == first.URL.Host
	switch {
	case !same && first.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case len(via) > maxRedirects:
		return errRedirect
	case !same:
		next.Header.Del("Authorization")
	}
	next.Header.Del("Referer")
	return nil
}

// unreadable hides the text of an error that may quote what the server sent.
type unreadable struct{ err error }

func (unreadable) Error() string   { return "there is no answer that can be read" }
func (u unreadable) Unwrap() error { return u.err }

// plainFailure is what a request failed for, without the URL, which may hold a signature, and
// without what the server sent: net/http quotes answers and redirects that it cannot read.
func plainFailure(ctx context.Context, err error) error {
	var silent silentError
	if errors.As(context.Cause(ctx), &silent) {
		return silent
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var network net.Error // connections, names, time
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return errPlain
	case errors.Is(err, errRedirect), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &network), errors.As(err, &certificate), errors.As(err, &alert),
		errors.As(err, &record):
		return err
	}
	return unreadable{err}
}
