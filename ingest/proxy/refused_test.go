//go:build unix

package proxy_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/6dcca832/headroom/ingest/proxy"
)

// refused lets a program that trusts the vendor's authority and no other call twice: the second call is tunnelled.
func refused(t *testing.T, p program, into string) {
	w := newWorld(t, nil)
	trust := w.trustOnlyVendor(t)
	data, _ := filepath.Abs("testdata/programs")
	call := strings.NewReplacer("URL", "https://acme.xima.cloud"+listPath, "FILE", filepath.Join(w.dir, "got"), "DATA", data, "INTO", into).Replace(p.get)
	message := output(t, w.headroom("run", "--", "sh", "-c", trust+"\n"+call+" && exit 1\nset -e\nrm -f '"+w.dir+"/got'\n"+call))
	if !strings.Contains(message, "does not trust headroom's certificate") {
		t.Errorf("said %q", message)
	}
	rows, sent := w.rows(t), w.vendor.take()
	got, _ := os.ReadFile(filepath.Join(w.dir, "got"))
	if len(rows) != 2 || len(sent) != 1 || sha256.Sum256(got) != sent[0].sum {
		t.Fatalf("%d rows, %d answers, %d bytes", len(rows), len(sent), len(got))
	}
	if r := rows[0]; r.Route.Class != proxy.OpaqueClass || r.Status != 0 || r.Error != "tls" {
		t.Errorf("the call that failed: %+v", r)
	}
	if r := rows[1]; r.Route.Class != proxy.OpaqueClass || r.Tenant != "acme" || r.ResponseBytes <= sent[0].bytes || r.RequestBytes == 0 {
		t.Errorf("the call that was tunnelled: %+v, the vendor sent %d", r, sent[0].bytes)
	}
	w.noToken(t)
}

// impostor lets a program call somebody whose certificate headroom does not trust, both ways: nothing is sent there, and
// the program is told.
func impostor(t *testing.T, p program, into string) {
	w := newWorld(t, nil)
	w.env = slices.DeleteFunc(w.env, func(v string) bool { return strings.HasPrefix(v, "SSL_CERT_FILE=") })
	base, stop := w.startProxy(t)
	data, _ := filepath.Abs("testdata/programs")
	call := func(base string) string {
		return strings.NewReplacer("URL", base+listPath, "FILE", filepath.Join(w.dir, "got"), "DATA", data, "INTO", into).Replace(p.get)
	}
	output(t, w.headroom("run", "--", "sh", "-c", call("https://acme.xima.cloud")+" && exit 1; true"))
	reverse := exec.Command("sh", "-c", call(base+"/t/acme")+" && exit 1; true")
	reverse.Env = slices.DeleteFunc(slices.Clone(w.env), func(v string) bool { return strings.HasPrefix(v, "HTTPS_PROXY=") })
	output(t, reverse)
	stop()
	rows := w.rows(t)
	if sent := w.vendor.take(); len(rows) != 2 || len(sent) != 0 {
		t.Fatalf("%d rows, and %d requests arrived: %+v", len(rows), len(sent), rows)
	}
	for _, r := range rows {
		if r.Status != 0 || r.Error != "tls" || r.Route.Class != "recording_list" {
			t.Errorf("%+v %+v", r, r.Route)
		}
	}
	w.noToken(t)
}

// TestRefusedLater lets one program trust headroom, and then another that goes by the same name not.
func TestRefusedLater(t *testing.T) {
	t.Parallel()
	all := programs()
	for _, p := range []program{all[0], all[3]} { // one says what it is, the other does not
		t.Run(p.name, func(t *testing.T) {
			p.require(t)
			w := newWorld(t, nil)
			data, _ := filepath.Abs("testdata/programs")
			call := strings.NewReplacer("URL", "https://acme.xima.cloud"+listPath, "FILE", filepath.Join(w.dir, "got"), "DATA", data).Replace(p.get)
			output(t, w.headroom("run", "--", "sh", "-e", "-c", call+"\n"+w.trustOnlyVendor(t)+"\n"+call+" && exit 1\n"+call))
			rows := w.rows(t)
			if len(rows) != 3 || rows[0].Status != 200 || rows[1].Error != "tls" || rows[2].Route.Class != proxy.OpaqueClass || rows[2].ResponseBytes == 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// trustOnlyVendor is shell lines that undo what run says about trust.
func (w *world) trustOnlyVendor(t *testing.T) string {
	data, err := os.ReadFile(w.ca)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{root}, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	p12, wgetrc := filepath.Join(w.dir, "trust.p12"), filepath.Join(w.dir, "wgetrc")
	for name, data := range map[string][]byte{p12: trust, wgetrc: []byte("ca_certificate = " + w.ca + "\n")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := "export WGETRC='" + wgetrc + "' JDK_JAVA_OPTIONS=\"$JDK_JAVA_OPTIONS -Djavax.net.ssl.trustStore=" + p12 + "\""
	for _, name := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		lines += " " + name + "='" + w.ca + "'"
	}
	return lines
}
