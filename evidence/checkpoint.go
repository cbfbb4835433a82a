package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A checkpoint is the signed head of a log, in the C2SP tlog-checkpoint format: a signed note whose
// text is three lines,
//
//	github.com/6dcca832/headroom/<log id, 32 hex digits>
//	<how many leaves>
//	<root hash, base64>
//
// and whose one signature is Ed25519 over that text, by a key whose name is the first line.

const originPrefix = "github.com/6dcca832/headroom/"

// LogID tells one tenant's log from all others. It is random, so that it says nothing of the
// tenant.
type LogID [16]byte

// NewLogID makes one.
func NewLogID() (id LogID) {
	rand.Read(id[:]) // never fails: crypto/rand
	return id
}

// Origin is the log's name in its checkpoints.
func (id LogID) Origin() string { return originPrefix + hex.EncodeToString(id[:]) }

func parseOrigin(s string) (id LogID, err error) {
	digits, found := strings.CutPrefix(s, originPrefix)
	b, err := hex.DecodeString(digits)
	if !found || err != nil || len(b) != len(id) || strings.ToLower(digits) != digits {
		return id, errors.New("its first line is no log of headroom's")
	}
	return LogID(b), nil
}

// Checkpoint is a log's head: so many leaves, and the hash of all of them.
type Checkpoint struct {
	Log  LogID
	Size int64
	Root tlog.Hash
}

// Body is the text that is signed, its last LF included.
func (c *Checkpoint) Body() []byte {
	return fmt.Appendf(nil, "%s\n%d\n%s\n", c.Log.Origin(), c.Size,
		base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseBody reads a checkpoint's text in its one spelling.
func ParseBody(body []byte) (c Checkpoint, err error) {
	lines := strings.Split(string(body), "\n")
	if len(lines) != 4 || lines[3] != "" {
		return c, errors.New("checkpoint is not three lines")
	}
	if c.Log, err = parseOrigin(lines[0]); err != nil {
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 1 ||
		strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, errors.New("checkpoint: its second line is no size")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return c, errors.New("checkpoint: its third line is no hash")
	}
	c.Root = tlog.Hash(root)
	return c, nil
}

// SignCheckpoint gives the signed note.
func (k *Key) SignCheckpoint(c *Checkpoint) ([]byte, error) {
	signer, err := note.NewSigner(k.noteKey(c.Log.Origin()))
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return note.Sign(&note.Note{Text: string(c.Body())}, signer)
}

// noteKey is the key in the form that package note reads.
func (k *Key) noteKey(name string) string {
	const algorithmEd25519 = 1
	public := append([]byte{algorithmEd25519}, k.Public()...)
	sum := sha256.Sum256(append([]byte(name+"\n"), public...))
	secret := append([]byte{algorithmEd25519}, k.private.Seed()...)
	return fmt.Sprintf("PRIVATE+KEY+%s+%x+%s", name, sum[:4],
		base64.StdEncoding.EncodeToString(secret))
}

// OpenCheckpoint reads a signed note and checks its signature. The note must be spelled as
// SignCheckpoint spells it.
func OpenCheckpoint(signed []byte, public ed25519.PublicKey) (c Checkpoint, err error) {
	body, _, found := bytes.Cut(signed, []byte("\n\n"))
	if !found {
		return c, errors.New("checkpoint is not signed")
	}
	if c, err = ParseBody(append(bytes.Clone(body), '\n')); err != nil {
		return c, err
	}
	text, err := note.NewEd25519VerifierKey(c.Log.Origin(), public)
	if err != nil {
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	verifier, err := note.NewVerifier(text)
	if err != nil {
		return c, fmt.Errorf("checkpoint: %w", err)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) > 0 {
		return c, errors.New("checkpoint: its signature is not by this key")
	}
	sig, err := base64.StdEncoding.DecodeString(n.Sigs[0].Base64)
	if err != nil || !bytes.Equal(signed, formatNote(c.Body(), n.Sigs[0].Name, sig)) {
		return c, errors.New("checkpoint is not spelled as headroom spells it")
	}
	return c, nil
}

// formatNote is the note with its one signature, the key's 4-byte hash first.
func formatNote(body []byte, name string, sig []byte) []byte {
	return fmt.Appendf(nil, "%s\n— %s %s\n", body, name, base64.StdEncoding.EncodeToString(sig))
}

// RawSignature is the 64 bytes that sign the checkpoint's body, as openssl checks them.
func RawSignature(signed []byte) ([]byte, error) {
	i := bytes.LastIndexByte(bytes.TrimSuffix(signed, []byte("\n")), ' ')
	sig, err := base64.StdEncoding.DecodeString(string(bytes.TrimSuffix(signed[i+1:], []byte("\n"))))
	if err != nil || len(sig) != 4+ed25519.SignatureSize {
		return nil, errors.New("checkpoint has no Ed25519 signature")
	}
	return sig[4:], nil
}

// Sign signs any bytes, as "openssl pkeyutl -verify -rawin" checks them.
func (k *Key) Sign(message []byte) []byte { return ed25519.Sign(k.private, message) }
