package evidence

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
)

// testdata/v0.1.0.zip is a bundle as version 0.1.0 made it, with each kind of leaf, a client and a
// note that are disclosed, and a time stamp. Every later version verifies it: it is never made anew.
func TestBundleOfTheFirstVersion(t *testing.T) {
	data, err := os.ReadFile("testdata/v0.1.0.zip")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile("testdata/v0.1.0-authority.pem")
	if err != nil {
		t.Fatal(err)
	}
	o := CheckOptions{Render: testRender, Program: "a later one", Authorities: x509.NewCertPool()}
	if !o.Authorities.AppendCertsFromPEM(pem) {
		t.Fatal("the authority has no certificate")
	}
	held, err := ParseAnchor("a mail of then", []byte("headroom seal 2026-01-01T00:02:16Z sha256:d3cfef52d3e7e129c7ba1d844adddb265ab69a775c193b006dac9b9283d78455"))
	if err != nil {
		t.Fatal(err)
	}
	o.Anchors = []Anchor{held}
	o.Pin = "SHA256:324be2dea8bc44461b0233e51fa48902ed6b1cc671e7739af2551e0bfe68f54e"
	r := check(t, data, o)
	if r.Grade != Anchored || r.Problem != nil {
		t.Fatalf("%v: %v, %q", r.Grade, r.Problem, r.Notes)
	}
	kinds := map[Kind]int{}
	for i := range r.Content.Leaves {
		kinds[r.Content.Leaves[i].Kind]++
	}
	for k := range fieldsOf {
		if kinds[k] == 0 && k != KindTenant && strings.HasSuffix(string(k), "1") {
			t.Errorf("it has no leaf %s", k)
		}
	}
	if f := r.Content.Facts(); f.Requests != 4 || f.Pruned != 3 || f.Settings != 2 || len(f.VendorIDs) != 4 || f.Started != 2 {
		t.Errorf("%+v", f)
	}
	leaf := &r.Content.Leaves[1]
	key, _ := leaf.Value(FieldKey)
	client, _ := leaf.Value(FieldClient)
	note, _ := r.Content.Leaves[2].Value(FieldNote)
	if key != "call \t\\ é" || client != "pull" || note != "ticket 7" || leaf.Request.Status != 509 {
		t.Errorf("it says %q, %q, %q, %+v", key, client, note, leaf.Request)
	}
	wrong := []byte(string(data[:len(data)-40]) + "x" + string(data[len(data)-39:]))
	if r := check(t, wrong, o); r.Grade != Altered {
		t.Errorf("changed: %v", r.Grade)
	}
}
