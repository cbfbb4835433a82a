package evidence

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// Content is what a bundle's leaves say, with what was disclosed put back.
type Content struct {
	About    About
	Log      LogID
	Start    int64 // the first leaf's index
	Size     int64 // the log's size at the head
	Leaves   []DisclosedLeaf
	Policy   []byte
	Settings []byte

	hashes *Range
}

// DisclosedLeaf is a leaf and what is known of the fields that it commits to.
type DisclosedLeaf struct {
	*Leaf
	values [len(fields)]*string
}

// Value is a disclosed field: "" where it is absent; known is false where it was withheld or the
// leaf has no such field.
func (l *DisclosedLeaf) Value(f Field) (value string, known bool) {
	i := saltIndex(f)
	if i < 0 || l.values[i] == nil {
		return "", false
	}
	return *l.values[i], true
}

// commitment is what the leaf commits to the field with; nil where it has no such field.
func (l *Leaf) commitment(f Field) *Commitment {
	switch {
	case l.Request != nil && f == FieldKey:
		return &l.Request.Key
	case l.Request != nil && pairOf(f) != "":
		return &l.Request.ClientSource
	case l.Recording != nil && f == FieldKey:
		return &l.Recording.Key
	case l.Event != nil && f == FieldNote:
		return &l.Event.Note
	}
	return nil
}

// content parses and checks the leaves against the checkpoint; it does not check signatures.
func (c *Contents) content() (*Content, error) {
	body, _, _ := bytes.Cut(c.Checkpoint, []byte("\n\n"))
	head, err := ParseBody(append(bytes.Clone(body), '\n'))
	if err != nil {
		return nil, err
	}
	return newContent(head, c.Before, c.Leaves, c.Disclosed, c.About, c.Policy, c.Settings)
}

func newContent(
	head Checkpoint, before Peaks, leaves []byte, disclosed []Disclosure, about About,
	policy, settings []byte,
) (*Content, error) {
	c := &Content{
		About:    about,
		Log:      head.Log,
		Start:    before.Size,
		Size:     head.Size,
		Policy:   policy,
		Settings: settings,
	}
	hashes := make([]tlog.Hash, 0, bytes.Count(leaves, []byte{'\n'}))
	for line := range bytes.Lines(leaves) {
		leaf, err := ParseLeaf(line)
		want := c.Start + int64(len(c.Leaves))
		if err == nil && leaf.Seq != want {
			err = fmt.Errorf("leaf has the seq %d, not %d", leaf.Seq, want)
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d (leaf %d): %w", fileLeaves, len(c.Leaves)+1, want, err)
		}
		c.Leaves = append(c.Leaves, DisclosedLeaf{Leaf: leaf})
		hashes = append(hashes, HashLeaf(line))
	}
	if end := c.Start + int64(len(c.Leaves)); end != head.Size || len(c.Leaves) == 0 {
		return nil, fmt.Errorf("%s: ends at leaf %d, while the checkpoint has %d", fileLeaves, end,
			head.Size)
	}
	c.hashes = NewRange(before, hashes)
	if root, err := c.hashes.RootAt(head.Size); err != nil || root != head.Root {
		return nil, fmt.Errorf("%s: its lines and %s do not add up to the checkpoint's root", fileLeaves,
			fileRange)
	}
	return c, c.disclose(disclosed)
}

// disclose puts values back, each of which must be the one that its leaf commits to.
func (c *Content) disclose(disclosed []Disclosure) error {
	for i := 0; i < len(disclosed); {
		n, err := c.discloseNext(disclosed[i:])
		if err == nil && i > 0 && !before(&disclosed[i-1], &disclosed[i]) {
			err = errors.New("is not in its order")
		}
		if err != nil {
			return fmt.Errorf("%s, line %d (leaf %d): %w", fileDisclosed, i+1, disclosed[i].Seq, err)
		}
		i += n
	}
	for i := range c.Leaves {
		if leaf := &c.Leaves[i]; leaf.commitment(FieldKey) != nil &&
			leaf.values[saltIndex(FieldKey)] == nil {
			return fmt.Errorf("%s: the recording key of leaf %d is withheld, which a bundle does not do",
				fileDisclosed, leaf.Seq)
		}
	}
	return nil
}

// discloseNext puts back what the first line discloses, or the first two, where they share a
// commitment; n says how many.
func (c *Content) discloseNext(lines []Disclosure) (n int, err error) {
	d := &lines[0]
	if d.Seq < c.Start || d.Seq >= c.Size {
		return 0, fmt.Errorf("is not in %s", fileLeaves)
	}
	leaf := &c.Leaves[d.Seq-c.Start]
	want := leaf.commitment(d.Field)
	if want == nil {
		return 0, fmt.Errorf("the leaf commits to no %q", d.Field)
	}
	n, got := 1, d.digest().Commit()
	if d.Field == FieldClient {
		if len(lines) < 2 || lines[1].Seq != d.Seq || lines[1].Field != FieldSource {
			return 0, errors.New("the line about the source, with which the client shares its commitment, is missing")
		}
		n, got = 2, CommitPair(d.digest(), lines[1].digest())
	}
	if got != *want {
		return 0, fmt.Errorf("the %s is not the one that the leaf commits to", d.Field)
	}
	for i := range lines[:n] {
		if lines[i].Withheld == nil {
			leaf.values[saltIndex(lines[i].Field)] = &lines[i].Value
		}
	}
	if n == 1 && d.Withheld != nil || n == 2 && d.Withheld != nil && lines[1].Withheld != nil {
		return 0, errors.New("discloses nothing")
	}
	return n, nil
}

// before is the order of disclosed.tsv: by leaf, then by field.
func before(a, b *Disclosure) bool {
	return a.Seq < b.Seq || a.Seq == b.Seq && saltIndex(a.Field) < saltIndex(b.Field)
}

// readRange reads range.txt, for a range that begins with the leaf first.
func readRange(text []byte, first int64) (Peaks, error) {
	var hashes []tlog.Hash
	for line := range bytes.Lines(text) {
		b, err := hex.DecodeString(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || len(b) != tlog.HashSize || hex.EncodeToString(b)+"\n" != string(line) {
			return Peaks{}, fmt.Errorf("%s, line %d: is no hash", fileRange, len(hashes)+1)
		}
		hashes = append(hashes, tlog.Hash(b))
	}
	p, err := NewPeaks(first, hashes)
	if err != nil {
		return p, fmt.Errorf("%s: %w", fileRange, err)
	}
	return p, nil
}

// readDisclosed reads disclosed.tsv in its one spelling.
func readDisclosed(text []byte) (disclosed []Disclosure, err error) {
	for line := range bytes.Lines(text) {
		p := &fieldParser{raw: bytes.Split(bytes.TrimSuffix(line, []byte("\n")), []byte{'\t'})}
		at := fmt.Sprintf("%s, line %d", fileDisclosed, len(disclosed)+1)
		if len(p.raw) != 4 || line[len(line)-1] != '\n' {
			return nil, fmt.Errorf("%s: is not four fields", at)
		}
		d := Disclosure{Seq: p.int(), Field: Field(p.text())}
		if len(p.raw[p.next]) == 0 {
			p.next++
			d.Withheld = new(Digest)
			p.hex(d.Withheld[:])
		} else {
			p.hex(d.Salt[:])
			d.Value = p.text()
		}
		if p.err != nil {
			return nil, fmt.Errorf("%s: %w", at, p.err)
		}
		disclosed = append(disclosed, d)
	}
	return disclosed, nil
}

// hex reads bytes in lower case hex.
func (p *fieldParser) hex(to []byte) {
	s := p.take()
	if len(s) != hex.EncodedLen(len(to)) || bytes.ContainsAny(s, "ABCDEF") {
		p.fail(fmt.Errorf("is not %d bytes in hex", len(to)))
		return
	}
	if _, err := hex.Decode(to, s); err != nil {
		p.fail(fmt.Errorf("is not %d bytes in hex", len(to)))
	}
}

// firstSeq is the seq of the first line; -1 where there is none.
func firstSeq(leaves []byte) int64 {
	line, _, _ := bytes.Cut(leaves, []byte{'\n'})
	parts := bytes.SplitN(line, []byte{'\t'}, 3)
	if len(parts) < 2 {
		return -1
	}
	n, err := strconv.ParseInt(string(parts[1]), 10, 64)
	if err != nil || n < 0 || n == math.MaxInt64 {
		return -1
	}
	return n
}
