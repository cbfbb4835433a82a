package report

import (
	"strings"
	"testing"
	"unicode"

	"github.com/6dcca832/headroom/report/reporttest"
)

// cells is how many columns of a terminal a text takes: two for a character of East Asia or a
// picture, none for a mark that stands over the one before.
func cells(s string) (n int) {
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 0x1100 && r <= 0x115f, r >= 0x2e80 && r <= 0xa4cf, r >= 0xac00 && r <= 0xd7a3,
			r >= 0xf900 && r <= 0xfaff, r >= 0xff00 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}

// TestColumnsLineUpInEveryScript: the second column ends at the same place whatever the name before
// it is written in, and no line is wider than the terminal.
func TestColumnsLineUpInEveryScript(t *testing.T) {
	names := []string{
		"acme", "Zürich", "Zu\u0308rich", "株式会社東京コンタクトセンター品質管理部門", "서울 고객센터",
		"مركز الاتصال", "Нижний Новгород", "☎ 📞 hotline", strings.Repeat("ß", 60),
	}
	r := reporttest.Sample()
	one := r.Tenants[0]
	r.Tenants = nil
	for _, name := range names {
		one.Tenant = name
		r.Tenants = append(r.Tenants, one)
	}
	var b strings.Builder
	if err := Audit(&b, r, Options{Format: "table", Width: 80}); err != nil {
		t.Fatal(err)
	}
	head, rows, _ := strings.Cut(b.String(), "Requests")
	end := cells(head[strings.LastIndexByte(head, '\n')+1:]) + len("Requests")
	_, rows, _ = strings.Cut(rows, "─\n")
	rows, _, _ = strings.Cut(rows, "\n\n")
	found := 0
	for row := range strings.SplitSeq(rows, "\n") {
		if w := cells(row); w > 80 {
			t.Errorf("%d columns: %s", w, row)
		}
		if !strings.HasPrefix(row, "✗") { // the name goes on
			continue
		}
		found++
		at := 0
		for _, r := range row {
			if at += cells(string(r)); at == end && !unicode.IsDigit(r) {
				t.Errorf("the requests do not end in column %d: %s", end, row)
			}
			if at > end && r != ' ' {
				t.Errorf("column %d is not empty: %s", end+1, row)
			}
			if at > end {
				break
			}
		}
	}
	if found != len(names) {
		t.Errorf("%d rows, want %d:\n%s", found, len(names), b.String())
	}
}
