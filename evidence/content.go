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
	case l.Request != nil && f == FieldClient:
		return &l.Request.Client
	case l.Request != nil && f == FieldSource:
		return &l.Request.Source
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
	for i, d := range disclosed {
		at := fmt.Sprintf("%s, line %d (leaf %d)", fileDisclosed, i+1, d.Seq)
		if d.Seq < c.Start || d.Seq >= c.Size {
			return fmt.Errorf("%s: is not in %s", at, fileLeaves)
		}
		leaf := &c.Leaves[d.Seq-c.Start]
		want := leaf.commitment(d.Field)
		if want == nil {
			return fmt.Errorf("%s: the leaf commits to no %q", at, d.Field)
		}
		if Commit(d.Field, d.Salt, d.Value != "", d.Value) != *want {
			return fmt.Errorf("%s: the %s is not the one that the leaf commits to", at, d.Field)
		}
		if i > 0 && !before(&disclosed[i-1], &d) {
			return fmt.Errorf("%s: is not in its order", at)
		}
		leaf.values[saltIndex(d.Field)] = &disclosed[i].Value
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
		salt := p.text()
		d.Value = p.text()
		b, err := hex.DecodeString(salt)
		if err != nil || len(b) != len(d.Salt) || hex.EncodeToString(b) != salt {
			p.next = 3
			p.fail(errors.New("is no salt"))
		}
		if p.err != nil {
			return nil, fmt.Errorf("%s: %w", at, p.err)
		}
		d.Salt = Salt(b)
		disclosed = append(disclosed, d)
	}
	return disclosed, nil
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
