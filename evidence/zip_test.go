package evidence

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

func testZip() []byte {
	files := []file{
		{name: "TICKET.md", data: []byte("# ticket\n")},
		{name: "leaves.tsv", data: bytes.Repeat([]byte("a line that repeats\n"), 40)},
		{name: "empty", data: nil},
	}
	for i := range files {
		files[i].pack()
	}
	return writeZip(files)
}

// Others can read what is written.
func TestZipIsReadByOthers(t *testing.T) {
	data := testZip()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range r.File {
		names = append(names, f.Name)
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(rc); err != nil {
			t.Error(err)
		}
	}
	if strings.Join(names, " ") != "TICKET.md leaves.tsv empty" {
		t.Errorf("names are %q", names)
	}
}

func TestZipReadsItself(t *testing.T) {
	files, err := readZip(testZip())
	if err != nil || len(files) != 3 || string(files[0].data) != "# ticket\n" {
		t.Fatalf("%+v, %v", files, err)
	}
	if name := repacked(files); name != "" {
		t.Errorf("%s would be packed otherwise", name)
	}
}

// Each flipped bit is noticed: as another form, as other content, or as another way to pack it.
func TestZipNoticesEveryBit(t *testing.T) {
	data := testZip()
	want, err := readZip(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(data) * 8 {
		wrong := bytes.Clone(data)
		wrong[i/8] ^= 1 << (i % 8)
		files, err := readZip(wrong)
		if err != nil || repacked(files) != "" {
			continue
		}
		same := len(files) == len(want)
		for k := range files {
			same = same && files[k].name == want[k].name && bytes.Equal(files[k].data, want[k].data)
		}
		if same {
			t.Fatalf("bit %d may be another", i)
		}
	}
}

func TestZipRefused(t *testing.T) {
	data := testZip()
	for name, wrong := range map[string][]byte{
		"nothing": nil, "text": []byte("this is a text that is long enough"), "cut": data[:len(data)-1],
		"trailing": append(bytes.Clone(data), 0), "leading": append([]byte{0}, data...),
	} {
		if _, err := readZip(wrong); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := readZip([]byte("no zip at all, but long enough")); !errors.Is(err, ErrNoBundle) {
		t.Errorf("a text: %v", err)
	}
	twice := []file{{name: "a"}, {name: "a"}}
	if _, err := readZip(writeZip(twice)); err == nil {
		t.Error("a name that is there twice is accepted")
	}
	many := make([]file, 5000)
	for i := range many {
		many[i].name = earlierName(i, earlierProof)
	}
	if _, err := readZip(writeZip(many)); err != nil {
		t.Errorf("a bundle of many nights: %v", err)
	}
	bomb := file{name: "a", data: make([]byte, 64<<20)}
	bomb.pack()
	if _, err := readZip(writeZip([]file{bomb})); err == nil {
		t.Error("a file that unpacks to a thousand times its size is accepted")
	}
	// What archive/zip writes has data descriptors: another form of the same content.
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create("TICKET.md")
	_, _ = f.Write([]byte("# ticket\n"))
	_ = w.Close()
	if _, err := readZip(b.Bytes()); err == nil {
		t.Error("another form is accepted")
	}
}

func FuzzReadZip(f *testing.F) {
	f.Add(testZip())
	random := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		wrong := testZip()
		wrong[random.IntN(len(wrong))] ^= 1 << random.IntN(8)
		f.Add(wrong)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		files, err := readZip(data)
		if err == nil && !bytes.Equal(writeZip(files), data) {
			t.Fatal("accepted another form")
		}
	})
}
