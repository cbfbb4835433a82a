package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// CheckOptions is what a reader brings to a check.
type CheckOptions struct {
	// Pin is the fingerprint of the key that the sender is known to have; "" means that none is known.
	Pin string
	// Anchors are what the reader held before.
	Anchors []Anchor
	// Render recomputes the pages. Nil means that they are not compared.
	Render Render
	// Program is the version that Render is of: the pages of another one may differ.
	Program string
	// Authorities are the certificates of those whose time stamps are trusted. Nil means that none is.
	Authorities *x509.CertPool
}

// Result is what a check found.
type Result struct {
	Grade   Grade
	Problem error    // why it is Altered; nil otherwise
	Notes   []string // what else a reader must know
	Public  ed25519.PublicKey
	Content *Content // nil where the leaves are altered
	Stamps  []Stamp  // the time stamps that were checked, by how much they cover
}

// Check checks all of a bundle. A bundle that does not hold together is Altered, and Problem names
// the place.
func (b *Bundle) Check(o CheckOptions) *Result {
	r := &Result{}
	if r.Problem = b.check(r, o); r.Problem != nil {
		return r
	}
	r.Grade = SelfSigned
	if r.Problem = b.compare(r, o); r.Problem != nil {
		r.Grade = Altered
	}
	return r
}

// check is whether the bundle holds together.
func (b *Bundle) check(r *Result, o CheckOptions) (err error) {
	if r.Public, err = b.Public(); err != nil {
		return err
	}
	if err := b.checkSums(r.Public); err != nil {
		return err
	}
	var about About
	if err := json.Unmarshal(b.named[fileAbout], &about); err != nil || about.Schema != aboutSchema ||
		!bytes.Equal(about.text(), b.named[fileAbout]) {
		return fmt.Errorf("%s: is not as headroom writes it", fileAbout)
	}
	head, err := b.checkHead(r.Public)
	if err != nil {
		return err
	}
	before, err := readRange(b.named[fileRange], max(0, firstSeq(b.named[fileLeaves])))
	if err != nil {
		return err
	}
	disclosed, err := readDisclosed(b.named[fileDisclosed])
	if err != nil {
		return err
	}
	content, err := newContent(head, before, b.named[fileLeaves], disclosed, about,
		b.named[filePolicy], b.named[fileSettings])
	if err != nil {
		return err
	}
	r.Content = content
	if err := content.checkLog(r.Public); err != nil {
		return err
	}
	if err := b.checkSeals(content, head, r.Public); err != nil {
		return err
	}
	if err := b.checkPacking(r, about); err != nil {
		return err
	}
	return b.checkPages(r, o)
}

// checkSums compares all files with the signed list of their hashes.
func (b *Bundle) checkSums(public ed25519.PublicKey) error {
	files := b.files[:len(b.files)-2]
	want := sumsText(files)
	if got := b.named[fileSums]; !bytes.Equal(got, want) {
		for i, line := range strings.SplitAfter(string(want), "\n") {
			if i < len(files) && !strings.Contains(string(got), line) {
				return fmt.Errorf("%s: the file %s is not the one that is listed", fileSums, files[i].name)
			}
		}
		return fmt.Errorf("%s: is not the list of the files", fileSums)
	}
	if !ed25519.Verify(public, want, b.named[fileSumsSig]) {
		return fmt.Errorf("%s: is not signed by the key in %s", fileSumsSig, fileKey)
	}
	return nil
}

// checkHead compares the three forms of the checkpoint.
func (b *Bundle) checkHead(public ed25519.PublicKey) (Checkpoint, error) {
	head, err := OpenCheckpoint(b.named[fileCheckpoint], public)
	if err != nil {
		return head, err
	}
	if !bytes.Equal(b.named[fileCheckpointRaw], head.Body()) {
		return head, fmt.Errorf("%s: is not the text of %s", fileCheckpointRaw, fileCheckpoint)
	}
	sig, err := RawSignature(b.named[fileCheckpoint])
	if err != nil || !bytes.Equal(b.named[fileCheckpointSig], sig) {
		return head, fmt.Errorf("%s: is not the signature of %s", fileCheckpointSig, fileCheckpoint)
	}
	return head, nil
}

// checkLog checks what the leaves say of the log itself.
func (c *Content) checkLog(public ed25519.PublicKey) error {
	var sealed int64
	for i := range c.Leaves {
		leaf := &c.Leaves[i]
		switch leaf.Kind {
		case KindTenant:
			if leaf.Seq != 0 || leaf.Fields[0] != c.About.Tenant || leaf.Fields[3] != Fingerprint(public) {
				return fmt.Errorf("%s, leaf %d: is of another tenant or key", fileLeaves, leaf.Seq)
			}
		case KindSeal:
			if leaf.Time < sealed {
				return fmt.Errorf("%s, leaf %d: is sealed before the one before it", fileLeaves, leaf.Seq)
			}
			sealed = leaf.Time
		}
	}
	if c.Start == 0 && c.Leaves[0].Kind != KindTenant {
		return fmt.Errorf("%s, leaf 0: does not say whose log it is", fileLeaves)
	}
	if c.Leaves[len(c.Leaves)-1].Kind != KindSeal {
		return fmt.Errorf("%s: its last line is no seal", fileLeaves)
	}
	if !c.settingsFit() {
		return fmt.Errorf("%s or %s: is not the one that the log was sealed with", filePolicy,
			fileSettings)
	}
	return nil
}

// settingsFit says whether policy and settings are those that the leaves name last, where they name
// any.
func (c *Content) settingsFit() bool {
	for i := range slices.Backward(c.Leaves) {
		if leaf := &c.Leaves[i]; leaf.Kind == KindSettings {
			return leaf.Fields[1] == hexSum(c.Policy) && leaf.Fields[2] == hexSum(c.Settings)
		}
	}
	return true
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// checkSeals checks the earlier checkpoints and the texts of the seals.
func (b *Bundle) checkSeals(c *Content, head Checkpoint, public ed25519.PublicKey) error {
	var last int64
	for n := 1; n <= b.earlier(); n++ {
		name := earlierName(n, earlierCheckpoint)
		old, err := OpenCheckpoint(b.named[name], public)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := c.extends(&old); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		proof, err := readProof(b.named[earlierName(n, earlierProof)])
		if err == nil {
			err = tlog.CheckTree(proof, head.Size, head.Root, old.Size, old.Root)
		}
		if err != nil {
			return fmt.Errorf("%s: does not prove that the head extends the checkpoint", earlierName(n, earlierProof))
		}
		if last, err = checkSeal(b.named[earlierName(n, earlierSeal)], &old, last); err != nil {
			return fmt.Errorf("%s: %w", earlierName(n, earlierSeal), err)
		}
	}
	if _, err := checkSeal(b.named[fileSeal], &head, last); err != nil {
		return fmt.Errorf("%s: %w", fileSeal, err)
	}
	return nil
}

// checkSeal checks that the seal's text covers the checkpoint and is later than the one before.
func checkSeal(text []byte, c *Checkpoint, last int64) (at int64, err error) {
	s, err := parseSealText(text)
	switch {
	case err != nil:
		return 0, err
	case s.at <= last:
		return 0, errors.New("is no later than the seal before")
	case !s.holds(c.Body()):
		return 0, errors.New("does not cover the checkpoint")
	}
	return s.at, nil
}

func readProof(text []byte) (proof tlog.TreeProof, err error) {
	for line := range bytes.Lines(text) {
		h, err := base64.StdEncoding.Strict().DecodeString(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(h) != tlog.HashSize || line[len(line)-1] != '\n' {
			return nil, errors.New("has a line that is no hash")
		}
		proof = append(proof, tlog.Hash(h))
	}
	return proof, nil
}

// extends says whether an older head of the log is a prefix of this one.
func (c *Content) extends(old *Checkpoint) error {
	switch {
	case old.Log != c.Log:
		return errors.New("is of another log")
	case old.Size < c.Start:
		return fmt.Errorf("%w: it is from before the first leaf of the bundle", ErrNotComparable)
	case old.Size > c.Size:
		return fmt.Errorf("%w: it is newer than the bundle", ErrNotComparable)
	}
	root, err := c.hashes.RootAt(old.Size)
	if err != nil {
		return err
	}
	if root != old.Root {
		return fmt.Errorf("contradicts the leaves: the first %d leaves were others", old.Size)
	}
	return nil
}

// checkPacking tells of files that this version packs otherwise. With the version that the bundle
// names, that is an alteration: somebody packed it anew.
func (b *Bundle) checkPacking(r *Result, about About) error {
	name := repacked(b.files)
	switch {
	case name == "":
	case about.Packer == packer():
		return fmt.Errorf("ZIP: the file %s is not packed as headroom packs it", name)
	default:
		r.Notes = append(
			r.Notes,
			fmt.Sprintf("it was packed by another version (%s): contents were compared, not their packing",
				about.Packer),
		)
	}
	return nil
}

// checkPages compares the pages with those that the leaves give.
func (b *Bundle) checkPages(r *Result, o CheckOptions) error {
	if !bytes.Equal(b.named[fileVerifyPage], VerifyPage) ||
		!bytes.Equal(b.named[fileVerifyText], verifyText) {
		if r.Content.About.Program == o.Program {
			return fmt.Errorf("%s or %s: is not headroom's", fileVerifyPage, fileVerifyText)
		}
		r.Notes = append(r.Notes,
			fmt.Sprintf("its %s is of another version; use your own copy", fileVerifyPage))
	}
	pages := map[string][]byte{}
	if o.Render == nil {
		r.Notes = append(r.Notes, "the audit and the pages were not recomputed from the leaves")
	} else {
		p, err := o.Render(r.Content)
		if err != nil {
			return fmt.Errorf("recompute the pages: %w", err)
		}
		pages[fileAudit], pages[fileTicket], pages[fileReport] = p.Audit, p.Ticket, p.Report
		pages[fileRequests] = p.Requests
	}
	for _, name := range []string{fileAudit, fileTicket, fileRequests, fileReport} {
		page, computed := pages[name]
		switch {
		case !computed || bytes.Equal(page, b.named[name]):
		case r.Content.About.Program == o.Program:
			return fmt.Errorf("%s: is not what the leaves give", name)
		default:
			r.Notes = append(
				r.Notes,
				fmt.Sprintf("%s is of another version (%s) and could not be compared", name,
					r.Content.About.Program),
			)
		}
	}
	return nil
}
