package commands

import (
	"net"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// startObjects is objects BUCKET: it starts an S3 server, a program of its own, with one bucket, and
// points the environment of the script at it.
func startObjects(ts *testscript.TestScript, _ bool, args []string) {
	program := ts.MkAbs("gofakes3")
	if _, err := exec.LookPath("go"); err != nil {
		ts.Fatalf("objects: there is no go to build the server with")
	}
	// The module is one of ours, so nothing is fetched that the tests themselves do not need.
	out, err := exec.Command("go", "build", "-o", program, "github.com/johannesboyne/gofakes3/cmd/gofakes3").CombinedOutput()
	if err != nil {
		ts.Fatalf("objects: build the server: %v\n%s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	addr := l.Addr().String()
	ts.Check(l.Close())
	server := exec.Command(program, "-backend", "memory", "-host", addr, "-initialbucket", args[0])
	ts.Check(server.Start())
	ts.Defer(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		if time.Now().After(until) {
			ts.Fatalf("objects: the server does not listen on %s", addr)
		}
	}
	ts.Setenv("AWS_ENDPOINT_URL", "http://"+addr)
	ts.Setenv("AWS_ACCESS_KEY_ID", "key")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "Canary-secret")
	ts.Setenv("AWS_REGION", "us-east-1")
}
