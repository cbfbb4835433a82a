// Package page writes the audit, its days and the forecast as one HTML file that loads nothing.
//
// The page's Go, its script, style and template stand together here. The words that need no script
// are in view.go (the page), headline.go (its first lines), tenant.go (a tenant), incident.go and
// facts.go (what happened to it), expect.go (the forecast), usage.go and notes.go; data.go has the
// numbers that the script sums for any range of days, charts.go the charts' options.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
)

// The page answers one question on its first screen, whether the limits were kept, and holds what
// is needed to see why: the audit as text that needs no script, and the days of each tenant as
// data, from which its script puts any range together again.
//
// It is one file that loads nothing: its content security policy lets run what has the hash of the
// scripts below and nothing else, and allows no request. All text from outside is written by
// html/template, by encoding/json (which escapes "<"), or set as text by the script, never as
// markup.

//go:embed page.html.tmpl page.css *.js NOTICE *-LICENSE
var pageFiles embed.FS

// assets are the page's fixed parts, with what lets them through its content security policy.
type assets struct {
	tmpl         *template.Template
	style        string
	scripts      []string
	scriptHashes string
	options      string
	licences     template.HTML
}

// licences are the texts that must go with the chart library, which is part of every page: its own,
// and those of the libraries that are built into it.
var licences = []struct{ of, file string }{
	{"Apache ECharts, notice", "NOTICE"},
	{"Apache ECharts, licence", "ECHARTS-LICENSE"},
	{"zrender, licence", "ZRENDER-LICENSE"},
	{"d3, licence", "D3-LICENSE"},
}

// loadAssets reads the fixed parts once; a mistake in them is one of the program.
var loadAssets = sync.OnceValue(func() *assets {
	text := func(name string) string {
		b, err := pageFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		return strings.ReplaceAll(string(b), "</script", `<\/script`)
	}
	a := &assets{style: text("page.css")}
	for _, name := range []string{
		"echarts.min.js", "words.js", "sums.js", "charts.js", "parts.js", "tenant.js", "fleet.js",
		"page.js",
	} {
		a.scripts = append(a.scripts, text(name))
	}
	for _, s := range a.scripts {
		a.scriptHashes += " " + sourceHash(s)
	}
	var terms strings.Builder
	for _, l := range licences {
		fmt.Fprintf(&terms, "\n==== %s ====\n\n%s", l.of, text(l.file))
	}
	a.licences = scriptOf(` type="text/plain" id="licences"`, terms.String())
	options, err := chartOptions()
	if err != nil {
		panic(err)
	}
	a.options = string(mustJSON(options))
	a.tmpl = template.Must(
		template.New("page").Funcs(pageWords).Parse(string(must(pageFiles.ReadFile("page.html.tmpl")))))
	return a
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func mustJSON(v any) []byte { return must(json.Marshal(v)) }

func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// safety is the content security policy. Styles may be inline because the chart library sets them
// on its elements.
func (a *assets) safety(live bool) string {
	s := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src" + a.scriptHashes
	if live {
		s += "; connect-src 'self'"
	}
	return s
}

// Write writes the picture as one HTML file that loads nothing. The same picture gives the same
// bytes. It returns w's error.
func Write(w io.Writer, p *report.Picture) error {
	a := loadAssets()
	v, err := newPageView(p, a)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	var b bytes.Buffer
	b.Grow(v.roughSize())
	if err := a.tmpl.Execute(&b, v); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// scriptOf makes an element of a text that is known to be safe in one.
func scriptOf(attributes, text string) template.HTML {
	return template.HTML("<script" + attributes + ">" + text + "</script>")
}

// dataOf makes an element that holds data for the script. encoding/json writes "<" as \u003c, so
// nothing ends it early.
func dataOf(id string, v any) (template.HTML, error) {
	raw, err := json.Marshal(v)
	return scriptOf(` type="application/json" id="`+id+`"`, string(raw)), err
}

// clock writes times in a zone, with UTC beside where that differs.
type clock struct{ zone *time.Location }

func (c clock) local(us int64) string {
	if us == 0 {
		return measure.None
	}
	return measure.Minute(time.UnixMicro(us), c.zone)
}

func (c clock) utc(us int64) string {
	if us == 0 {
		return ""
	}
	t := time.UnixMicro(us)
	local := t.In(c.zone)
	if _, offset := local.Zone(); offset == 0 {
		return ""
	}
	if local.Day() == t.UTC().Day() {
		return t.UTC().Format("15:04 UTC")
	}
	return t.UTC().Format("01-02 15:04 UTC")
}
