//go:build unix

package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// A reverse proxy records what a program asks it for, and sends it to the tenant's host.
func ExampleProxy() {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "[]")
	}))
	defer vendor.Close()
	upstream, err := url.Parse(vendor.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := limits.Builtin("xima")
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := proxy.New(proxy.Config{
		Policy: policy, Recorder: printer{}, Client: "nightly-pull",
		Upstreams: map[string]*url.URL{"acme": upstream}, // by default, the policy's host
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()

	resp, err := http.Get("http://" + l.Addr().String() + "/t/acme/rest/api/v2/recordings")
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	fmt.Println(err, p.Shutdown(context.Background()), <-served)
	// Output:
	// acme recording_list 200, 2 bytes for nightly-pull
	// <nil> <nil> <nil>
}

// printer is a Recorder; a database's is made by its Recorder method.
type printer struct{}

func (printer) Record(r store.Request) {
	fmt.Printf("%s %s %d, %d bytes for %s\n", r.Tenant, r.Route.Class, r.Status, r.ResponseBytes, r.Client)
}
