package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

const testProgram = "v0-test"

// testLog is a log that grows in memory.
type testLog struct {
	key    *Key
	id     LogID
	peaks  Peaks
	lines  [][]byte
	values []Disclosure
	heads  []testHead
	at     int64

	withClient bool // disclose the client of each request
}

// testHead is a seal of a testLog.
type testHead struct {
	peaks      Peaks
	checkpoint []byte
	text       []byte
}

func newTestLog(key *Key, id LogID) *testLog {
	l := &testLog{key: key, id: id, at: 1767225600_000000}
	l.add(TenantLine("acme", 3, l.at, Fingerprint(key.Public())))
	return l
}

func (l *testLog) add(line string) {
	l.lines = append(l.lines, []byte(line))
	l.peaks.Add(HashLeaf([]byte(line)))
}

func (l *testLog) request(recording string, status int64) {
	var salts [4]Salt
	newSalter(l.key.salt, l.id).salts(l.peaks.Size, &salts)
	l.at += 4_000000
	r := &Request{StartedAt: l.at, TimeIs: "start", Method: "GET", Origin: "https://acme.example", Template: "/recording/{+id}",
		Status: status, ResponseBytes: 1000 + l.at%977, DurationUS: 200_000, SourceKind: "transport",
		VendorID: fmt.Sprintf("v-%d", l.at), Key: commitText(FieldKey, &salts, recording),
		ClientSource: commitClientSource(&salts, "pull", "nightly")}
	l.values = append(l.values, Disclosure{Seq: l.peaks.Size, Field: FieldKey, Salt: salts[0], Value: recording})
	if l.withClient {
		source := DigestField(FieldSource, salts[2], "nightly")
		l.values = append(l.values, Disclosure{Seq: l.peaks.Size, Field: FieldClient, Salt: salts[1], Value: "pull"},
			Disclosure{Seq: l.peaks.Size, Field: FieldSource, Withheld: &source})
	}
	l.add(string(AppendRequest(nil, l.peaks.Size, r)))
}

func (l *testLog) seal(t testing.TB, policy, settings string) {
	t.Helper()
	l.at += 60_000000
	l.add(SettingsLine(l.peaks.Size, l.at, hexSum([]byte(policy)), hexSum([]byte(settings))))
	l.add(SealLeaf(l.peaks.Size, l.at))
	c := Checkpoint{Log: l.id, Size: l.peaks.Size, Root: l.peaks.Root()}
	signed, err := l.key.SignCheckpoint(&c)
	if err != nil {
		t.Fatal(err)
	}
	peaks, err := NewPeaks(l.peaks.Size, l.peaks.Hashes)
	if err != nil {
		t.Fatal(err)
	}
	l.heads = append(l.heads, testHead{peaks, signed, SealText(l.at, [][]byte{c.Body()}, Pad{9})})
}

// contents is a bundle from the first head on.
func (l *testLog) contents(policy, settings string) *Contents {
	first, last := l.heads[0], l.heads[len(l.heads)-1]
	c := &Contents{
		About:  About{Tenant: "acme", Since: "2026-01-01T00:00:00Z", Until: "2026-01-02T00:00:00Z", AsOf: "2026-01-02T00:00:00Z", Program: testProgram},
		Before: first.peaks, Leaves: bytes.Join(l.lines[first.peaks.Size:], nil), Checkpoint: last.checkpoint, Seal: last.text,
		Policy: []byte(policy), Settings: []byte(settings),
	}
	for _, h := range l.heads[:len(l.heads)-1] {
		c.Earlier = append(c.Earlier, Earlier{Checkpoint: h.checkpoint, Seal: h.text})
	}
	for _, d := range l.values {
		if d.Seq >= first.peaks.Size {
			c.Disclosed = append(c.Disclosed, d)
		}
	}
	return c
}

const (
	testPolicy   = "name = \"test\"\n"
	testSettings = "[tenants.acme]\ncap = \"1 GB\"\n"
)

// sampleLog has three seals, with n requests before each.
func sampleLog(t testing.TB, key *Key, id LogID, n int) *testLog {
	t.Helper()
	l := newTestLog(key, id)
	l.fill(t, n)
	return l
}

func (l *testLog) fill(t testing.TB, n int) {
	t.Helper()
	for k := range 3 {
		for i := range n {
			l.request(fmt.Sprintf("call-%d", k*n+i), 200)
		}
		l.seal(t, testPolicy, testSettings)
	}
}

// testRender gives pages that depend on the leaves.
func testRender(c *Content) (Pages, error) {
	text := fmt.Appendf(nil, "%d leaves of %s under %s and %s\n", len(c.Leaves), c.About.Tenant, c.Policy, c.Settings)
	return Pages{Ticket: append([]byte("# ticket\n"), text...), Report: append([]byte("<!doctype html>"), text...), Audit: text, Requests: RequestsCSV(c, nil)}, nil
}

func write(t testing.TB, key *Key, c *Contents) []byte {
	t.Helper()
	data, err := key.WriteBundle(c, testRender)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func testOptions() CheckOptions { return CheckOptions{Render: testRender, Program: testProgram} }

func check(t testing.TB, data []byte, o CheckOptions) *Result {
	t.Helper()
	b, err := OpenBundle(data)
	if err != nil {
		return &Result{Problem: err}
	}
	return b.Check(o)
}

func TestBundle(t *testing.T) {
	l := sampleLog(t, testKey(), LogID{1}, 20)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	if !bytes.Equal(data, write(t, l.key, l.contents(testPolicy, testSettings))) {
		t.Error("made twice, it is not the same")
	}
	r := check(t, data, testOptions())
	if r.Problem != nil || r.Grade != SelfSigned || len(r.Notes) > 0 {
		t.Fatalf("%v: %v, %q", r.Grade, r.Problem, r.Notes)
	}
	leaf := r.Content.Leaves[0]
	if value, known := leaf.Value(FieldKey); !known || value != "call-20" {
		t.Errorf("key of the first leaf is %q, %v", value, known)
	}
	if _, known := leaf.Value(FieldClient); known {
		t.Error("the client is not withheld")
	}
}

func TestGrades(t *testing.T) {
	l := sampleLog(t, testKey(), LogID{1}, 20)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	anchor := func(name string, text []byte) CheckOptions {
		a, err := ParseAnchor(name, text)
		if err != nil {
			t.Fatal(err)
		}
		o := testOptions()
		o.Anchors = []Anchor{a}
		return o
	}
	body := func(signed []byte) []byte { b, _, _ := bytes.Cut(signed, []byte("\n\n")); return append(b, '\n') }
	doctored := sampleLog(t, testKey(), LogID{1}, 21)
	fresh := sampleLog(t, testKey(), LogID{2}, 20)
	pin := testOptions()
	pin.Pin = strings.ToLower(Fingerprint(l.key.Public()))
	wrongPin := testOptions()
	wrongPin.Pin = Fingerprint(NewKey().Public())
	gone := HeldLine{At: l.at - 1}
	for _, c := range []struct {
		name string
		o    CheckOptions
		want Grade
	}{
		{"checkpoint held", anchor("c", l.heads[1].checkpoint), Held},
		{"its text held", anchor("c", body(l.heads[0].checkpoint)), Held},
		{"newest held", anchor("c", l.heads[2].checkpoint), Held},
		{"seal line held", anchor("mail", []byte("Subject: audit\n\n  "+SealLine(l.heads[1].text)+"\nbye\n")), Held},
		{"newest seal line held", anchor("mail", []byte(SealLine(l.heads[2].text))), Held},
		{"pinned", pin, Held},
		{"another key pinned", wrongPin, Altered},
		{"another history, same key and log", anchor("c", doctored.heads[0].checkpoint), Altered},
		{"another log", anchor("c", fresh.heads[0].checkpoint), Altered},
		{"another history's line", anchor("mail", []byte(SealLine(doctored.heads[1].text))), Altered},
		{"a line of a seal that is not there", CheckOptions{Render: testRender, Program: testProgram, Anchors: []Anchor{{Name: "mail", Line: &gone}}}, Altered},
		{"an older line", CheckOptions{Render: testRender, Program: testProgram, Anchors: []Anchor{{Name: "mail", Line: &HeldLine{At: 1}}}}, SelfSigned},
		{"a newer line", CheckOptions{Render: testRender, Program: testProgram, Anchors: []Anchor{{Name: "mail", Line: &HeldLine{At: l.at + 1}}}}, SelfSigned},
	} {
		r := check(t, data, c.o)
		if r.Grade != c.want || (r.Problem != nil) != (c.want == Altered) {
			t.Errorf("%s: %v, %v, %q; want %v", c.name, r.Grade, r.Problem, r.Notes, c.want)
		}
	}
}

// reseal signs changed files anew, as the sender could.
func reseal(t testing.TB, key *Key, data []byte, change func(name string, data []byte) []byte) []byte {
	t.Helper()
	files, err := readZip(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i].data = change(files[i].name, bytes.Clone(files[i].data))
	}
	n := len(files)
	files[n-2].data = sumsText(files[:n-2])
	files[n-1].data = key.Sign(files[n-2].data)
	for i := range files {
		files[i].pack()
	}
	return writeZip(files)
}

// Whoever holds the key can sign every list of hashes; what the log's checkpoint covers still cannot be changed.
func TestSenderCannotChangeWhatIsSealed(t *testing.T) {
	l := sampleLog(t, testKey(), LogID{1}, 20)
	data := write(t, l.key, l.contents(testPolicy, testSettings))
	replace := func(file, old, new string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name != file {
				return data
			}
			changed := strings.Replace(string(data), old, new, 1)
			if changed == string(data) {
				t.Fatalf("%s does not hold %q", file, old)
			}
			return []byte(changed)
		}
	}
	dropLine := func(file string, n int) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if name != file {
				return data
			}
			lines := bytes.SplitAfter(data, []byte("\n"))
			return bytes.Join(append(lines[:n:n], lines[n+1:]...), nil)
		}
	}
	for _, c := range []struct {
		name, place string
		change      func(string, []byte) []byte
	}{
		{"a request's bytes", fileLeaves, replace(fileLeaves, "\t200\t", "\t500\t")},
		{"a leaf dropped", fileLeaves, dropLine(fileLeaves, 3)},
		{"the first leaf dropped", fileRange, dropLine(fileLeaves, 0)},
		{"the last leaf dropped", fileLeaves, dropLine(fileLeaves, 43)},
		{"a subtree dropped", fileRange, dropLine(fileRange, 0)},
		{"a recording's key", fileDisclosed, replace(fileDisclosed, "call-25", "call-26")},
		{"a withheld key", fileDisclosed, dropLine(fileDisclosed, 5)},
		{"the policy", filePolicy, replace(filePolicy, "test", "tset")},
		{"the settings", filePolicy, replace(fileSettings, "1 GB", "9 GB")},
		{"the ticket", fileTicket, replace(fileTicket, "ticket", "TICKET")},
		{"the report", fileReport, replace(fileReport, "acme", "acne")},
		{"the audit", fileAudit, replace(fileAudit, "acme", "acne")},
		{"the table", fileRequests, replace(fileRequests, "call-25", "call-26")},
		{"the page", fileVerifyPage, func(name string, data []byte) []byte {
			if name == fileVerifyPage {
				return []byte("<p>all is well</p>")
			}
			return data
		}},
		{"an earlier checkpoint", "earlier/1.checkpoint", func(name string, data []byte) []byte {
			if name == "earlier/1.checkpoint" {
				return sampleLog(t, testKey(), LogID{1}, 19).heads[0].checkpoint
			}
			return data
		}},
		{"a proof", "earlier/2.proof", dropLine("earlier/2.proof", 0)},
		{"a seal", "earlier/2.seal.txt", dropLine("earlier/2.seal.txt", 4)},
		{"the head's seal", fileSeal, func(name string, data []byte) []byte {
			if name == fileSeal {
				return SealText(l.at, nil, Pad{1})
			}
			return data
		}},
		{"the tenant", "", replace(fileAbout, "acme", "other")},
	} {
		r := check(t, reseal(t, l.key, data, c.change), testOptions())
		if r.Problem == nil || !strings.Contains(r.Problem.Error(), c.place) {
			t.Errorf("%s: %v does not name %s", c.name, r.Problem, c.place)
		}
	}
	same := func(_ string, data []byte) []byte { return data }
	if r := check(t, reseal(t, l.key, data, same), testOptions()); r.Problem != nil {
		t.Errorf("signed anew without a change: %v", r.Problem)
	}
	if r := check(t, reseal(t, NewKey(), data, same), testOptions()); r.Problem == nil {
		t.Error("another key's list is accepted")
	}
}

func TestWhatIsNoBundle(t *testing.T) {
	other := []file{{name: "a", data: []byte("b")}}
	other[0].pack()
	for name, data := range map[string][]byte{"nothing": nil, "text": []byte(strings.Repeat("no zip ", 9)), "another ZIP file": writeZip(other)} {
		if _, err := OpenBundle(data); !errors.Is(err, ErrNoBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
