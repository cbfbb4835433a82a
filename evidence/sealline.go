package evidence

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A seal covers the logs of all tenants. Its text is its time on the first line, then the SHA-256
// of every log's checkpoint body in hex, sorted, one a line. So that the text of one tenant's
// bundle does not tell how many others there are, hashes of nothing fill it up to a power of two
// and at least 64; only who knows the pad can tell them from the rest. The SHA-256 of the text is
// the seal line: one line that leaves the machine, in a mail or a chat, and that no later rewriting
// of the database fits.

const (
	sealLinePrefix = "headroom seal "
	minSealHashes  = 64
	sealTimeForm   = "2006-01-02T15:04:05.999999Z"
)

// Pad is the secret from which the hashes of nothing are made.
type Pad [32]byte

// SealText is the text of a seal at that time, in microseconds since 1970 UTC, over these
// checkpoint bodies.
func SealText(sealedAt int64, bodies [][]byte, pad Pad) []byte {
	hashes := make([]string, 0, minSealHashes)
	for _, body := range bodies {
		sum := sha256.Sum256(body)
		hashes = append(hashes, hex.EncodeToString(sum[:]))
	}
	for n := uint64(0); !fullSeal(len(hashes)); n++ {
		mac := hmac.New(sha256.New, pad[:])
		mac.Write(binary.BigEndian.AppendUint64(nil, n))
		hashes = append(hashes, hex.EncodeToString(mac.Sum(nil)))
	}
	slices.Sort(hashes)
	return []byte(sealTime(sealedAt) + "\n" + strings.Join(hashes, "\n") + "\n")
}

func fullSeal(n int) bool { return n >= minSealHashes && n&(n-1) == 0 }

func sealTime(us int64) string { return time.UnixMicro(us).UTC().Format(sealTimeForm) }

// SealLine is the line of a seal's text.
func SealLine(text []byte) string {
	at, _, _ := bytes.Cut(text, []byte("\n"))
	return sealLine(string(at), sha256.Sum256(text))
}

func sealLine(at string, sum [sha256.Size]byte) string {
	return fmt.Sprintf("%s%s sha256:%x", sealLinePrefix, at, sum)
}

// HeldLine is a seal line that somebody held: when it was made and the hash of its text.
type HeldLine struct {
	At  int64
	Sum [sha256.Size]byte
}

// ParseSealLine reads a seal line, as SealLine wrote it.
func ParseSealLine(line string) (HeldLine, error) {
	wrong := errors.New(
		`no seal line; one looks like "headroom seal 2026-11-24T06:00:00Z sha256:…" with 64 hex digits`)
	rest, found := strings.CutPrefix(strings.TrimSpace(line), sealLinePrefix)
	at, digits, two := strings.Cut(rest, " sha256:")
	sum, err := hex.DecodeString(digits)
	if !found || !two || err != nil || len(sum) != sha256.Size {
		return HeldLine{}, wrong
	}
	t, err := time.Parse(sealTimeForm, at)
	if err != nil || sealTime(t.UnixMicro()) != at {
		return HeldLine{}, wrong
	}
	return HeldLine{t.UnixMicro(), [sha256.Size]byte(sum)}, nil
}

// seal is a parsed seal text.
type seal struct {
	at     int64
	hashes []string
}

// parseSealText reads a seal's text in its one spelling.
func parseSealText(text []byte) (seal, error) {
	lines := strings.Split(string(text), "\n")
	if lines[len(lines)-1] != "" {
		return seal{}, errors.New("does not end in a line feed")
	}
	t, err := time.Parse(sealTimeForm, lines[0])
	if err != nil || sealTime(t.UnixMicro()) != lines[0] {
		return seal{}, errors.New("does not begin with its time")
	}
	s := seal{t.UnixMicro(), lines[1 : len(lines)-1]}
	if !fullSeal(len(s.hashes)) || !slices.IsSorted(s.hashes) {
		return seal{}, errors.New("is no sorted list of hashes that fill it")
	}
	for _, h := range s.hashes {
		if b, err := hex.DecodeString(h); err != nil || len(b) != sha256.Size || strings.ToLower(h) != h {
			return seal{}, errors.New("has a line that is no hash")
		}
	}
	return s, nil
}

// holds says whether the seal covers a checkpoint.
func (s *seal) holds(body []byte) bool {
	sum := sha256.Sum256(body)
	_, found := slices.BinarySearch(s.hashes, hex.EncodeToString(sum[:]))
	return found
}
