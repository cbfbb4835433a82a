package evidence

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Stamp is a time stamp by an authority that the reader trusts, and what it covers: the first Size
// leaves of the log existed at that time.
type Stamp struct {
	TimeStamp
	Size int64
	Line string // of the seal that was stamped
}

// compare raises the grade by what the reader held, or finds that the bundle contradicts it.
func (b *Bundle) compare(r *Result, o CheckOptions) error {
	pinned := o.Pin != ""
	if pinned && !strings.EqualFold(o.Pin, Fingerprint(r.Public)) {
		return fmt.Errorf("%s: is another key than the one that you hold", fileKey)
	}
	seals, err := b.seals()
	if err != nil {
		return err
	}
	held := int64(-1)
	for _, a := range o.Anchors {
		switch size, err := r.Content.extendsAnchor(seals, a); {
		case errors.Is(err, ErrNotComparable):
			r.Notes = append(r.Notes, fmt.Sprintf("%s %v", a.Name, err))
		case err != nil:
			return fmt.Errorf("%s: %w", a.Name, err)
		default:
			held = max(held, size)
		}
	}
	if pinned || held >= 0 {
		r.Grade = Held
	}
	if after := r.Content.rowsAfter(held); !pinned && held >= 0 && after > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("what you held covers the first %d leaves of the log; "+
			"%d rows after them are no better than self-signed", held, after))
	}
	return r.checkStamps(seals, o)
}

// bundleSeal is a seal in a bundle: its text, how many leaves the checkpoint has that it covers,
// and its time stamp.
type bundleSeal struct {
	at    int64
	text  []byte
	size  int64
	stamp []byte // nil: none
	file  string // the stamp's
}

// seals are those of the bundle, in their order.
func (b *Bundle) seals() (all []bundleSeal, err error) {
	add := func(checkpoint, text, stamp string) error {
		c, err := ParseBody(checkpointBody(b.named[checkpoint]))
		if err != nil {
			return fmt.Errorf("%s: %w", checkpoint, err)
		}
		s, err := parseSealText(b.named[text])
		if err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
		all = append(all, bundleSeal{s.at, b.named[text], c.Size, b.named[stamp], stamp})
		return nil
	}
	for n := 1; n <= b.earlier(); n++ {
		err := add(earlierName(n, earlierCheckpoint), earlierName(n, earlierSeal),
			earlierName(n, earlierStamp))
		if err != nil {
			return nil, err
		}
	}
	return all, add(fileCheckpoint, fileSeal, fileTimeStamp)
}

// extendsAnchor gives how many leaves of the log the reader's anchor covers.
func (c *Content) extendsAnchor(seals []bundleSeal, a Anchor) (size int64, err error) {
	if a.Checkpoint != nil {
		return a.Checkpoint.Size, c.extends(a.Checkpoint)
	}
	for _, s := range seals {
		if s.at != a.Line.At {
			continue
		}
		if sha256.Sum256(s.text) != a.Line.Sum {
			return 0, errors.New("the seal of that time is another one")
		}
		return s.size, nil
	}
	switch {
	case a.Line.At < seals[0].at:
		return 0, fmt.Errorf("%w: it is from before the seals of the bundle", ErrNotComparable)
	case a.Line.At > seals[len(seals)-1].at:
		return 0, fmt.Errorf("%w: it is newer than the bundle", ErrNotComparable)
	}
	return 0, errors.New("the bundle's log was not sealed then, although it goes from before to after")
}

// rowsAfter counts the leaves of rows that the log's first size leaves do not cover.
func (c *Content) rowsAfter(size int64) (n int64) {
	for i := range c.Leaves {
		switch c.Leaves[i].Kind {
		case KindRequest, KindEvent, KindRecording:
			if c.Leaves[i].Seq >= size {
				n++
			}
		}
	}
	return n
}

// checkStamps raises the grade where a time stamp covers all rows. One that an authority made for
// something else is an alteration; one by an authority that the reader did not name is noted.
func (r *Result) checkStamps(seals []bundleSeal, o CheckOptions) error {
	unknown := 0
	for _, s := range seals {
		if s.stamp == nil {
			continue
		}
		if err := matchStamp(s.stamp, s.text); err != nil {
			return fmt.Errorf("%s: %w", s.file, err)
		}
		if o.Authorities == nil {
			unknown++
			continue
		}
		stamp, err := CheckTimeStamp(s.stamp, s.text, o.Authorities)
		switch {
		case errors.Is(err, ErrAuthority):
			r.Notes = append(r.Notes, fmt.Sprintf("%s: %v", s.file, err))
		case err != nil:
			return fmt.Errorf("%s: %w", s.file, err)
		default:
			r.Stamps = append(r.Stamps, Stamp{stamp, s.size, SealLine(s.text)})
		}
	}
	if unknown > 0 {
		r.Notes = append(r.Notes,
			"its time stamps were not checked: name the authority's certificate with --tsa-ca")
	}
	if len(r.Stamps) == 0 {
		return nil
	}
	covered := r.Stamps[len(r.Stamps)-1].Size
	if after := r.Content.rowsAfter(covered); after > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("the time stamps cover the first %d leaves of the log; "+
			"%d rows after them have none", covered, after))
		return nil
	}
	r.Grade = Anchored
	return nil
}

// AnchorDelay is the longest time from the end of a request that was recorded live to the first
// time stamp that covers it; live requests that none covers count as unanchored.
func (r *Result) AnchorDelay() (longest time.Duration, unanchored int64) {
	for i := range r.Content.Leaves {
		l := &r.Content.Leaves[i]
		if l.Kind != KindRequest || !live(l.Request.SourceKind) {
			continue
		}
		first := time.Time{}
		for _, s := range r.Stamps {
			if l.Seq < s.Size && (first.IsZero() || s.At.Before(first)) {
				first = s.At
			}
		}
		if first.IsZero() {
			unanchored++
			continue
		}
		longest = max(longest, first.Sub(time.UnixMicro(l.Request.StartedAt+l.Request.DurationUS)))
	}
	return longest, unanchored
}

// matchStamp checks that an answer is for the text of a seal, whoever signed it.
func matchStamp(answer, sealText []byte) error {
	sum, _, err := StampedSum(answer)
	if want := sha256.Sum256(sealText); err == nil && !bytes.Equal(sum[:], want[:]) {
		err = errStampOfElse
	}
	return err
}
