package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"syscall"
)

// exchange makes the call and prints the answer.
func (s *session) exchange(client *http.Client, o callOptions) error {
	var broken error
	err := s.write(o.output, func(w io.Writer) error {
		resp, err := client.Do(o.request)
		if err != nil {
			var u *url.Error
			if errors.As(err, &u) {
				err = u.Err // without the URL
			}
			return fmt.Errorf("no answer from %s: %w", o.host, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode >= http.StatusBadRequest {
			return s.refusal(resp)
		}
		if to, err := resp.Location(); err == nil && isRedirect(resp.StatusCode) {
			s.tell("headroom: call: %s: what was asked for is at %s; call follows no redirects", resp.Status,
				to.Host)
			return errFindings
		}
		body := &errorReader{r: s.watched(resp, o.output)}
		_, err = io.Copy(w, body)
		if err != nil && body.err == nil && !errors.Is(err, syscall.EPIPE) {
			return fmt.Errorf("write output: %w", err) // the vendor's side is well
		}
		broken = err
		return err
	})
	if broken != nil && !errors.Is(broken, context.Canceled) {
		s.warn("headroom: call: the body broke off: %v", broken)
		return errPartly
	}
	return err
}

// isRedirect says whether an answer with a Location leads to what was asked for (RFC 9110, section
// 15.4).
func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		return true
	}
	return false
}

// errorReader keeps the error that reading ended with.
type errorReader struct {
	r   io.Reader
	err error
}

func (h *errorReader) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err != io.EOF {
		h.err = err
	}
	return n, err
}

// refusal prints an answer that is an error, and says what it means.
func (s *session) refusal(resp *http.Response) error {
	if _, err := io.Copy(s.out, resp.Body); err != nil {
		s.warn("headroom: call: the body broke off: %v", err)
	}
	s.tell("headroom: call: %s", s.meaning(resp))
	return errFindings
}

func (s *session) meaning(resp *http.Response) string {
	st, expected := s.policy.Status(resp.StatusCode, resp.Request.Method)
	if !expected || st.Meaning == "" {
		return resp.Status
	}
	return fmt.Sprintf("%d %s: %s %s", st.Code, st.Name, st.Meaning, st.Advice)
}

// watched is the body, with a bar on the terminal for a large one, unless it goes to the terminal
// itself.
func (s *session) watched(resp *http.Response, output string) io.Reader {
	_, shown := terminal(s.out)
	if resp.ContentLength < barFrom || shown && isStdout(output) {
		return resp.Body
	}
	b := s.startBar(resp.Request.URL.Host, resp.ContentLength)
	return &barReader{r: resp.Body, bar: b}
}

// barReader moves a bar along; the end of r removes it.
type barReader struct {
	r   io.Reader
	bar *bar
	n   int64
}

func (b *barReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	b.bar.set(b.n)
	switch err {
	case nil:
	case io.EOF:
		b.bar.stop(nil)
	default:
		b.bar.stop(err)
	}
	return n, err
}
