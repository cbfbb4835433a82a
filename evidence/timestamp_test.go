package evidence

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

// testAuthority is a time stamping authority that openssl plays.
type testAuthority struct {
	dir string
	ca  *x509.CertPool
}

const authorityConfig = `
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[stamps]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = this
[this]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = millisecs:500
clock_precision_digits = 3
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = ESSALG
`

// newAuthority makes one whose keys are of that kind and which names its certificate by that hash.
func newAuthority(t testing.TB, newkey, ess string) *testAuthority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		missing(t, "openssl")
	}
	a := &testAuthority{dir: t.TempDir()}
	config := strings.ReplaceAll(authorityConfig, "ESSALG", ess)
	for name, text := range map[string]string{"conf": config, "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	key := strings.Fields(newkey)
	a.openssl(t, append([]string{"req", "-x509", "-newkey"}, append(key, "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
		"-subj", "/CN=test root", "-days", "2", "-config", "conf", "-extensions", "ca")...)...)
	a.openssl(t, append([]string{"req", "-newkey"}, append(key, "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr",
		"-subj", "/CN=test authority", "-config", "conf")...)...)
	a.openssl(t, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem",
		"-days", "1", "-extfile", "conf", "-extensions", "stamps")
	pem, err := os.ReadFile(a.path("ca.pem"))
	a.ca = x509.NewCertPool()
	if err != nil || !a.ca.AppendCertsFromPEM(pem) {
		t.Fatal("no root: ", err)
	}
	return a
}

func (a *testAuthority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *testAuthority) openssl(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "OPENSSL_CONF=conf")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// answer stamps what a query asks for.
func (a *testAuthority) answer(t testing.TB, query []byte) []byte {
	t.Helper()
	if err := os.WriteFile(a.path("q"), query, 0o600); err != nil {
		t.Fatal(err)
	}
	a.openssl(t, "ts", "-reply", "-config", "conf", "-section", "this", "-queryfile", "q", "-signer", "tsa.pem",
		"-inkey", "tsa.key", "-out", "r")
	data, err := os.ReadFile(a.path("r"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTimeStamp(t *testing.T) {
	text := []byte("a seal\n")
	other := newAuthority(t, "ec -pkeyopt ec_paramgen_curve:P-256", "sha256") // of the same name
	for _, c := range []struct{ key, ess string }{
		{"rsa:2048", "sha1"},
		{"ec -pkeyopt ec_paramgen_curve:P-256", "sha256"}, {"ec -pkeyopt ec_paramgen_curve:P-384", "sha512"},
	} {
		a := newAuthority(t, c.key, c.ess)
		query := TimeStampQuery(text)
		if !bytes.Equal(query, TimeStampQuery(text)) {
			t.Error("the query is another one each time")
		}
		answer := a.answer(t, query)
		asked := a.openssl(t, "ts", "-query", "-in", "q", "-text")
		if !strings.Contains(asked, "Hash Algorithm: sha256") || !strings.Contains(asked, "Certificate required: yes") {
			t.Errorf("openssl reads the query as\n%s", asked)
		}
		s, err := CheckTimeStamp(answer, text, a.ca)
		if err != nil || time.Since(s.At).Abs() > time.Minute || s.Authority != "CN=test authority" {
			t.Errorf("%v: %+v, %v", c, s, err)
		}
		if _, err := CheckTimeStamp(answer, []byte("another\n"), a.ca); !errors.Is(err, errStampOfElse) {
			t.Errorf("%v: for another text: %v", c, err)
		}
		if _, err := CheckTimeStamp(answer, text, x509.NewCertPool()); !errors.Is(err, ErrAuthority) {
			t.Errorf("%v: by nobody who is trusted: %v", c, err)
		}
		// The certificate that is in the answer does not make its signer trusted.
		if _, err := CheckTimeStamp(answer, text, other.ca); !errors.Is(err, ErrAuthority) {
			t.Errorf("%v: by another authority of the same name: %v", c, err)
		}
		random := mathrand.New(mathrand.NewPCG(3, 3))
		for range budget(60, 600) {
			wrong := bytes.Clone(answer)
			at := random.IntN(len(wrong))
			wrong[at] ^= 1 << random.IntN(8)
			got, err := CheckTimeStamp(wrong, text, a.ca)
			if err == nil && got != s {
				t.Fatalf("%v: byte %d may be another, and gives %+v", c, at, got)
			}
		}
	}
}

func TestTimeStampRefused(t *testing.T) {
	refusal, err := asn1.Marshal(struct {
		Status struct {
			Status int
			Text   []string
		}
	}{struct {
		Status int
		Text   []string
	}{2, []string{"too busy"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		answer []byte
		want   string
	}{
		"nothing":   {nil, "no answer"},
		"a page":    {[]byte("<html>busy</html>"), "no answer"},
		"a refusal": {refusal, "too busy"},
		"a flood":   {make([]byte, maxTimeStamp+1), "too large"},
		"a query":   {TimeStampQuery([]byte("x")), "no answer"},
	} {
		if _, err := CheckTimeStamp(c.answer, []byte("x"), x509.NewCertPool()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A certificate that is for something else, or was not valid at the time, makes no authority.
func TestCheckAuthority(t *testing.T) {
	now := time.Unix(1767312000, 0)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(template, parent *x509.Certificate) *x509.Certificate {
		template.SerialNumber = big.NewInt(1)
		template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(time.Hour)
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root := issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "root"}}, nil)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	usage := func(critical bool, ids ...asn1.ObjectIdentifier) []pkix.Extension {
		value, err := asn1.Marshal(ids)
		if err != nil {
			t.Fatal(err)
		}
		return []pkix.Extension{{Id: oidExtKeyUsage, Critical: critical, Value: value}}
	}
	stamps, server := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	for name, c := range map[string]struct {
		extensions []pkix.Extension
		at         time.Time
		good       bool
	}{
		"stamps":               {usage(true, stamps), now, true},
		"not critical":         {usage(false, stamps), now, false},
		"a server's":           {usage(true, server), now, false},
		"a server's, too":      {usage(true, stamps, server), now, false},
		"something else, too":  {usage(true, stamps, asn1.ObjectIdentifier{1, 2, 3}), now, false},
		"no use named":         {nil, now, false},
		"after its time":       {usage(true, stamps), now.Add(2 * time.Hour), false},
		"before its time":      {usage(true, stamps), now.Add(-2 * time.Hour), false},
		"in its last seconds ": {usage(true, stamps), now.Add(59 * time.Minute), true},
	} {
		signer := issue(&x509.Certificate{
			ExtraExtensions: c.extensions, Subject: pkix.Name{CommonName: "somebody"},
		}, root)
		err := checkAuthority(signer, nil, roots, c.at)
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrAuthority) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStampedBundle(t *testing.T) {
	a := newAuthority(t, "ec -pkeyopt ec_paramgen_curve:P-256", "sha256")
	l := sampleLog(t, testKey(), LogID{1}, 20)
	c := l.contents(testPolicy, testSettings)
	head, early := a.answer(t, TimeStampQuery(c.Seal)), a.answer(t, TimeStampQuery(c.Earlier[1].Seal))
	trusting := testOptions()
	trusting.Authorities = a.ca
	stranger := testOptions()
	stranger.Authorities = x509.NewCertPool()
	for _, c := range []struct {
		name        string
		head, early []byte
		o           CheckOptions
		want        Grade
		note        string
	}{
		{"the head", head, nil, trusting, Anchored, ""},
		{"both", head, early, trusting, Anchored, ""},
		{"not all rows", nil, early, trusting, SelfSigned, "20 rows after them have none"},
		{"no authority named", head, early, testOptions(), SelfSigned, "--tsa-ca"},
		{"another authority", head, nil, stranger, SelfSigned, "no authority that you trust"},
		{"of something else", early, nil, trusting, Altered, ""},
		{"of something else, nobody named", nil, head, testOptions(), Altered, ""},
		{"rubbish", []byte("rubbish"), nil, testOptions(), Altered, ""},
	} {
		contents := l.contents(testPolicy, testSettings)
		contents.TimeStamp, contents.Earlier[1].TimeStamp = c.head, c.early
		data := write(t, l.key, contents)
		r := check(t, data, c.o)
		notes := strings.Join(r.Notes, "\n")
		if r.Grade != c.want || !strings.Contains(notes, c.note) || (r.Problem != nil) != (c.want == Altered) {
			t.Errorf("%s: %v, %v, %q", c.name, r.Grade, r.Problem, notes)
		}
		if c.want != Anchored {
			continue
		}
		if delay, without := r.AnchorDelay(); without != 0 || delay < 24*time.Hour {
			t.Errorf("%s: stamped after %v, %d are not", c.name, delay, without)
		}
		t.Setenv("TSA_CA", a.path("ca.pem"))
		if out, err := byHand(t, unpackInto(t, data), "TSA_CA"); err != nil || !strings.Contains(out, "Time stamp: ") {
			t.Errorf("%s: by hand: %v\n%s", c.name, err, out)
		}
	}
	// What covers some rows only is no anchor for the rest, and is told.
	o := testOptions()
	held, err := ParseAnchor("a mail", []byte(SealLine(c.Earlier[1].Seal)))
	if err != nil {
		t.Fatal(err)
	}
	o.Anchors = []Anchor{held}
	r := check(t, write(t, l.key, c), o)
	if r.Grade != Held || !strings.Contains(strings.Join(r.Notes, "\n"), "20 rows after them") {
		t.Errorf("an older line: %v, %q", r.Grade, r.Notes)
	}
}

func TestStampedLog(t *testing.T) {
	a := newAuthority(t, "ec -pkeyopt ec_paramgen_curve:P-256", "sha256")
	st, key, random := testStore(t), testKey(), mathrand.New(mathrand.NewPCG(8, 9))
	ctx := context.Background()
	addRows(t, st, random, 10, "acme", "zeta")
	sealed := mustSeal(t, st, testSealOptions(key))
	line, query, err := NewestSeal(ctx, st)
	if err != nil || line != sealed.Line {
		t.Fatalf("%q, %v", line, err)
	}
	answer := a.answer(t, query)
	for range 2 { // taken in twice, it is there once
		if got, at, err := AddTimeStamp(ctx, st, answer); err != nil || got != line || time.Since(at).Abs() > time.Minute {
			t.Fatalf("%q, %v, %v", got, at, err)
		}
	}
	if _, _, err := AddTimeStamp(ctx, st, a.answer(t, query)); !errors.Is(err, store.ErrStamped) {
		t.Errorf("another answer: %v", err)
	}
	if _, _, err := AddTimeStamp(ctx, st, a.answer(t, TimeStampQuery([]byte("x")))); !errors.Is(err, ErrNoStampedSeal) {
		t.Errorf("a stamp of something else: %v", err)
	}
	o := LogOptions{Key: key, Authorities: a.ca}
	if r := mustVerify(t, st.Path(), o); r.Grade != Anchored || r.Stamp == nil || r.Stamp.Line != line {
		t.Errorf("%+v", r)
	}
	if r := mustVerify(t, st.Path(), LogOptions{Key: key}); r.Grade != SelfSigned || len(r.Notes) != 1 {
		t.Errorf("nobody named: %+v", r)
	}
	addRows(t, st, random, 10, "acme")
	mustSeal(t, st, testSealOptions(key))
	if r := mustVerify(t, st.Path(), o); r.Grade != SelfSigned || len(r.Notes) != 1 {
		t.Errorf("rows after the stamp: %+v", r)
	}
	c, err := collect(t, st, key, Period{Tenant: "acme", Until: 1 << 62, AsOf: 1 << 62})
	if err != nil || len(c.Earlier) != 0 && c.Earlier[0].TimeStamp == nil {
		t.Errorf("the bundle has not the stamp: %v", err)
	}

	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	path := copyFile(t, st.Path())
	change(t, path, "UPDATE seal_stamp SET answer = zeroblob(9)")
	if r := mustVerify(t, path, o); r.Problem == nil || !strings.Contains(r.Problem.Error(), "seal 1: its time stamp") {
		t.Errorf("a changed stamp: %v", r.Problem)
	}
}

func FuzzTimeStamp(f *testing.F) {
	f.Add([]byte("0"))
	f.Add(TimeStampQuery([]byte("x")))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if _, err := CheckTimeStamp(answer, []byte("x"), x509.NewCertPool()); err == nil {
			t.Fatal("nobody is trusted")
		}
		sum, _, err := StampedSum(answer)
		if err != nil && sum != [sha256.Size]byte{} {
			t.Fatal("a sum with an error")
		}
	})
}
