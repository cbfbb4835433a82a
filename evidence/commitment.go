package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
)

// A commitment hides a field until its salt and value are disclosed, and then allows one value
// only:
//
//	D(f) = SHA-256("headroom-field-v1" ‖ 0 ‖ f ‖ 0 ‖ salt ‖ present ‖ value)
//	C(f) = base64url(D(f))
//	C(f, g) = base64url(SHA-256("headroom-fields-v1" ‖ 0 ‖ D(f) ‖ D(g)))
//
// f is the field's name, present one byte, 0 or 1, and value the field's UTF-8 bytes. Two fields
// that bundles rarely disclose share a commitment, since a commitment is what a bundle is full of:
// who discloses one of the two gives the other's D. The salt keeps values from being guessed. The
// salts of a leaf are the four 16-byte slices, for key, client, source and note in this order, of
// HMAC-SHA-512(K, log id ‖ seq as 8 bytes, big-endian), where K is the salt key that never leaves
// the sender. It fails as a secret where K is known, and as a promise where SHA-256 has collisions.

const (
	commitmentPrefix = "headroom-field-v1\x00"
	pairPrefix       = "headroom-fields-v1\x00"
)

// Field names a field that a leaf commits to.
type Field string

// The fields that may be withheld.
const (
	FieldKey    Field = "key"
	FieldClient Field = "client"
	FieldSource Field = "source"
	FieldNote   Field = "note"
)

// fields are in the order of their salts.
var fields = [...]Field{FieldKey, FieldClient, FieldSource, FieldNote}

// pairOf is the field with which a field shares its commitment; "" where it has its own.
func pairOf(f Field) Field {
	switch f {
	case FieldClient:
		return FieldSource
	case FieldSource:
		return FieldClient
	}
	return ""
}

// saltIndex is the field's place among fields; -1 for no field.
func saltIndex(f Field) int {
	for i, known := range fields {
		if f == known {
			return i
		}
	}
	return -1
}

// Salt hides one field of one leaf.
type Salt [16]byte

// Commitment is C(f): 43 characters of base64url without padding.
type Commitment [43]byte

// UnmarshalText reads a commitment in its one spelling.
func (c *Commitment) UnmarshalText(s []byte) error {
	var sum [sha256.Size]byte
	if len(s) != len(c) {
		return errors.New("is no commitment of 43 characters")
	}
	if _, err := commitmentText.Decode(sum[:], s); err != nil {
		return errors.New("is no commitment in base64url")
	}
	copy(c[:], s)
	return nil
}

// commitmentText is strict: bits that no byte needs must be 0.
var commitmentText = base64.RawURLEncoding.Strict()

// Digest is D(f).
type Digest [sha256.Size]byte

// DigestField gives D(f) of a text, of which "" means absent: that is hidden, too.
func DigestField(f Field, salt Salt, value string) Digest {
	var room [256]byte
	b := append(room[:0], commitmentPrefix...)
	b = append(b, f...)
	b = append(b, 0)
	b = append(b, salt[:]...)
	if value != "" {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = append(b, value...)
	return sha256.Sum256(b)
}

// Commit is C(f).
func (d Digest) Commit() (c Commitment) {
	commitmentText.Encode(c[:], d[:])
	return c
}

// CommitPair is C(f, g).
func CommitPair(f, g Digest) Commitment {
	var room [len(pairPrefix) + 2*sha256.Size]byte
	b := append(room[:0], pairPrefix...)
	b = append(append(b, f[:]...), g[:]...)
	return Digest(sha256.Sum256(b)).Commit()
}

// commitText commits to a text of which "" means absent.
func commitText(f Field, salts *[4]Salt, value string) Commitment {
	return DigestField(f, salts[saltIndex(f)], value).Commit()
}

// commitClientSource commits to what a leaf hides of its client and its source.
func commitClientSource(salts *[4]Salt, client, source string) Commitment {
	return CommitPair(DigestField(FieldClient, salts[saltIndex(FieldClient)], client),
		DigestField(FieldSource, salts[saltIndex(FieldSource)], source))
}

// salter gives the salts of one log's leaves. It is for one goroutine.
type salter struct {
	mac     hash.Hash
	message [len(LogID{}) + 8]byte // the log's id, then seq
	sum     [sha512.Size]byte
}

func newSalter(key SaltKey, log LogID) *salter {
	s := &salter{mac: hmac.New(sha512.New, key[:])}
	copy(s.message[:], log[:])
	return s
}

// salts fills in the salts of the leaf with that seq.
func (s *salter) salts(seq int64, salts *[4]Salt) {
	binary.BigEndian.PutUint64(s.message[len(LogID{}):], uint64(seq))
	s.mac.Reset()
	s.mac.Write(s.message[:])
	sum := s.mac.Sum(s.sum[:0])
	for i := range salts {
		copy(salts[i][:], sum[i*len(Salt{}):])
	}
}
