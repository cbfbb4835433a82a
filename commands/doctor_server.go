package commands

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// startTrialServer serves what trials ask for. The proxy is its only client, on this machine, so it
// needs no TLS of its own; what is tried is the TLS between a runtime and the proxy.
func startTrialServer() (io.Closer, *url.URL, error) {
	l, err := listenLocal()
	if err != nil {
		return nil, nil, err
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "seen\n") //nolint:errcheck // the client's matter
		}),
	}
	go server.Serve(l) //nolint:errcheck // ends with Close
	return server, &url.URL{Scheme: "http", Host: l.Addr().String()}, nil
}

func listenLocal() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
