package evidence

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"golang.org/x/mod/sumdb/tlog"
)

// respelled are bundles of the very log of which the reader holds a line, each written otherwise
// than headroom writes it, and signed anew. The line alone would make each of them held.
func respelled(t testing.TB) (good []byte, bundles map[string][]byte, held string) {
	t.Helper()
	l := newTestLog(testKey(), LogID{1})
	l.withClient = true
	l.fill(t, 3)
	good = write(t, l.key, l.contents(testPolicy, testSettings))
	held = SealLine(l.heads[1].text)
	bundles = map[string][]byte{}
	swap := func(what, file, old, changed string) {
		t.Helper()
		found := false
		bundles[what] = reseal(t, l.key, good, func(name string, data []byte) []byte {
			if name != file {
				return data
			}
			again := bytes.Replace(data, []byte(old), []byte(changed), 1)
			found = !bytes.Equal(again, data)
			return again
		})
		if !found {
			t.Fatalf("%s: %s does not hold %q", what, file, old)
		}
	}
	content := map[string]string{}
	files, err := readZip(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content[f.name] = string(f.data)
	}
	proof, earlier := earlierName(1, earlierProof), earlierName(1, earlierSeal)
	checkpoint := earlierName(1, earlierCheckpoint)
	swap("a proof of nothing", proof, content[proof], "")
	swap("a line of a proof more", proof, "\n", "\n"+strings.Repeat("A", 43)+"=\n")
	swap("another proof", proof, content[proof][:4], "AAAA")
	swap("text before the key", fileKey, "-----BEGIN", "the sender's key:\n-----BEGIN")
	swap("a key of another kind", fileKey, content[fileKey], otherKind(t))
	swap("another spelling of bundle.json", fileAbout, `"tenant": `, `"tenant":  `)
	swap("a member of bundle.json more", fileAbout, `"tenant": `, "\"note\": \"all was well\",\n  \"tenant\": ")
	swap("an earlier seal that nothing fills", earlier, content[earlier], twoLines(content[earlier], l.heads[0].checkpoint))
	swap("a seal of another order", earlier, content[earlier], turned(content[earlier]))
	swap("another spelling of a seal's time", earlier, "Z\n", ".000Z\n")
	swap("a signature of another key's name", checkpoint, signatureWords(content[checkpoint]), "AAAA"+signatureWords(content[checkpoint])[4:])

	lines := strings.SplitAfter(content[fileDisclosed], "\n")
	swap("a recording key withheld", fileDisclosed, lines[0], "")
	swap("disclosures in another order", fileDisclosed, content[fileDisclosed],
		strings.Join(slices.Concat(lines[3:6], lines[:3], lines[6:]), ""))
	swap("a disclosure twice", fileDisclosed, lines[0], lines[0]+lines[0])
	// The salt, the byte that says present, and the value follow each other in what is hashed.
	parts := strings.Split(strings.TrimSuffix(lines[0], "\n"), "\t")
	swap("a salt without its end", fileDisclosed, lines[0], strings.Replace(lines[0], parts[2], parts[2][:30], 1))

	bundles["files in another order"] = inAnotherOrder(l.key, files)
	for what, change := range map[string]func([]byte){
		"a checksum of something else":   func(h []byte) { h[14-4] ^= 1 },
		"another date":                   func(h []byte) { h[12-4] ^= 2 },
		"a time":                         func(h []byte) { h[10-4] ^= 2 },
		"another version to unpack with": func(h []byte) { h[0] = 45 },
	} {
		bundles[what] = bothHeaders(good, len(files[0].name), change)
	}
	for what, line := range map[string]string{
		"a number in another spelling": "c1\t%d\t09\tstarted\tv\n",
		"a number that is none":        "c1\t%d\t\tstarted\tv\n",
		"a count that is none":         eventWith("all well", "reset"),
		"a number that is too large":   eventWith("9223372036854775808", "reset"),
		"a count in another spelling":  eventWith("+200", "reset"),
		"a time that means nothing":    requestWith(t, "\tstart\t", "\tlater\t"),
		"a flag that is none":          requestWith(t, "\t0\t200000\t", "\tno\t200000\t"),
	} {
		bundles[what] = sealedWith(t, line)
	}
	return good, bundles, held
}

// otherKind is a public key of another kind than all browsers and this package take.
func otherKind(t testing.TB) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// twoLines is a seal's text with the hash of one checkpoint and nothing that fills it.
func twoLines(seal string, signed []byte) string {
	at, _, _ := strings.Cut(seal, "\n")
	return at + "\n" + hexSum(checkpointBody(signed)) + "\n"
}

// turned has the first two hashes of a seal's text in another order.
func turned(seal string) string {
	l := strings.SplitAfter(seal, "\n")
	l[1], l[2] = l[2], l[1]
	return strings.Join(l, "")
}

// signatureWords is the signature of a checkpoint as it is written.
func signatureWords(signed string) string {
	return strings.TrimSuffix(signed[strings.LastIndexByte(signed, ' ')+1:], "\n")
}

func inAnotherOrder(key *Key, files []file) []byte {
	files = slices.Clone(files)
	files[0], files[1] = files[1], files[0]
	n := len(files)
	files[n-2].data = sumsText(files[:n-2])
	files[n-1].data = key.Sign(files[n-2].data)
	for i := range files[n-2:] {
		files[n-2+i].pack()
	}
	return writeZip(files)
}

// bothHeaders changes what the first file's two headers have in common, which begins four bytes
// after the local one does.
func bothHeaders(good []byte, name int, change func(shared []byte)) []byte {
	wrong := bytes.Clone(good)
	change(wrong[4 : 4+26])
	central := bytes.Index(wrong, []byte{'P', 'K', 1, 2})
	copy(wrong[central+6:], wrong[4:4+26])
	return wrong
}

// eventWith is the line of an event, but for its seq.
func eventWith(count, kind string) string {
	note := commitText(FieldNote, &[4]Salt{}, "")
	return "e1\t%d\t9\t" + kind + "\t" + count + "\t0\t" + string(note[:]) + "\n"
}

// requestWith is the line of a request with something changed, but for its seq.
func requestWith(t testing.TB, old, changed string) string {
	l := newTestLog(testKey(), LogID{1})
	l.request("call", 200)
	line := strings.ReplaceAll(string(l.lines[1]), "%", "%%")
	if !strings.Contains(line, old) {
		t.Fatalf("%q is not in %q", old, line)
	}
	return strings.Replace(strings.Replace(line, "r1\t1\t", "r1\t%d\t", 1), old, changed, 1)
}

// sealedWith is a bundle of a log that was sealed with a line which headroom does not write.
func sealedWith(t testing.TB, line string) []byte {
	t.Helper()
	build := func(last string) *testLog {
		l := newTestLog(testKey(), LogID{1})
		for k := range 2 {
			l.request("call", 200)
			if k == 1 {
				l.add(fmt.Sprintf(last, l.peaks.Size))
			}
			l.seal(t, testPolicy, testSettings)
		}
		return l
	}
	plain := build("c1\t%d\t9\tstarted\tv\n")
	good := write(t, plain.key, plain.contents(testPolicy, testSettings))
	return resealAs(t, good, build(line))
}

// resealAs puts the leaves and heads of another log into a bundle, and signs all anew.
func resealAs(t testing.TB, good []byte, other *testLog) []byte {
	t.Helper()
	c := other.contents(testPolicy, testSettings)
	signature, err := RawSignature(c.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	return reseal(t, other.key, good, func(name string, data []byte) []byte {
		switch name {
		case fileLeaves:
			return c.Leaves
		case fileCheckpoint:
			return c.Checkpoint
		case fileCheckpointRaw:
			return checkpointBody(c.Checkpoint)
		case fileCheckpointSig:
			return signature
		case fileSeal:
			return c.Seal
		case earlierName(1, earlierProof):
			return provenProof(t, other)
		}
		return data
	})
}

// provenProof is the proof that a log's head extends its first one.
func provenProof(t testing.TB, l *testLog) []byte {
	t.Helper()
	var hashes []tlog.Hash
	for _, line := range l.lines[l.heads[0].peaks.Size:] {
		hashes = append(hashes, HashLeaf(line))
	}
	r := NewRange(l.heads[0].peaks, hashes)
	proof, err := tlog.ProveTree(l.peaks.Size, l.heads[0].peaks.Size, r)
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, h := range proof {
		text = append(base64.StdEncoding.AppendEncode(text, h[:]), '\n')
	}
	return text
}

// What headroom would not write is altered, whatever the reader holds.
func TestRespelledBundles(t *testing.T) {
	good, bundles, line := respelled(t)
	held, err := ParseAnchor("a mail", []byte(line))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Anchors = []Anchor{held}
	if r := check(t, good, o); r.Grade != Held {
		t.Fatalf("without a change: %v, %v", r.Grade, r.Problem)
	}
	for name, data := range bundles {
		if r := check(t, data, o); r.Problem == nil || r.Grade != Altered {
			t.Errorf("%s: %v", name, r.Grade)
		}
	}
	for name, data := range unusual(t) {
		if r := check(t, data, testOptions()); r.Problem != nil {
			t.Errorf("%s: %v", name, r.Problem)
		}
	}
}

// unusual are bundles as headroom writes them, of logs that hold what few do.
func unusual(t testing.TB) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"the least number":                sealedWith(t, eventWith("-9223372036854775808", "reset")),
		"the largest number":              sealedWith(t, eventWith("9223372036854775807", "reset")),
		"a text like a number too large":  sealedWith(t, eventWith("3", "9999999999999999999")),
		"a number where a text may be":    sealedWith(t, "c1\t%d\t-5\t9223372036854775808\t\n"),
		"a text with escapes and letters": sealedWith(t, "c1\t%d\t5\t\\t\\\\\\xff\t\u00e9\u2028\n"),
	}
}

// onThePage gives what the page says of each bundle: its grade and its steps.
func onThePage(
	t *testing.T, ctx context.Context, bundles map[string][]byte, held string,
) (shown map[string]string) {
	t.Helper()
	given, err := json.Marshal(bundles)
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf(`(async () => {
		const shown = {};
		$("held").value = %q;
		for (const [name, data] of Object.entries(%s)) {
			await run(new Blob([unbase64(data)]));
			shown[name] = $("grade").textContent + ": " + $("steps").textContent;
		}
		return shown;
	})()`, held, given), &shown, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// respelledOnThePage checks that the page says the same of them.
func respelledOnThePage(t *testing.T, ctx context.Context) {
	t.Helper()
	good, bundles, line := respelled(t)
	for name, shown := range onThePage(t, ctx, bundles, line) {
		if !strings.HasPrefix(shown, "altered: ") {
			t.Errorf("%s: %s", name, shown)
		}
	}
	shown := onThePage(t, ctx, map[string][]byte{"without a change": good}, line)
	maps.Copy(shown, onThePage(t, ctx, unusual(t), Fingerprint(testKey().Public())))
	for name := range shown {
		if !strings.HasPrefix(shown[name], "held: ") {
			t.Errorf("%s: %s", name, shown[name])
		}
	}
}
