package evidence

import (
	"bytes"
	"strings"
	"testing"
)

// wrongDisclosures are changes of a disclosed.tsv that discloses key and client of each request.
func wrongDisclosures(text string) map[string]string {
	lines := strings.SplitAfter(text, "\n")
	key, client, source := lines[0], lines[1], lines[2]
	seq, _, _ := strings.Cut(key, "\t")
	rest := strings.TrimPrefix(text, key+client+source)
	digest := strings.Split(source, "\t")[3]
	other := map[byte]string{'0': "1"}[digest[0]]
	if other == "" {
		other = "0"
	}
	return map[string]string{
		"another client":            key + strings.Replace(client, "pull", "push", 1) + source + rest,
		"no source":                 key + client + rest,
		"no client":                 key + source + rest,
		"another source's hash":     key + client + strings.Replace(source, digest, other+digest[1:], 1) + rest,
		"a hash with capitals":      key + client + strings.ToUpper(source) + rest,
		"a hash for the key":        seq + "\tkey\t\t" + digest + client + source + rest,
		"client and source as hash": key + seq + "\tclient\t\t" + digest + source + rest,
		"a field that is none":      key + strings.Replace(client, "client", "clients", 1) + source + rest,
		"an escape that is none":    strings.Replace(key, "call", `c\x61ll`, 1) + client + source + rest,
	}
}

func changeDisclosed(t testing.TB, key *Key, data []byte, text string) []byte {
	t.Helper()
	return reseal(t, key, data, func(name string, data []byte) []byte {
		if name == fileDisclosed {
			return []byte(text)
		}
		return data
	})
}

// Client and source share a commitment: who discloses one of them gives the hash of the other.
func TestDiscloseOneOfTwo(t *testing.T) {
	l := newTestLog(testKey(), LogID{1})
	l.withClient = true
	l.fill(t, 3)
	c := l.contents(testPolicy, testSettings)
	data := write(t, l.key, c)
	r := check(t, data, testOptions())
	if r.Problem != nil {
		t.Fatal(r.Problem)
	}
	leaf := &r.Content.Leaves[0]
	if value, known := leaf.Value(FieldClient); value != "pull" || !known {
		t.Errorf("the client is %q, %v", value, known)
	}
	if value, known := leaf.Value(FieldSource); known {
		t.Errorf("the source is disclosed: %q", value)
	}
	for name, text := range wrongDisclosures(string(disclosedText(c.Disclosed))) {
		r := check(t, changeDisclosed(t, l.key, data, text), testOptions())
		if r.Problem == nil || !strings.Contains(r.Problem.Error(), fileDisclosed) {
			t.Errorf("%s: %v", name, r.Problem)
		}
	}
}

// rawLineBreak gives two bundles of the same text: in one a carriage return is escaped as a leaf
// escapes it, in the other it is not, and all is signed anew.
func rawLineBreak(t testing.TB) (good, raw []byte) {
	t.Helper()
	build := func(version string) *testLog {
		l := newTestLog(testKey(), LogID{1})
		for k := range 2 {
			l.request("call", 200)
			if k == 1 {
				l.add("c1\t5\t9\tstarted\t" + version + "\n")
			}
			l.seal(t, testPolicy, testSettings)
		}
		return l
	}
	escaped, other := build(`v\r1`), build("v\r1")
	good = write(t, escaped.key, escaped.contents(testPolicy, testSettings))
	raw = resealAs(t, good, other)
	return good, raw
}

// A carriage return that is not escaped is a second spelling, even in a log that was sealed with it.
func TestRawLineBreakInABundle(t *testing.T) {
	good, raw := rawLineBreak(t)
	if r := check(t, good, testOptions()); r.Problem != nil {
		t.Error(r.Problem)
	}
	r := check(t, raw, testOptions())
	if r.Problem == nil || !strings.Contains(r.Problem.Error(), "leaves.tsv, line 2 (leaf 5)") {
		t.Errorf("a raw carriage return: %v", r.Problem)
	}
	if bytes.Equal(good, raw) {
		t.Error("both are the same")
	}
}
