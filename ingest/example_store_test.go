package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
)

// nightly lets pull make its calls, and records each of them in a file.
func nightly(file string, base http.RoundTripper, pull func(*http.Client) error) error {
	st, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer st.Close()
	rec := store.NewRecorder(st)                                     // writes in the background; never blocks or fails a call
	client := &http.Client{Transport: ingest.NewTransport(base, rec, // a nil base is http.DefaultTransport
		ingest.WithHashKey(st.HashKey()), ingest.WithClient("nightly-pull"))}
	err = pull(client)
	return errors.Join(err, rec.Close()) // Close tells what could not be recorded
}

// A program's calls, each a row of the request log.
func ExampleTransport() {
	folder, err := os.MkdirTemp("", "headroom-example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "RIFF....WAVE")
	}))
	defer vendor.Close()
	base := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, vendor.Listener.Addr().String()) // instead of the real one
	}}

	file := filepath.Join(folder, "headroom.db")
	err = nightly(file, base, func(client *http.Client) error {
		resp, err := client.Get("http://acme.xima.cloud/rest/api/v2/recordings/0f8fad5b-d9cb-469f-a165-70867728950e-1763938800000")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	printLog(file)
	// Output:
	// 1 acme recording_audio 200 12 bytes, nightly-pull
}

func printLog(file string) {
	ctx := context.Background()
	st, err := sqlite.Open(file, sqlite.ReadOnly())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer st.Close()
	snap, err := st.Snapshot(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer snap.Close()
	for r, err := range snap.Rows(ctx, "", store.Range{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d %s %s %d %d bytes, %s\n", r.ID, r.Tenant, r.Route.Class, r.Status, r.ResponseBytes, r.Client)
	}
}
