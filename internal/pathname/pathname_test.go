package pathname

import "testing"

func TestQuote(t *testing.T) {
	for name, want := range map[string]string{
		"":                              `""`,
		"/var/lib/headroom.db":          `"/var/lib/headroom.db"`,
		`C:\Users\é\headroom.db`:        `"C:\Users\é\headroom.db"`,
		`\\server\share\headroom.db`:    `"\\server\share\headroom.db"`,
		"a\nb \"c\" \x1b[31m\u202e\xff": `"a\nb \"c\" \x1b[31m\u202e\xff"`,
	} {
		if got := Quote(name); got != want {
			t.Errorf("%q is told as %s, not %s", name, got, want)
		}
	}
}
