package proxy

import (
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// nodeHook makes a Node that knows no proxy variables use the proxy.
//
//go:embed node_hook.js
var nodeHook []byte

// storePassword is of the Java trust store: it must have one, and holds nothing secret.
const storePassword = "changeit"

// Names of environment variables, each of which is known to some runtime. Proxies are asked for in
// both cases.
var (
	proxyVariables  = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
	bundleVariables = []string{
		"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT",
		"GIT_SSL_CAINFO", "AWS_CA_BUNDLE",
		"CARGO_HTTP_CAINFO", "PERL_LWP_SSL_CA_FILE",
	}
)

// notProxied is what programs reach by themselves: their own machine.
const notProxied = "localhost,127.0.0.1,::1"

// systemRoots are where operating systems keep the certificates they trust; the first that exists
// is taken.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Arch, Alpine
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/pki/tls/certs/ca-bundle.crt",                  // older RHEL
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // macOS, the BSDs
	"/usr/local/etc/ssl/cert.pem",
}

// Environment is environ for a program whose calls a proxy is to capture. Its URL holds a user name
// and password where programs must give them. Most variables for certificates replace what a
// program trusts, so what it trusted before is in the files that they name, too. The files are
// written into folder, which the caller makes for one run and removes.
func (a *Authority) Environment(folder, proxy string, environ []string) ([]string, error) {
	at, err := url.Parse(proxy)
	if err != nil {
		return nil, fmt.Errorf("prepare environment: %w", err)
	}
	e := &environment{vars: slices.Clone(environ), folder: folder}
	e.setProxy(proxy)
	roots, bundle := trusted(environ)
	if err := e.setBundle(append(bundle, a.PEM()...)); err != nil {
		return nil, fmt.Errorf("prepare environment: %w", err)
	}
	err = errors.Join(e.setJava(at.Host, append(roots, a.raw)), e.setWget(), e.setNode())
	if err != nil {
		return nil, fmt.Errorf("prepare environment: %w", err)
	}
	return e.vars, nil
}

type environment struct {
	vars   []string
	folder string
	bundle string // file name
}

func (e *environment) get(name string) string { return lookUp(e.vars, name) }

// lookUp gives the last value of a variable, as the C library does not, but all shells and Go do.
func lookUp(vars []string, name string) (value string) {
	for _, v := range vars {
		if n, x, ok := strings.Cut(v, "="); ok && n == name {
			value = x
		}
	}
	return value
}

func (e *environment) set(name, value string) {
	e.vars = slices.DeleteFunc(e.vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	e.vars = append(e.vars, name+"="+value)
}

// add puts an option behind those that a variable already has.
func (e *environment) add(name, option string) {
	e.set(name, strings.TrimSpace(e.get(name)+" "+option))
}

func (e *environment) write(name string, data []byte) (path string, err error) {
	path = filepath.Join(e.folder, name)
	return path, os.WriteFile(path, data, 0o600)
}

func (e *environment) setProxy(proxy string) {
	for _, name := range proxyVariables {
		e.set(name, proxy)
		e.set(strings.ToLower(name), proxy)
	}
	e.set("NO_PROXY", notProxied)
	e.set("no_proxy", notProxied)
	e.set("NODE_USE_ENV_PROXY", "1")
}

func (e *environment) setBundle(bundle []byte) (err error) {
	if e.bundle, err = e.write("ca.pem", bundle); err != nil {
		return err
	}
	for _, name := range bundleVariables {
		e.set(name, e.bundle)
	}
	return nil
}

// setJava names proxy and trust store to the java launcher, which reads no other variable.
func (e *environment) setJava(addr string, roots []*x509.Certificate) error {
	data, err := pkcs12.Modern.EncodeTrustStore(roots, storePassword)
	if err != nil {
		return fmt.Errorf("write trust store for Java: %w", err)
	}
	name, err := e.write("ca.p12", data)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(addr)
	for _, option := range []string{
		"-Dhttp.proxyHost=" + host, "-Dhttp.proxyPort=" + port, "-Dhttps.proxyHost=" + host,
		"-Dhttps.proxyPort=" + port,
		`-Djavax.net.ssl.trustStore="` + name + `"`, "-Djavax.net.ssl.trustStoreType=PKCS12",
		"-Djavax.net.ssl.trustStorePassword=" + storePassword,
	} {
		e.add("JDK_JAVA_OPTIONS", option)
	}
	return err
}

// wgetSystem is where wget's configuration of the whole machine may be.
var wgetSystem = []string{
	"/etc/wgetrc",
	"/usr/local/etc/wgetrc",
	"/opt/homebrew/etc/wgetrc",
	"/opt/local/etc/wgetrc",
}

// setWget gives wget, which knows no variable for certificates, the machine's configuration and one
// line more. It goes on to read the user's own, which may hold passwords and is not copied.
func (e *environment) setWget() error {
	const variable = "SYSTEM_WGETRC"
	var config []byte
	for _, name := range append([]string{e.get(variable)}, wgetSystem...) {
		if data, err := os.ReadFile(name); err == nil {
			config = data
			break
		}
	}
	name, err := e.write("wgetrc", fmt.Appendf(config, "\nca_certificate = %s\n", e.bundle))
	e.set(variable, name)
	return err
}

func (e *environment) setNode() error {
	name, err := e.write("node_hook.cjs", nodeHook)
	e.add("NODE_OPTIONS", fmt.Sprintf("--require %q", name))
	return err
}

// trusted is what programs trusted before: the system's certificates and those of the files that
// environ names.
func trusted(environ []string) (roots []*x509.Certificate, bundle []byte) {
	var files []string
	for _, name := range systemRoots {
		if _, err := os.Stat(name); err == nil && lookUp(environ, "SSL_CERT_FILE") == "" {
			files = append(files, name)
			break
		}
	}
	for _, name := range bundleVariables {
		files = append(files, lookUp(environ, name))
	}
	seen := map[[sha256.Size]byte]bool{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // "" among them; a program with a wrong setting fails without us too
		}
		for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			if sum := sha256.Sum256(block.Bytes); err == nil && !seen[sum] {
				seen[sum] = true
				roots = append(roots, c)
				bundle = append(
					bundle,
					pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})...)
			}
		}
	}
	return roots, bundle
}
