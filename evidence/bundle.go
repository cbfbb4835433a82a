package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// RequestsName is the file of a bundle by whose rows its pages name requests.
const RequestsName = "requests.csv"

// The files of a bundle, in their order. Those in earlier/ stand where earlierFolder does.
const (
	fileTicket        = "TICKET.md"
	fileReport        = "report.html"
	fileRequests      = RequestsName
	fileVerifyText    = "VERIFY.md"
	fileVerifyPage    = "verify.html"
	fileAbout         = "bundle.json"
	fileLeaves        = "leaves.tsv"
	fileRange         = "range.txt"
	fileDisclosed     = "disclosed.tsv"
	fileCheckpoint    = "checkpoint"
	fileCheckpointRaw = "checkpoint.txt"
	fileCheckpointSig = "checkpoint.sig"
	earlierFolder     = "earlier/"
	fileSeal          = "seal.txt"
	fileTimeStamp     = "seal.tsr"
	fileKey           = "key.pem"
	fileAudit         = "audit.json"
	filePolicy        = "policy.toml"
	fileSettings      = "settings.toml"
	fileSums          = "SHA256SUMS"
	fileSumsSig       = "SHA256SUMS.sig"
)

// The endings of the files in earlier/, in their order. The last is there where the seal has a time
// stamp.
var earlierEndings = []string{".checkpoint", ".proof", ".seal.txt", ".seal.tsr"}

const (
	earlierCheckpoint = iota
	earlierProof
	earlierSeal
	earlierStamp
)

// aboutSchema names the form of bundle.json.
const aboutSchema = "headroom.bundle/v1"

// VerifyPage is the static page that checks a bundle in a browser, without a network.
//
//go:embed verify.html
var VerifyPage []byte

// verifyText tells how to check a bundle by hand.
//
//go:embed VERIFY.md
var verifyText []byte

// About is bundle.json: what the bundle is about, and who packed it.
type About struct {
	Schema   string  `json:"schema"`
	Tenant   string  `json:"tenant"`
	Incident string  `json:"incident"` // "" where the bundle is about a period
	Since    string  `json:"since"`    // times are RFC 3339, UTC
	Until    string  `json:"until"`
	AsOf     string  `json:"as_of"`
	With     []Field `json:"with"` // the fields that are disclosed throughout, besides recording keys
	Program  string  `json:"program"`
	Packer   string  `json:"packer"`
}

// Earlier is a seal from before the head's: the log's checkpoint as it was then, and the text of
// the seal over all logs.
type Earlier struct {
	Checkpoint []byte
	Seal       []byte
	TimeStamp  []byte // an RFC 3161 answer for Seal; nil: none
}

// Disclosure puts a value back that a leaf only commits to. Value "" means that the field is
// absent.
type Disclosure struct {
	Seq   int64
	Field Field
	Salt  Salt
	Value string
	// Withheld is D(f), instead of Salt and Value, where the field stays withheld and shares its
	// commitment with one that is disclosed.
	Withheld *Digest
}

// digest is D(f).
func (d *Disclosure) digest() Digest {
	if d.Withheld != nil {
		return *d.Withheld
	}
	return DigestField(d.Field, d.Salt, d.Value)
}

// Contents is what a bundle is made of, but for its pages.
type Contents struct {
	About      About
	Before     Peaks  // the log before the first leaf
	Leaves     []byte // the lines from there to the head
	Disclosed  []Disclosure
	Checkpoint []byte // the signed head
	Earlier    []Earlier
	Seal       []byte // the text of the newest seal
	TimeStamp  []byte // an RFC 3161 answer for Seal; nil: none
	Policy     []byte
	Settings   []byte
}

// Pages are the files that an audit of the leaves gives.
type Pages struct {
	Ticket, Report, Audit, Requests []byte
}

// Render computes the pages of a bundle from its content and nothing else, so that whoever checks
// it gets the same.
type Render func(*Content) (Pages, error)

// WriteBundle makes a bundle, signed with the key. It is the same, byte for byte, for the same
// contents and key.
func (k *Key) WriteBundle(c *Contents, render Render) ([]byte, error) {
	c.About.Schema, c.About.Packer = aboutSchema, packer()
	content, err := c.content()
	if err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	if !content.settingsFit() {
		return nil, errors.New("make bundle: the log was sealed with another policy or other settings; " +
			"name those, or leave out --as-of")
	}
	pages, err := render(content)
	if err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	proofs, err := c.proofs(content)
	if err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	signature, err := RawSignature(c.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("make bundle: %w", err)
	}
	body, _, _ := bytes.Cut(c.Checkpoint, []byte("\n\n"))
	files := []file{
		{name: fileTicket, data: pages.Ticket}, {name: fileReport, data: pages.Report},
		{name: fileRequests, data: pages.Requests}, {name: fileVerifyText, data: verifyText},
		{name: fileVerifyPage, data: VerifyPage}, {name: fileAbout, data: c.About.text()},
		{name: fileLeaves, data: c.Leaves}, {name: fileRange, data: rangeText(c.Before)},
		{name: fileDisclosed, data: disclosedText(c.Disclosed)},
		{name: fileCheckpoint, data: c.Checkpoint},
		{name: fileCheckpointRaw, data: append(bytes.Clone(body), '\n')},
		{name: fileCheckpointSig, data: signature},
	}
	for i, e := range c.Earlier {
		for k, data := range [][]byte{e.Checkpoint, proofs[i], e.Seal, e.TimeStamp} {
			if data != nil || k != earlierStamp {
				files = append(files, file{name: earlierName(i+1, k), data: data})
			}
		}
	}
	files = append(files, file{name: fileSeal, data: c.Seal})
	if c.TimeStamp != nil {
		files = append(files, file{name: fileTimeStamp, data: c.TimeStamp})
	}
	files = append(files, file{name: fileKey, data: PublicPEM(k.Public())},
		file{name: fileAudit, data: pages.Audit}, file{name: filePolicy, data: c.Policy},
		file{name: fileSettings, data: c.Settings})
	sums := sumsText(files)
	files = append(files, file{name: fileSums, data: sums},
		file{name: fileSumsSig, data: k.Sign(sums)})
	for i := range files {
		files[i].pack()
	}
	return writeZip(files), nil
}

func earlierName(n, ending int) string {
	return earlierFolder + strconv.Itoa(n) + earlierEndings[ending]
}

// text is About's one spelling.
func (a *About) text() []byte {
	if a.With == nil {
		a.With = []Field{}
	}
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return append(b, '\n')
}

// rangeText is the hashes of the subtrees before the first leaf, from left to right.
func rangeText(before Peaks) []byte {
	var b []byte
	for _, h := range before.Hashes {
		b = hex.AppendEncode(b, h[:])
		b = append(b, '\n')
	}
	return b
}

// disclosedText is disclosed.tsv: seq, field, salt in hex and value; of a field that is withheld,
// an empty salt and D(f) in hex.
func disclosedText(disclosed []Disclosure) []byte {
	var b []byte
	for i := range disclosed {
		d := &disclosed[i]
		b = strconv.AppendInt(b, d.Seq, 10)
		b = appendText(b, string(d.Field))
		b = append(b, '\t')
		if d.Withheld != nil {
			b = append(b, '\t')
			b = hex.AppendEncode(b, d.Withheld[:])
		} else {
			b = hex.AppendEncode(b, d.Salt[:])
			b = appendText(b, d.Value)
		}
		b = append(b, '\n')
	}
	return b
}

// sumsText is what sha256sum prints for the files.
func sumsText(files []file) []byte {
	var b []byte
	for i := range files {
		b = fmt.Appendf(b, "%x  %s\n", sha256.Sum256(files[i].data), files[i].name)
	}
	return b
}

// proofs prove to whoever holds an earlier checkpoint that the head extends it, one base64 hash a
// line.
func (c *Contents) proofs(content *Content) ([][]byte, error) {
	proofs := make([][]byte, len(c.Earlier))
	for i, e := range c.Earlier {
		body, _, _ := bytes.Cut(e.Checkpoint, []byte("\n\n"))
		old, err := ParseBody(append(bytes.Clone(body), '\n'))
		if err != nil {
			return nil, err
		}
		proof, err := tlog.ProveTree(content.Size, old.Size, content.hashes)
		if err != nil {
			return nil, err
		}
		for _, h := range proof {
			proofs[i] = base64.StdEncoding.AppendEncode(proofs[i], h[:])
			proofs[i] = append(proofs[i], '\n')
		}
	}
	return proofs, nil
}

// Bundle is an opened bundle.
type Bundle struct {
	files []file
	named map[string][]byte
}

// OpenBundle reads a bundle in its one form. Errors match ErrNoBundle where the data is no bundle
// at all; another error says where it was altered.
func OpenBundle(data []byte) (*Bundle, error) {
	files, err := readZip(data)
	if err != nil {
		return nil, err
	}
	b := &Bundle{files: files, named: map[string][]byte{}}
	for i := range files {
		b.named[files[i].name] = files[i].data
	}
	if err := b.checkNames(); err != nil {
		return nil, err
	}
	return b, nil
}

// earlier is how many seals earlier/ holds.
func (b *Bundle) earlier() int {
	n := 0
	for name := range b.named {
		if path.Dir(name)+"/" == earlierFolder && path.Ext(name) == earlierEndings[earlierCheckpoint] {
			n++
		}
	}
	return n
}

// checkNames compares the files' names with those that a bundle has, in their order.
func (b *Bundle) checkNames() error {
	want := []string{
		fileTicket,
		fileReport,
		fileRequests,
		fileVerifyText,
		fileVerifyPage,
		fileAbout,
		fileLeaves,
		fileRange,
		fileDisclosed,
		fileCheckpoint,
		fileCheckpointRaw,
		fileCheckpointSig,
	}
	for i := range b.earlier() {
		for k := range earlierEndings {
			name := earlierName(i+1, k)
			if _, stamped := b.named[name]; stamped || k != earlierStamp {
				want = append(want, name)
			}
		}
	}
	want = append(want, fileSeal)
	if _, stamped := b.named[fileTimeStamp]; stamped {
		want = append(want, fileTimeStamp)
	}
	want = append(want, fileKey, fileAudit, filePolicy, fileSettings, fileSums, fileSumsSig)
	if b.named[fileLeaves] == nil && b.named[fileSums] == nil {
		return fmt.Errorf("%w: it is another ZIP file", ErrNoBundle)
	}
	for _, name := range want {
		if _, there := b.named[name]; !there {
			return fmt.Errorf("ZIP: the file %s is missing", name)
		}
	}
	for i := range b.files {
		if i >= len(want) || b.files[i].name != want[i] {
			if slices.Contains(want, b.files[i].name) {
				return fmt.Errorf("ZIP: the file %s is not in its place", b.files[i].name)
			}
			return fmt.Errorf("ZIP: the file %q is none of a bundle's", b.files[i].name)
		}
	}
	return nil
}

// Public is the key that the bundle names as the sender's.
func (b *Bundle) Public() (ed25519.PublicKey, error) {
	key, err := ParsePublicPEM(b.named[fileKey])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", fileKey, err)
	}
	return key, nil
}

// packer names what packs a bundle's files: the version of compress/flate.
func packer() string { return runtime.Version() }
