package proxy

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAuthorityConstrained has certificates for other hosts, as somebody with the key could make them.
func TestAuthorityConstrained(t *testing.T) {
	a, err := NewAuthority(builtin(t), "acme.example.com")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	for host, good := range map[string]bool{
		"acme.xima.cloud": true, "acme.example.com": true, "example.com": false, "bank.example": false, "xima.cloud.bank.example": false,
	} {
		c, err := a.certificate(host)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
		if good != (err == nil) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := a.certificate("127.0.0.1"); err == nil {
		t.Error("a certificate for an address")
	}
	if a.raw.MaxPathLen != 0 || !a.raw.MaxPathLenZero {
		t.Error("it may sign further authorities")
	}
}

func TestDomains(t *testing.T) {
	for pattern, want := range map[string]string{
		"{tenant}.xima.cloud": "xima.cloud", "api-{tenant}.voice.example": "voice.example", "{tenant}-api.voice.example": "voice.example",
		"{tenant}": "", "example.{tenant}": "",
	} {
		if got := domainOf(pattern); got != want {
			t.Errorf("%s: %q, not %q", pattern, got, want)
		}
	}
}

// TestEnvironmentKeeps what the user had set.
func TestEnvironmentKeeps(t *testing.T) {
	a, err := NewAuthority(builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	vars, err := a.Environment(t.TempDir(), "http://127.0.0.1:8480", []string{"PATH=/bin", "NODE_OPTIONS=--no-warnings", "JDK_JAVA_OPTIONS=-Xmx1g", "https_proxy=http://company:3128"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PATH": "/bin", "NODE_OPTIONS": "--no-warnings --require ", "JDK_JAVA_OPTIONS": "-Xmx1g -Dhttp.proxyHost=127.0.0.1 ",
		"https_proxy": "http://127.0.0.1:8480", "HTTPS_PROXY": "http://127.0.0.1:8480", "NODE_USE_ENV_PROXY": "1",
	} {
		if got := lookUp(vars, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s=%s, not %s", name, got, want)
		}
	}
}

// TestMadeHere tells our certificates from other people's.
func TestMadeHere(t *testing.T) {
	a, err := NewAuthority(builtin(t))
	if err != nil {
		t.Fatal(err)
	}
	other := httptest.NewTLSServer(nil)
	defer other.Close()
	theirs := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: other.Certificate().Raw})
	for content, want := range map[string]bool{
		string(a.PEM()): true, string(theirs): false, string(a.PEM()) + string(theirs): false, string(theirs) + string(a.PEM()): false, "": false,
	} {
		if MadeHere([]byte(content)) != want {
			t.Errorf("%q", content)
		}
	}
}
