package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Server serves a handler on loopback, over real TCP and TLS.
type Server struct {
	http     *http.Server
	listener net.Listener
	ca       *x509.Certificate
	done     chan error
}

// Start serves h on a free port of 127.0.0.1, with a certificate for every host of Domain from an
// authority that exists only here. The caller must Close the server.
func Start(h http.Handler) (*Server, error) {
	ca, leaf, err := throwAway()
	if err != nil {
		return nil, fmt.Errorf("make certificates: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start simulator: %w", err)
	}
	s := &Server{listener: listener, ca: ca, done: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           h,
		ReadHeaderTimeout: time.Minute,
		// One request, one exchange on the connection: HTTP/2 would blur whose bytes are whose.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		TLSConfig:    &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12},
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	go func() { s.done <- s.http.ServeTLS(listener, "", "") }()
	return s, nil
}

// Addr is where the server listens: host and port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// CA is the certificate of the authority that a client must trust, in PEM form.
func (s *Server) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.Raw})
}

// Transport returns a new transport that dials the server whatever host is asked for, and trusts
// it.
func (s *Server) Transport() *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(s.ca)
	var d net.Dialer
	return &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return d.DialContext(ctx, network, s.Addr())
		},
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// Close stops the server at once and breaks what is under way.
func (s *Server) Close() error {
	err := s.http.Close()
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("close simulator: %w", err)
	}
	return nil
}
