package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"

	"github.com/6dcca832/headroom/analyze"
)

//go:embed report.html.tmpl
var pageText string

//go:embed report.css
var pageStyle string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"sign":  func(word any) string { return sign(asText(word)) },
	"word":  func(word any) string { return clean(asText(word)) },
	"tone":  func(word any) string { return tone(asText(word)) },
	"count": count, "size": size, "gap": gap, "status": statusWord, "tooClose": tooClose, "span": span,
	"answers": func(all []string) string { return strings.Join(all, ", ") },
	"share":   share,
}).Parse(pageText))

func asText(word any) string {
	switch w := word.(type) {
	case analyze.Verdict:
		return string(w)
	case analyze.Severity:
		return string(w)
	}
	return ""
}

// tone is the style class of a verdict or severity.
func tone(word string) string {
	return map[string]string{"✗": "bad", "!": "warn", "✓": "good"}[sign(word)]
}

// share is the utilization for a meter; it is negative where the cap is unknown.
func share(e analyze.Egress) float64 {
	if s, ok := e.Utilization(); ok {
		return s
	}
	return -1
}

// styleHash lets the page's own style through its content security policy, and no other.
func styleHash() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// HTML writes the audit as one page without script that loads nothing, in light or dark as the reader prefers, and fit
// for printing. Times are in UTC. The same report gives the same bytes. It returns w's error.
func HTML(w io.Writer, r *analyze.Report) error {
	v := newView(r, Options{}.location())
	data := struct {
		*view
		Style   template.CSS
		Safety  string
		Nothing string
	}{v, template.CSS(pageStyle), "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'; form-action 'none'", ""}
	if len(r.Tenants) == 0 {
		data.Nothing = nothing(r)
	}
	return flush(w, "page", func(b *bytes.Buffer) error { return page.Execute(b, data) })
}
