package proxy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/limits"
)

const (
	// lifetime is how long certificates are valid: longer than a process runs, within what all clients
	// accept.
	lifetime = 365 * 24 * time.Hour
	// clockSkew is how far a client's clock may be behind.
	clockSkew = 24 * time.Hour
)

// ownName is the name of every Authority.
const ownName = "headroom, this run only"

// MadeHere says whether a file's content is the PEM of an Authority, of this run or another, and
// nothing more.
func MadeHere(file []byte) bool {
	block, rest := pem.Decode(file)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && c.Subject.CommonName == ownName
}

// Authority signs the certificates that clients are shown. It is in no file, and its own
// certificate is good for the hosts it was made for and for no others (RFC 5280, section 4.2.1.10):
// a client that trusts it risks no more.
type Authority struct {
	raw  *x509.Certificate
	key  *ecdsa.PrivateKey // signs
	leaf *ecdsa.PrivateKey // of all certificates

	mu     sync.Mutex
	issued map[string]*tls.Certificate
}

// NewAuthority makes an Authority for the policy's hosts, and for the further host names.
func NewAuthority(p *limits.Policy, hosts ...string) (*Authority, error) {
	domains := hosts
	for _, pattern := range p.Hosts {
		domains = append(domains, domainOf(pattern))
	}
	a := &Authority{issued: map[string]*tls.Certificate{}}
	if err := a.make(domains); err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	return a, nil
}

// domainOf is the least domain that holds all hosts of a pattern; "" is all there are.
func domainOf(pattern string) string {
	_, after, _ := strings.Cut(pattern, "{tenant}")
	_, domain, _ := strings.Cut(after, ".")
	return domain
}

func (a *Authority) make(domains []string) (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	t, err := certificate(ownName)
	if err != nil {
		return err
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.MaxPathLenZero, t.KeyUsage = true, x509.KeyUsageCertSign
	t.PermittedDNSDomainsCritical = true
	for _, d := range domains {
		if d == "" {
			t.PermittedDNSDomains = nil // a pattern that any host fits
			break
		}
		t.PermittedDNSDomains = append(t.PermittedDNSDomains, d)
	}
	// Names constrain only names; addresses are excluded on their own.
	_, all4, _ := net.ParseCIDR("0.0.0.0/0")
	_, all6, _ := net.ParseCIDR("::/0")
	t.ExcludedIPRanges = []*net.IPNet{all4, all6}
	a.raw, err = sign(t, t, &a.key.PublicKey, a.key)
	return err
}

// certificate is what all certificates have in common.
func certificate(name string) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(lifetime - clockSkew),
	}, nil
}

func sign(
	t, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey,
) (*x509.Certificate, error) {
	raw, err := x509.CreateCertificate(rand.Reader, t, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(raw)
}

// PEM is the Authority's certificate, for clients to trust.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.raw.Raw})
}

// Export is the Authority with its key, for another process that goes on in its place. It must not
// be written to a file.
func (a *Authority) Export() ([]byte, error) {
	key, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("export certificate authority: %w", err)
	}
	return append(a.PEM(), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})...), nil
}

// ImportAuthority is the Authority that another process exported.
func ImportAuthority(exported []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(exported, exported)
	if err != nil {
		return nil, fmt.Errorf("import certificate authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("import certificate authority: its key is of another kind")
	}
	a := &Authority{raw: pair.Leaf, key: key, issued: map[string]*tls.Certificate{}}
	if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("import certificate authority: %w", err)
	}
	return a, nil
}

// certificate is one for a host name, from memory where it was asked for before.
func (a *Authority) certificate(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c, ok := a.issued[host]; ok {
		return c, nil
	}
	if net.ParseIP(host) != nil {
		return nil, errors.New("sign certificate: an address is no host name")
	}
	t, err := certificate("headroom")
	if err != nil {
		return nil, err
	}
	t.DNSNames = []string{host}
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{
		x509.ExtKeyUsageServerAuth,
	}
	c, err := sign(t, a.raw, &a.leaf.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	issued := &tls.Certificate{Certificate: [][]byte{c.Raw, a.raw.Raw}, PrivateKey: a.leaf, Leaf: c}
	if len(a.issued) >= maxPeers {
		clear(a.issued) // host names are the clients' choice
	}
	a.issued[host] = issued
	return issued, nil
}
