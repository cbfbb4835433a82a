package evidence

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
)

// SaltKey is the secret from which all salts come.
type SaltKey [32]byte

// Key signs checkpoints and makes salts. It lies in a file outside the database, so that a copy of
// the database alone can neither sign nor tell what was withheld.
type Key struct {
	private ed25519.PrivateKey
	salt    SaltKey
}

const (
	keyHeader   = "headroom evidence key 1"
	keyFileMode = 0o600
	keyFileMax  = 4096
)

// ErrKeyFile is matched by errors about the key's file: missing, of another form, or open to
// others.
var ErrKeyFile = errors.New("no usable key file")

// NewKey makes a key.
func NewKey() *Key {
	var seed [ed25519.SeedSize]byte
	k := new(Key)
	rand.Read(seed[:]) // never fails: crypto/rand
	rand.Read(k.salt[:])
	k.private = ed25519.NewKeyFromSeed(seed[:])
	return k
}

// Public is the key that others check signatures with.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// DefaultKeyFile is where the key lies unless the user names another file: in the user's
// configuration folder.
func DefaultKeyFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for the key: %w; name a file with --key", err)
	}
	return filepath.Join(dir, "headroom", "evidence.key"), nil
}

// LoadKey reads the key in the named file. Its errors match ErrKeyFile, and fs.ErrNotExist where
// there is no file.
func LoadKey(name string) (*Key, error) {
	k, err := loadKey(name)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", pathname.Quote(name), errors.Join(ErrKeyFile, err))
	}
	return k, nil
}

func loadKey(name string) (*Key, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, reason(err)
	}
	switch {
	case !st.Mode().IsRegular():
		return nil, errors.New("it is no plain file")
	case st.Mode().Perm()&0o077 != 0 && filePermissions:
		return nil, fmt.Errorf(
			"others can read it (mode %04o): a key that others know proves nothing; \"chmod 600\" it, or make a new one",
			st.Mode().Perm())
	case st.Size() > keyFileMax:
		return nil, errors.New("it is no key of headroom's")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, reason(err)
	}
	return parseKey(string(data))
}

// reason drops the file's name, which the caller says.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func parseKey(text string) (*Key, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != keyHeader || lines[3] != "" {
		return nil, errors.New("it is no key of headroom's")
	}
	k := new(Key)
	var seed [ed25519.SeedSize]byte
	for i, part := range []struct {
		name string
		to   []byte
	}{{"ed25519 ", seed[:]}, {"salt ", k.salt[:]}} {
		value, found := strings.CutPrefix(lines[i+1], part.name)
		b, err := base64.StdEncoding.DecodeString(value)
		if !found || err != nil || len(b) != len(part.to) {
			return nil, fmt.Errorf("line %d is no %skey", i+2, part.name)
		}
		copy(part.to, b)
	}
	k.private = ed25519.NewKeyFromSeed(seed[:])
	return k, nil
}

func (k *Key) text() string {
	return keyHeader + "\ned25519 " + base64.StdEncoding.EncodeToString(k.private.Seed()) +
		"\nsalt " + base64.StdEncoding.EncodeToString(k.salt[:]) + "\n"
}

// LoadOrCreateKey reads the key, or makes one where there is no file; created says so. Of two
// processes that make it at once, both get the one that stayed.
func LoadOrCreateKey(name string) (k *Key, created bool, err error) {
	k, err = LoadKey(name)
	if !errors.Is(err, fs.ErrNotExist) {
		safefile.Sweep(name) // a process that was killed may have left a key beside this one
		return k, false, err
	}
	k = NewKey()
	switch err = k.create(name); {
	case errors.Is(err, fs.ErrExist):
		k, err = LoadKey(name)
		return k, false, err
	case err != nil:
		return nil, false, fmt.Errorf("make key: %w", errors.Join(ErrKeyFile, err))
	}
	return k, true, nil
}

// create makes the key's file, which is never seen half-written nor replaces another.
func (k *Key) create(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return safefile.Make(name, keyFileMode, func(w io.Writer) error {
		_, err := io.WriteString(w, k.text())
		return err
	})
}

// Fingerprint identifies a public key: "SHA256:" and the hex digits of the SHA-256 of its
// SubjectPublicKeyInfo, which is what "openssl pkey -pubin -in key.pem -outform DER | sha256sum"
// prints.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(publicDER(public))
	return "SHA256:" + hex.EncodeToString(sum[:])
}

// PublicPEM is the public key as openssl reads it.
func PublicPEM(public ed25519.PublicKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER(public)})
}

// ParsePublicPEM reads what PublicPEM wrote, in that spelling only.
func ParsePublicPEM(text []byte) (ed25519.PublicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" || len(block.Headers) > 0 || len(rest) > 0 {
		return nil, errors.New("is no public key in PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is no public key in PEM")
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok || string(PublicPEM(public)) != string(text) {
		return nil, errors.New("is no Ed25519 key in its one spelling")
	}
	return public, nil
}

func publicDER(public ed25519.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // no Ed25519 key fails
	}
	return der
}
