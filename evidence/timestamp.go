package evidence

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // some authorities name their certificate by it
	"crypto/sha256"
	_ "crypto/sha512" // others by this
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// A time stamp as in RFC 3161: an authority signs, with its own clock, that it saw the SHA-256 of a
// seal's text. The program asks nobody: it writes the query, the user posts it and brings the
// answer. What is read here is DER (X.690) of a TimeStampResp with a CMS SignedData (RFC 5652) of
// one signer, whose certificate is for time stamps alone (RFC 3161, section 2.3) and leads to one
// that the reader trusts. It proves as much as that authority is worth; whether its certificate was
// revoked is not asked, since that needs a network.

// maxTimeStamp bounds an answer, in bytes: those of public authorities are below 10,000.
const maxTimeStamp = 1 << 18

// TimeStamp is what an authority says.
type TimeStamp struct {
	At        time.Time // when it saw the hash, in UTC
	Authority string    // the subject of its certificate
}

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCert   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidExtKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidRSA           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// digests are the hash functions by their identifier.
var digests = map[string]crypto.Hash{
	oidSHA256.String():       crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// signatures are the ways to sign by their identifier; plain RSA takes the signer's hash function.
var signatures = map[string]x509.SignatureAlgorithm{
	"1.2.840.113549.1.1.11": x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12": x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13": x509.SHA512WithRSA,
	"1.2.840.10045.4.3.2":   x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":   x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":   x509.ECDSAWithSHA512,
	"1.3.101.112":           x509.PureEd25519,
}

type messageImprint struct {
	Algorithm pkix.AlgorithmIdentifier
	Hashed    []byte
}

// TimeStampQuery is the TimeStampReq for the text of a seal: what "curl --data-binary @FILE -H
// 'Content-Type: application/timestamp-query'" posts to an authority. It has no nonce, so that it
// is the same for the same seal.
func TimeStampQuery(sealText []byte) []byte {
	request := struct {
		Version     int
		Imprint     messageImprint
		Certificate bool
	}{1, messageImprint{
		pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: asn1.NullRawValue},
		sumOf(crypto.SHA256, sealText),
	}, true}
	der, err := asn1.Marshal(request)
	if err != nil {
		panic(err) // nothing in it varies but the hash
	}
	return der
}

func sumOf(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// stampInfo is a TSTInfo.
type stampInfo struct {
	Version  int
	Policy   asn1.ObjectIdentifier
	Imprint  messageImprint
	Serial   *big.Int
	At       time.Time `asn1:"generalized"`
	Accuracy struct {
		Seconds int `asn1:"optional"`
		Millis  int `asn1:"optional,tag:0"`
		Micros  int `asn1:"optional,tag:1"`
	} `asn1:"optional"`
	Ordering   bool             `asn1:"optional"`
	Nonce      *big.Int         `asn1:"optional"`
	Authority  asn1.RawValue    `asn1:"optional,tag:0"`
	Extensions []pkix.Extension `asn1:"optional,tag:1"`
}

// stampSigner is a SignerInfo of CMS.
type stampSigner struct {
	Version    int
	ID         asn1.RawValue // issuer and serial number, or a key's identifier
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

// signedData is a SignedData of CMS.
type signedData struct {
	Version int
	Digests asn1.RawValue
	Content struct {
		Type asn1.ObjectIdentifier
		Data []byte `asn1:"explicit,tag:0"`
	}
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Revoked      asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []stampSigner `asn1:"set"`
}

// parseStamp reads an answer, and checks nothing of it but its form.
func parseStamp(answer []byte) (data signedData, info stampInfo, err error) {
	var response struct {
		Status struct {
			Status int
			Text   []string       `asn1:"optional"`
			Fail   asn1.BitString `asn1:"optional"`
		}
		Token struct {
			Type asn1.ObjectIdentifier
			Data asn1.RawValue `asn1:"explicit,tag:0"`
		} `asn1:"optional"`
	}
	if len(answer) > maxTimeStamp {
		return data, info, errors.New("is too large for an answer of an authority")
	}
	if rest, err := asn1.Unmarshal(answer, &response); err != nil || len(rest) > 0 {
		return data, info, errors.New("is no answer of a time stamping authority (RFC 3161, DER)")
	}
	if s := response.Status; s.Status != 0 && s.Status != 1 { // granted, granted with changes
		return data, info, fmt.Errorf("the authority refused the request: status %d %q", s.Status, s.Text)
	}
	if !response.Token.Type.Equal(oidSignedData) {
		return data, info, errors.New("holds no signed time stamp")
	}
	rest, err := asn1.Unmarshal(response.Token.Data.Bytes, &data)
	if err != nil || len(rest) > 0 || !data.Content.Type.Equal(oidTSTInfo) || len(data.Signers) != 1 {
		return data, info, errors.New("its signed part is no time stamp of one signer")
	}
	rest, err = asn1.Unmarshal(data.Content.Data, &info)
	if err != nil || len(rest) > 0 || info.Version != 1 {
		return data, info, errors.New("its time stamp has another form than RFC 3161's")
	}
	for _, e := range info.Extensions {
		if e.Critical {
			return data, info, fmt.Errorf("has the critical extension %v, which is not known here", e.Id)
		}
	}
	return data, info, nil
}

// StampedSum is the SHA-256 that an answer is about, and when the authority saw it. Who signed it
// is not looked at: CheckTimeStamp does that.
func StampedSum(answer []byte) (sum [sha256.Size]byte, at time.Time, err error) {
	_, info, err := parseStamp(answer)
	if err != nil {
		return sum, at, err
	}
	if !info.Imprint.Algorithm.Algorithm.Equal(oidSHA256) || len(info.Imprint.Hashed) != len(sum) {
		return sum, at, errors.New("is about no SHA-256")
	}
	return [sha256.Size]byte(info.Imprint.Hashed), info.At.UTC(), nil
}

// ErrAuthority says that a time stamp is by an authority that is not trusted.
var ErrAuthority = errors.New("is by no authority that you trust")

var errStampOfElse = errors.New("is a time stamp of something else than this seal")

// CheckTimeStamp checks that an authority, whose certificate leads to one of roots, stamped the
// text of a seal.
func CheckTimeStamp(answer, sealText []byte, roots *x509.CertPool) (s TimeStamp, err error) {
	data, info, err := parseStamp(answer)
	if err != nil {
		return s, err
	}
	if err := matchStamp(answer, sealText); err != nil {
		return s, err
	}
	certificates, err := x509.ParseCertificates(data.Certificates.Bytes)
	if err != nil {
		return s, errors.New("its certificates cannot be read")
	}
	signer, err := data.Signers[0].check(data.Content.Data, certificates)
	if err != nil {
		return s, err
	}
	if err := checkAuthority(signer, certificates, roots, info.At); err != nil {
		return s, err
	}
	return TimeStamp{info.At.UTC(), signer.Subject.String()}, nil
}

// check finds the certificate whose key signed the content.
func (s *stampSigner) check(
	content []byte, certificates []*x509.Certificate,
) (*x509.Certificate, error) {
	h, known := digests[s.Digest.Algorithm.String()]
	if !known {
		return nil, fmt.Errorf("is signed over a hash of the kind %v, which is not used here", s.Digest.Algorithm)
	}
	if len(s.Attributes.FullBytes) == 0 {
		return nil, errors.New("its signature covers no attributes")
	}
	// The signature is over the attributes as a SET (RFC 5652, section 5.4).
	signed := bytes.Clone(s.Attributes.FullBytes)
	signed[0] = asn1.TagSet | 0x20
	attributes, err := parseAttributes(signed)
	if err != nil {
		return nil, err
	}
	var kind asn1.ObjectIdentifier
	if err := attributes.get(oidContentType, &kind); err != nil || !kind.Equal(oidTSTInfo) {
		return nil, errors.New("its signature is over another kind of content")
	}
	var digest []byte
	err = attributes.get(oidMessageDigest, &digest)
	if err != nil || !bytes.Equal(digest, sumOf(h, content)) {
		return nil, errors.New("its content is not the one that was signed")
	}
	algorithm, known := signatures[s.Algorithm.Algorithm.String()]
	if s.Algorithm.Algorithm.Equal(oidRSA) {
		algorithm, known = map[crypto.Hash]x509.SignatureAlgorithm{
			crypto.SHA256: x509.SHA256WithRSA,
			crypto.SHA384: x509.SHA384WithRSA,
			crypto.SHA512: x509.SHA512WithRSA,
		}[h]
	}
	if !known {
		return nil, fmt.Errorf("is signed in a way that is not known here: %v", s.Algorithm.Algorithm)
	}
	for _, c := range certificates {
		if attributes.names(c) && c.CheckSignature(algorithm, signed, s.Signature) == nil {
			return c, nil
		}
	}
	return nil, errors.New("its signature is by none of the certificates in it")
}

// stampAttributes are the signed attributes, each with its one value in DER.
type stampAttributes map[string][]byte

func parseAttributes(set []byte) (stampAttributes, error) {
	var list []struct {
		Type   asn1.ObjectIdentifier
		Values []asn1.RawValue `asn1:"set"`
	}
	if rest, err := asn1.UnmarshalWithParams(set, &list, "set"); err != nil || len(rest) > 0 {
		return nil, errors.New("its signed attributes cannot be read")
	}
	all := stampAttributes{}
	for _, a := range list {
		name := a.Type.String()
		if _, twice := all[name]; twice || len(a.Values) != 1 {
			return nil, fmt.Errorf("its signed attribute %s is not there once", name)
		}
		all[name] = a.Values[0].FullBytes
	}
	return all, nil
}

// get reads an attribute that must be there.
func (a stampAttributes) get(name asn1.ObjectIdentifier, to any) error {
	rest, err := asn1.Unmarshal(a[name.String()], to)
	if err == nil && len(rest) > 0 {
		err = errors.New("holds more than its value")
	}
	return err
}

// names says whether the attributes name that certificate as the signer's: by its SHA-1 (RFC 2634)
// or by another hash, SHA-256 unless said otherwise (RFC 5035).
func (a stampAttributes) names(c *x509.Certificate) bool {
	var v2 struct {
		Certificates []struct {
			Algorithm pkix.AlgorithmIdentifier `asn1:"optional"`
			Hash      []byte
			Issuer    asn1.RawValue `asn1:"optional"`
		}
	}
	if a.get(oidSigningCertV2, &v2) == nil && len(v2.Certificates) > 0 {
		first := v2.Certificates[0]
		h := crypto.SHA256
		if len(first.Algorithm.Algorithm) > 0 {
			h = digests[first.Algorithm.Algorithm.String()]
		}
		return h != 0 && bytes.Equal(first.Hash, sumOf(h, c.Raw))
	}
	var v1 struct {
		Certificates []struct {
			Hash   []byte
			Issuer asn1.RawValue `asn1:"optional"`
		}
	}
	return a.get(oidSigningCert, &v1) == nil && len(v1.Certificates) > 0 &&
		bytes.Equal(v1.Certificates[0].Hash, sumOf(crypto.SHA1, c.Raw))
}

// checkAuthority checks that a certificate is for time stamps alone, and led to one of roots at the
// time of the stamp.
func checkAuthority(
	signer *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, at time.Time,
) error {
	critical := false
	for _, e := range signer.Extensions {
		critical = critical || e.Id.Equal(oidExtKeyUsage) && e.Critical
	}
	usage := signer.ExtKeyUsage
	alone := len(usage) == 1 && usage[0] == x509.ExtKeyUsageTimeStamping &&
		len(signer.UnknownExtKeyUsage) == 0
	if !critical || !alone {
		return fmt.Errorf("%w: the certificate of %q is not for time stamps alone", ErrAuthority, signer.Subject)
	}
	between := x509.NewCertPool()
	for _, c := range others {
		between.AddCert(c)
	}
	_, err := signer.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
	if err != nil {
		return fmt.Errorf("%w: %q: %w", ErrAuthority, signer.Subject, err)
	}
	return nil
}
