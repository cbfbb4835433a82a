package pull

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
)

// s3Advice is what to do about what a server of buckets refuses, by its code.
var s3Advice = map[string]string{
	"AccessDenied":          "the key may not do that, or the bucket is another account's",
	"InvalidAccessKeyId":    "the server does not know the key: look at AWS_ACCESS_KEY_ID",
	"SignatureDoesNotMatch": "the secret does not fit the key: look at AWS_SECRET_ACCESS_KEY",
	"RequestTimeTooSkewed":  "this machine's clock is wrong",
	"ExpiredToken":          "the session is over: renew AWS_SESSION_TOKEN",
	"NoSuchBucket":          "there is no such bucket",
	"NoSuchKey":             "it is not there",
}

// s3Error is a refusal in our words.
type s3Error struct {
	text string
	err  error
}

func (e *s3Error) Error() string { return e.text }
func (e *s3Error) Unwrap() error { return e.err }

// s3Failure says what a server of buckets refused, or why it gave no answer. The server's message
// and the URL are left out: they may quote keys and signatures.
func s3Failure(err error) error {
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		return &s3Error{s3Refusal(answer), err}
	}
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	var network net.Error
	switch err := u.Err; {
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, context.Canceled):
		return err
	}
	return &s3Error{"there is no answer that can be read", err}
}

func s3Refusal(e minio.ErrorResponse) string {
	text := "refused"
	if e.StatusCode > 0 {
		text = fmt.Sprintf("answered %d", e.StatusCode)
	}
	name := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }
	if e.Code != "" && len(e.Code) <= 60 && !strings.ContainsFunc(e.Code, name) {
		text += " " + e.Code
	}
	advice := s3Advice[e.Code]
	if e.StatusCode/100 == 3 || e.Code == "AuthorizationHeaderMalformed" {
		advice = "the bucket is in another region: set AWS_REGION"
	}
	if advice != "" {
		text += ": " + advice
	}
	return text
}
