//go:build unix

package proxy

import (
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestOtherUsers lets another user of this machine call: he needs the password, and is recorded nowhere without it.
func TestOtherUsers(t *testing.T) {
	_, err := exec.LookPath("curl")
	if os.Geteuid() != 0 || err != nil || !PeersKnown() {
		if os.Getenv("HEADROOM_CI") != "" {
			t.Fatalf("nothing can be tried: user %d, %v, system tells users: %v", os.Geteuid(), err, PeersKnown())
		}
		t.Skip("needs root, to be another user, curl, and a system that tells users")
	}
	as := func(user uint32, args ...string) string {
		cmd := exec.Command("curl", append([]string{"-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "-m", "10"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, "/"
		out, _ := cmd.Output()
		return string(out)
	}
	for _, password := range []string{"", "secret"} {
		s := start(t, http.HandlerFunc(echo), func(c *Config) { c.Password = password })
		url, want := "http://"+s.addr+"/t/acme/x", "403 000"
		if password != "" {
			want = "407 000"
		}
		if got := as(65534, url); got != want {
			t.Errorf("password %q: %s", password, got)
		}
		if got := as(65534, "-x", s.addr, "https://acme.xima.cloud/"); got != "000 "+want[:3] {
			t.Errorf("password %q, CONNECT: %s", password, got)
		}
		if n := len(s.rows.list()); n != 0 {
			t.Errorf("%d rows of somebody refused", n)
		}
		if got := as(65534, "--proxy-user", "x:secret", "-H", "Proxy-Authorization: Basic eDpzZWNyZXQ=", url); (got == "200 000") != (password != "") {
			t.Errorf("password %q, given: %s", password, got)
		}
		if got := as(0, "-H", "Proxy-Authorization: Basic eDpzZWNyZXQ=", url); got != "200 000" {
			t.Errorf("password %q, own user: %s", password, got)
		}
	}
}
