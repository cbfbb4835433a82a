package ingest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/store"
)

// A program's own requests, through a client that records them.
func ExampleNewTransport() {
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "RIFF....WAVE")
	}))
	defer vendor.Close()

	base := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, vendor.Listener.Addr().String()) // instead of the real one
	}}
	client := &http.Client{Transport: ingest.NewTransport(base, printer{})}
	resp, err := client.Get("http://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e1763938800000/audio?token=secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	// Output:
	// acme GET recording_audio 200: 12 bytes, cut short: false
}

// printer is a Recorder. A database's is made by its Recorder method.
type printer struct{}

func (printer) Record(r store.Request) {
	fmt.Printf("%s %s %s %d: %d bytes, cut short: %v\n", r.Tenant, r.Route.Method, r.Route.Class, r.Status, r.ResponseBytes, r.CutShort)
}

// The digest that tells whether two requests had the same parameters, without keeping them.
func ExampleParams() {
	key := []byte("the database file's own random key")
	first := ingest.NewParams(key, "POST", "https://acme.xima.cloud/rest/api/v1/historic-data/7")
	io.WriteString(first, `{"format":"json"}`)
	again := ingest.NewParams(key, "post", "https://ACME.xima.cloud:443/rest/api/v1/historic-data/7")
	io.WriteString(again, `{"format":"json"}`)
	fmt.Println(len(first.Sum()), first.Sum() == again.Sum())
	// Output:
	// 32 true
}
