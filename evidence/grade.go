package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Grade says how far a bundle or a log can be relied on. It is never a plain yes.
type Grade int

// The grades, from the least.
const (
	Altered Grade = iota // it contradicts itself, or what the reader held
	// It holds together, and its own key says so; the sender could have made all of it today.
	SelfSigned
	// It extends what the reader held before, or is signed by the key that he held.
	Held
	Anchored // a time stamp by a third party covers it
)

func (g Grade) String() string {
	return [...]string{"altered", "self-signed", "held", "anchored"}[g]
}

// ParseGrade reads a grade that may be required.
func ParseGrade(s string) (Grade, error) {
	for g := SelfSigned; g <= Anchored; g++ {
		if s == g.String() {
			return g, nil
		}
	}
	return 0, errors.New("is none of self-signed, held, anchored")
}

// Anchor is what a reader held before: a checkpoint or a seal line.
type Anchor struct {
	Name       string // what messages call it
	Checkpoint *Checkpoint
	Line       *HeldLine
}

// ParseAnchor reads a checkpoint (signed or its three lines), a text with a seal line in it, such
// as a mail, where the last one counts, or an earlier bundle, whose head counts. name is what
// messages call it.
func ParseAnchor(name string, text []byte) (Anchor, error) {
	if bytes.HasPrefix(text, []byte(bundleStart)) {
		return anchorOfBundle(name, text)
	}
	if bytes.HasPrefix(text, []byte(originPrefix)) {
		body, _, signed := bytes.Cut(text, []byte("\n\n"))
		if signed {
			body = append(bytes.Clone(body), '\n')
		}
		c, err := ParseBody(body)
		if err != nil {
			return Anchor{}, fmt.Errorf("%s: %w", name, err)
		}
		return Anchor{Name: name, Checkpoint: &c}, nil
	}
	lines := strings.Split(string(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		at := strings.Index(lines[i], sealLinePrefix)
		if at < 0 {
			continue
		}
		words := strings.Fields(lines[i][at:])
		line, err := ParseSealLine(strings.Join(words[:min(4, len(words))], " "))
		if err != nil {
			return Anchor{}, fmt.Errorf("%s: %w", name, err)
		}
		return Anchor{Name: name, Line: &line}, nil
	}
	return Anchor{}, fmt.Errorf("%s: is neither a checkpoint nor has it a line \"%s…\"", name,
		sealLinePrefix)
}

// bundleStart is how every bundle begins, as a ZIP file.
const bundleStart = "PK\x03\x04"

// anchorOfBundle is the head of a bundle that the reader got before, which must hold together.
func anchorOfBundle(name string, data []byte) (Anchor, error) {
	b, err := OpenBundle(data)
	if err != nil {
		return Anchor{}, fmt.Errorf("%s: %w", name, err)
	}
	r := b.Check(CheckOptions{})
	if r.Problem != nil {
		return Anchor{}, fmt.Errorf("%s is altered itself: %w", name, r.Problem)
	}
	head, err := OpenCheckpoint(b.named[fileCheckpoint], r.Public)
	if err != nil {
		return Anchor{}, fmt.Errorf("%s: %w", name, err)
	}
	return Anchor{Name: name, Checkpoint: &head}, nil
}

// ErrNotComparable says that an anchor lies outside of what is being checked, so that it neither
// confirms nor contradicts it.
var ErrNotComparable = errors.New("cannot be compared")
