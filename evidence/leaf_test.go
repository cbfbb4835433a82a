package evidence

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

func testSalts() (salts [4]Salt) {
	var key SaltKey
	copy(key[:], "a salt key of 32 bytes for tests")
	var log LogID
	copy(log[:], "a log of 16 byte")
	newSalter(key, log).salts(7, &salts)
	return salts
}

func testRequest() *Request {
	salts := testSalts()
	skew := int64(-2)
	return &Request{
		StartedAt: 1767225600000000, ResolutionUS: 0, TimeIs: "start", Method: "GET", Origin: "https://acme.example",
		Template: "/recording/{+id}", Status: 200, ResponseBytes: 123456, RequestBytes: 0, CutShort: true, DurationUS: 1500,
		FirstByteUS: 300, RetryAfterS: 0, SourceKind: "transport", Params: "00112233445566778899aabbccddeeff",
		VendorID: "id\twith\\ \xff and é\n", DateSkewS: &skew, Key: commitText(FieldKey, &salts, "call-1"),
		ClientSource: commitClientSource(&salts, "", "nightly"), Query: "a=b&c=d",
	}
}

// The golden lines are computed by hand: another program that follows the format gets the same.
func TestLeafGolden(t *testing.T) {
	salts := testSalts()
	if got := hex.EncodeToString(salts[0][:]); got != goldenSalt {
		t.Errorf("salt of key is %s", got)
	}
	for _, c := range []struct{ name, got, want string }{
		{"request", string(AppendRequest(nil, 7, testRequest())), goldenRequest},
		{"tenant", TenantLine("acme", 3, 5, "SHA256:ab"), "t1\t0\tacme\t3\t5\tSHA256:ab\n"},
		{"event", string(AppendEvent(nil, 1, &Event{At: 9, Kind: "reset", Note: commitText(FieldNote, &salts, "ticket 1")})), goldenEvent},
		{"capture", CaptureLine(2, 9, "started", "v1"), "c1\t2\t9\tstarted\tv1\n"},
		{"settings", SettingsLine(4, 9, "ab", "cd"), "s1\t4\t9\tab\tcd\n"},
		{"prune", PruneLine(5, 9, 8, 3, 100), "p1\t5\t9\t8\t3\t100\n"},
		{"night", NightLine(5, 9, 8, 3, 1, 100), "n1\t5\t9\t8\t3\t1\t100\n"},
		{"seal", SealLeaf(6, 9), "k1\t6\t9\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q\nwant %q", c.name, c.got, c.want)
		}
	}
}

func TestParseLeafGivesBackTheRequest(t *testing.T) {
	want := testRequest()
	leaf, err := ParseLeaf(AppendRequest(nil, 7, want))
	if err != nil {
		t.Fatal(err)
	}
	if leaf.Seq != 7 || leaf.Time != want.StartedAt || !reflect.DeepEqual(leaf.Request, want) {
		t.Errorf("got %+v, want %+v", leaf.Request, want)
	}
}

func TestParseLeafRefusesOtherSpellings(t *testing.T) {
	line := string(AppendRequest(nil, 7, testRequest()))
	for name, wrong := range map[string]string{
		"no line feed":       strings.TrimSuffix(line, "\n"),
		"unknown kind":       "z1\t0\n",
		"a field less":       strings.Replace(line, "GET\t", "", 1),
		"leading zero":       strings.Replace(line, "r1\t7", "r1\t07", 1),
		"negative seq":       strings.Replace(line, "r1\t7", "r1\t-7", 1),
		"unknown time":       strings.Replace(line, "\tstart\t", "\tmiddle\t", 1),
		"escaped letter":     strings.Replace(line, "GET", `\x47ET`, 1),
		"raw byte":           strings.Replace(line, "GET", "G\xffT", 1),
		"unknown escape":     strings.Replace(line, "GET", `G\qT`, 1),
		"short commitment":   strings.Replace(line, goldenCommitment, goldenCommitment[1:], 1),
		"commitment's spare": strings.Replace(line, goldenCommitment, goldenCommitment[:42]+"9", 1),
		"half a flag":        strings.Replace(line, "\t0\t1\t1500", "\t0\t2\t1500", 1),
		"an empty line":      "\n",
	} {
		if wrong == line {
			t.Fatalf("%s: the line is not wrong", name)
		}
		if _, err := ParseLeaf([]byte(wrong)); err == nil {
			t.Errorf("%s: accepted %q", name, wrong)
		}
	}
}

func TestCommitmentHidesPresence(t *testing.T) {
	salts := testSalts()
	absent, one := commitText(FieldKey, &salts, ""), commitText(FieldKey, &salts, "\x01")
	if absent == one || len(absent) != len(one) {
		t.Error("an absent field is told from one that is there")
	}
	if DigestField(FieldKey, salts[0], "a") == DigestField(FieldClient, salts[0], "a") {
		t.Error("fields are not told apart")
	}
	client, source := DigestField(FieldClient, salts[1], "a"), DigestField(FieldSource, salts[2], "b")
	if CommitPair(client, source) == CommitPair(source, client) || CommitPair(client, source) == client.Commit() {
		t.Error("the fields of a pair are not told apart")
	}
}

// spell writes a parsed leaf again.
func spell(l *Leaf) []byte {
	switch {
	case l.Request != nil:
		return AppendRequest(nil, l.Seq, l.Request)
	case l.Event != nil:
		return AppendEvent(nil, l.Seq, l.Event)
	case l.Recording != nil:
		return AppendRecording(nil, l.Seq, l.Recording)
	}
	b := appendHead(nil, l.Kind, l.Seq)
	for _, f := range l.Fields {
		b = appendText(b, f)
	}
	return append(b, '\n')
}

func FuzzParseLeaf(f *testing.F) {
	f.Add(AppendRequest(nil, 7, testRequest()))
	f.Add([]byte(goldenEvent))
	f.Add([]byte("k1\t6\t9\n"))
	f.Add([]byte("c1\t2\t9\ta\\t\\x80\tv1\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		leaf, err := ParseLeaf(line)
		if err != nil {
			return
		}
		if again := spell(leaf); !bytes.Equal(again, line) {
			t.Fatalf("%q is spelled again as %q", line, again)
		}
	})
}
