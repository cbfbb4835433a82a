package evidence

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"testing"
)

// doctored are two logs with the same id and key that differ in one request, honest the one of which
// the reader holds something.
func doctored(t testing.TB) (honest, forged *testLog) {
	t.Helper()
	honest, forged = newTestLog(testKey(), LogID{1}), newTestLog(testKey(), LogID{1})
	for k := range 3 {
		status := int64(200)
		if k == 1 {
			status = 429
		}
		honest.request("call", status)
		forged.request("call", 200)
		honest.seal(t, testPolicy, testSettings)
		forged.seal(t, testPolicy, testSettings)
	}
	return honest, forged
}

// forgedBundles are bundles that a sender who owns the key signed anew, or that somebody packed
// anew. None of them may hold, whatever the reader holds: held is a line of the honest log.
func forgedBundles(t testing.TB) (bundles map[string][]byte, held string) {
	t.Helper()
	honest, forged := doctored(t)
	data := write(t, forged.key, forged.contents(testPolicy, testSettings))
	set := func(contents map[string][]byte) []byte {
		return reseal(t, forged.key, data, func(name string, data []byte) []byte {
			if content, found := contents[name]; found {
				return content
			}
			return data
		})
	}
	files, err := readZip(data)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for i := range files {
		content[files[i].name] = files[i].data
	}
	seal, checkpoint := earlierName(2, earlierSeal), earlierName(2, earlierCheckpoint)
	old := honest.heads[1]
	bundles = map[string][]byte{
		"an honest seal that covers another head":    set(map[string][]byte{seal: old.text}),
		"an honest seal and head of another history": set(map[string][]byte{seal: old.text, checkpoint: old.checkpoint}),
		"an honest newest seal":                      set(map[string][]byte{fileSeal: honest.heads[2].text}),
		"a head that nobody signed":                  set(map[string][]byte{checkpoint: bytes.Replace(forged.heads[1].checkpoint, []byte("\n\n\u2014 "), []byte("\n\n\u2014 x"), 1)}),
		"two seals in another order": set(map[string][]byte{
			earlierName(1, earlierSeal): content[seal], seal: content[earlierName(1, earlierSeal)],
			earlierName(1, earlierCheckpoint): content[checkpoint], checkpoint: content[earlierName(1, earlierCheckpoint)],
			earlierName(1, earlierProof): content[earlierName(2, earlierProof)], earlierName(2, earlierProof): content[earlierName(1, earlierProof)],
		}),
		"text below the leaves":  set(map[string][]byte{fileLeaves: append(bytes.Clone(content[fileLeaves]), "all was well"...)}),
		"text below the values":  set(map[string][]byte{fileDisclosed: append(bytes.Clone(content[fileDisclosed]), "all was well"...)}),
		"text below the range":   set(map[string][]byte{fileRange: append(bytes.Clone(content[fileRange]), "00"...)}),
		"no leaves":              set(map[string][]byte{fileLeaves: nil}),
		"a leaf twice":           set(map[string][]byte{fileLeaves: append(bytes.Clone(firstLine(content[fileLeaves])), content[fileLeaves]...)}),
		"a leaf less":            set(map[string][]byte{fileLeaves: content[fileLeaves][len(firstLine(content[fileLeaves])):]}),
		"a signature of nothing": set(map[string][]byte{fileCheckpointSig: make([]byte, 64)}),
	}
	for name, wrong := range packedAnew(files) {
		bundles[name] = wrong
	}
	return bundles, SealLine(old.text)
}

func firstLine(text []byte) []byte { return text[:bytes.IndexByte(text, '\n')+1] }

// packedAnew are ZIP files with the same files in another form, or with some more.
func packedAnew(files []file) map[string][]byte {
	good := writeZip(files)
	more := func(name string, data []byte) []byte {
		f := file{name: name, data: data}
		f.pack()
		return writeZip(append(files[:len(files):len(files)], f))
	}
	change := func(at int, b ...byte) []byte {
		wrong := bytes.Clone(good)
		copy(wrong[at:], b)
		return wrong
	}
	directory := int(binary.LittleEndian.Uint32(good[len(good)-6:]))
	bomb := file{name: "earlier/9.proof", data: make([]byte, 2<<20)}
	bomb.pack()
	bomb.size = 64
	again := append(files[:len(files):len(files)], files[0])
	return map[string][]byte{
		"a file more":                          more("READ-ME-FIRST.txt", []byte("the other files are wrong")),
		"a file whose name looks like another": more("TICKET.m\u0501", []byte("all was well")),
		"a file in a folder above":             more("../TICKET.md", []byte("all was well")),
		"a file that turns its name around":    more("\u202edm.TEKCIT", []byte("all was well")),
		"a file twice":                         writeZip(again),
		"another name in the directory":        change(directory+centralHeaderSize, 't'),
		"a file's place in the directory":      change(directory+42, 1),
		"a file of a link's kind":              change(directory+38, 0, 0, 0xff, 0xa1),
		"a flag":                               change(6, 8),
		"bytes after the end":                  append(bytes.Clone(good), "PK"...),
		"bytes before the directory":           append(append(bytes.Clone(good[:directory]), "hidden"...), good[directory:]...),
		"cut short":                            good[:len(good)-1],
		"no directory":                         good[:directory],
		"a file larger than it says":           writeZip(append(files[:len(files):len(files)], bomb)),
	}
}

func TestForgedBundles(t *testing.T) {
	bundles, line := forgedBundles(t)
	held, err := ParseAnchor("a mail", []byte(line))
	if err != nil {
		t.Fatal(err)
	}
	_, forged := doctored(t)
	good := write(t, forged.key, forged.contents(testPolicy, testSettings))
	if r := check(t, good, testOptions()); r.Grade != SelfSigned {
		t.Fatalf("without a change: %v, %v", r.Grade, r.Problem)
	}
	o := testOptions()
	o.Anchors = []Anchor{held}
	bundles["as it is, against what is held"] = good
	for name, data := range bundles {
		if r := check(t, data, o); r.Problem == nil || r.Grade != Altered {
			t.Errorf("%s: %v", name, r.Grade)
		}
	}
}

// A bundle that the reader got before tells whether a later one is of the same history.
func TestBundleAgainstAnEarlierBundle(t *testing.T) {
	honest, forged := doctored(t)
	earlier, err := ParseAnchor("earlier.zip", write(t, honest.key, honest.contents(testPolicy, testSettings)))
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Anchors = []Anchor{earlier}
	r := check(t, write(t, forged.key, forged.contents(testPolicy, testSettings)), o)
	if r.Grade != Altered || !strings.Contains(r.Problem.Error(), "earlier.zip: contradicts the leaves") {
		t.Errorf("a fork: %v, %v", r.Grade, r.Problem)
	}
	honest.request("call", 200)
	honest.seal(t, testPolicy, testSettings)
	later := write(t, honest.key, honest.contents(testPolicy, testSettings))
	if r := check(t, later, o); r.Grade != Held || len(r.Notes) != 1 {
		t.Errorf("the same log, later: %v, %v, %q", r.Grade, r.Problem, r.Notes)
	}
	if _, err := ParseAnchor("earlier.zip", later[:len(later)-1]); err == nil {
		t.Error("an altered bundle is held")
	}
}

// forgedOnThePage checks that the page finds each of them, too, and shows hostile words as words.
func forgedOnThePage(t *testing.T, ctx context.Context) {
	t.Helper()
	bundles, line := forgedBundles(t)
	shown := onThePage(t, ctx, bundles, line)
	for name := range bundles {
		if !strings.HasPrefix(shown[name], "altered: ") {
			t.Errorf("%s: %s", name, shown[name])
		}
	}
	honest, forged := doctored(t)
	data := write(t, forged.key, forged.contents(testPolicy, testSettings))
	one := strings.Join(strings.Fields(string(honest.heads[1].checkpoint)), " ")
	for held, says := range map[string]string{
		line: "is another one", one: "contradicts the leaves", Fingerprint(NewKey().Public()): "another key",
		"headroom seal 2026-01-01T00:02:00Z sha256:" + strings.Repeat("0", 64): "was not sealed",
	} {
		if grade, steps := dropped(t, ctx, data, held); grade != "altered" || !strings.Contains(steps, says) {
			t.Errorf("against %q: %s\n%s", held, grade, steps)
		}
	}
	// The first head is the same in both histories: it is held, and says nothing of what came later.
	grade, steps := dropped(t, ctx, data, SealLine(honest.heads[0].text))
	if grade != "held" || !strings.Contains(steps, "covers the first 4 leaves of the log; 2 rows after them are no better than self-signed") {
		t.Errorf("against the first head: %s\n%s", grade, steps)
	}
	hostile := "</pre><img src=x onerror=\"document.title='broken out'\"><script>document.title='broken out'</script>\u202e<b id=grade>held</b>"
	c := forged.contents(testPolicy, testSettings)
	data, err := forged.key.WriteBundle(c, func(c *Content) (Pages, error) {
		p, err := testRender(c)
		p.Ticket = []byte(hostile)
		return p, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, bundle := range map[string][]byte{
		"self-signed": data,
		"altered":     packedAnew([]file{{name: hostile}})["a file more"],
	} {
		if grade, steps := dropped(t, ctx, bundle, hostile); grade != what {
			t.Errorf("hostile words: %s\n%s", grade, steps)
		}
		if title := evaluated(t, ctx, "document.title + document.querySelectorAll('img, b').length"); title != "headroom: check a bundle0" {
			t.Errorf("hostile words are not shown as words: %q", title)
		}
	}
}
