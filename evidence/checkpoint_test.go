package evidence

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// testKey is the same in every run.
func testKey() *Key {
	k := &Key{private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
	copy(k.salt[:], "a salt key of 32 bytes for tests")
	return k
}

func testCheckpoint(t testing.TB) ([]byte, Checkpoint) {
	t.Helper()
	c := Checkpoint{Log: LogID(bytes.Repeat([]byte{0xab}, 16)), Size: 42, Root: HashLeaf([]byte("x"))}
	signed, err := testKey().SignCheckpoint(&c)
	if err != nil {
		t.Fatal(err)
	}
	return signed, c
}

func TestCheckpoint(t *testing.T) {
	signed, want := testCheckpoint(t)
	got, err := OpenCheckpoint(signed, testKey().Public())
	if err != nil || got != want {
		t.Fatalf("got %+v, %v; want %+v", got, err, want)
	}
	const golden = "github.com/6dcca832/headroom/abababababababababababababababab\n42\n" +
		"PH6byTDck/AfppmF7yQtn56GHzxTVaokzl70tLinDMs=\n"
	if string(want.Body()) != golden {
		t.Errorf("body is %q", want.Body())
	}
	sig, err := RawSignature(signed)
	if err != nil || !ed25519.Verify(testKey().Public(), want.Body(), sig) {
		t.Errorf("the raw signature does not sign the body: %v", err)
	}
	if _, err := OpenCheckpoint(signed, NewKey().Public()); err == nil {
		t.Error("another key's signature is accepted")
	}
}

// No byte of a checkpoint can be another one.
func TestCheckpointHasOneSpelling(t *testing.T) {
	signed, _ := testCheckpoint(t)
	for i := range signed {
		for _, flip := range []byte{1, 0x20, 0x80} {
			wrong := bytes.Clone(signed)
			wrong[i] ^= flip
			if _, err := OpenCheckpoint(wrong, testKey().Public()); err == nil {
				t.Fatalf("byte %d may be %q", i, wrong[i])
			}
		}
	}
	for _, wrong := range []string{"", "\n\n", string(signed) + "\n", string(signed[:len(signed)-1]), string(signed) + string(signed)} {
		if _, err := OpenCheckpoint([]byte(wrong), testKey().Public()); err == nil {
			t.Errorf("accepted %q", wrong)
		}
	}
}

func FuzzOpenCheckpoint(f *testing.F) {
	signed, _ := testCheckpoint(f)
	f.Add(signed)
	f.Add([]byte("github.com/6dcca832/headroom/ab\n1\nAA==\n\n— a b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := OpenCheckpoint(text, testKey().Public()); err == nil && !bytes.Equal(text, signed) {
			t.Fatalf("accepted %q", text)
		}
		_, _ = RawSignature(text)
		_, _ = ParseBody(text)
	})
}

func TestKeyFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "folder", "evidence.key")
	if _, err := LoadKey(name); !errors.Is(err, ErrKeyFile) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	keys := make([]*Key, 8)
	var wait sync.WaitGroup
	for i := range keys {
		wait.Go(func() { keys[i], _, _ = LoadOrCreateKey(name) })
	}
	wait.Wait()
	for _, k := range keys {
		if k == nil || !k.Public().Equal(keys[0].Public()) || k.salt != keys[0].salt {
			t.Fatal("two that make the key at once get two keys")
		}
	}
	st, err := os.Stat(name)
	if err != nil || filePermissions && st.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", st.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Errorf("leaves %d files", len(left))
	}
}

func TestKeyFileRefused(t *testing.T) {
	name := filepath.Join(t.TempDir(), "evidence.key")
	good := testKey().text()
	for what, text := range map[string]string{
		"empty": "", "another header": "x" + good, "a line more": good + "\n", "a short seed": strings.Replace(good, "BwcHBwcH", "", 1),
		"no base64": strings.Replace(good, "ed25519 B", "ed25519 !", 1), "parts swapped": strings.Replace(good, "salt", "pepper", 1),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(name); !errors.Is(err, ErrKeyFile) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !filePermissions {
		return
	}
	if err := errors.Join(os.WriteFile(name, []byte(good), 0o600), os.Chmod(name, 0o640)); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(name); err == nil || !strings.Contains(err.Error(), "others can read it") {
		t.Errorf("a key that a group can read: %v", err)
	}
}

func TestPublicPEM(t *testing.T) {
	text := PublicPEM(testKey().Public())
	got, err := ParsePublicPEM(text)
	if err != nil || !got.Equal(testKey().Public()) {
		t.Fatal(err)
	}
	for i := range text {
		wrong := bytes.Clone(text)
		wrong[i] ^= 4
		if key, err := ParsePublicPEM(wrong); err == nil && key.Equal(got) {
			t.Fatalf("byte %d may be another", i)
		}
	}
}

func TestSealLine(t *testing.T) {
	_, c := testCheckpoint(t)
	other := c
	other.Size++
	bodies := [][]byte{c.Body(), other.Body()}
	text := SealText(1764000000000000, bodies, Pad{1})
	if n := bytes.Count(text, []byte("\n")); n != 1+minSealHashes {
		t.Errorf("%d lines for two logs", n)
	}
	s, err := parseSealText(text)
	if err != nil || !s.holds(c.Body()) || !s.holds(other.Body()) {
		t.Fatalf("the seal does not hold its logs: %v", err)
	}
	other.Size++
	if s.holds(other.Body()) {
		t.Error("the seal holds a log that it does not cover")
	}
	line := SealLine(text)
	if !strings.HasPrefix(line, "headroom seal 2025-11-24T16:00:00Z sha256:") {
		t.Errorf("line is %q", line)
	}
	held, err := ParseSealLine(" " + line + "\n")
	if err != nil || held.At != 1764000000000000 {
		t.Errorf("held %+v, %v", held, err)
	}
	for _, wrong := range []string{"", "headroom seal", line[:len(line)-1], strings.Replace(line, "Z", "", 1)} {
		if _, err := ParseSealLine(wrong); err == nil {
			t.Errorf("accepted %q", wrong)
		}
	}
	var many [][]byte
	for i := range 65 {
		c.Size = int64(i) + 1
		many = append(many, c.Body())
	}
	if n := bytes.Count(SealText(0, many, Pad{}), []byte("\n")); n != 1+128 {
		t.Errorf("%d lines for 65 logs", n)
	}
}

func FuzzParseSealText(f *testing.F) {
	f.Add(SealText(1764000000000000, nil, Pad{}))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseSealText(text)
		if err == nil && string(text) != sealTime(s.at)+"\n"+strings.Join(s.hashes, "\n")+"\n" {
			t.Fatalf("accepted %q", text)
		}
	})
}
