package report

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

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/limits"
)

// The page answers one question on its first screen, whether the limits were kept, and holds what is needed to see why:
// the audit as text that needs no script, and the days of each tenant as data, from which its script puts any range
// together again.
//
// It is one file that loads nothing: its content security policy lets run what has the hash of the scripts below and
// nothing else, and allows no request. All text from outside is written by html/template, by encoding/json (which
// escapes "<"), or set as text by the script, never as markup.

//go:embed page/page.html.tmpl page/page.css page/*.js
var pageFiles embed.FS

// Picture is everything that the page shows.
type Picture struct {
	// Audit is what the first screen and the findings tell. It must be set.
	Audit *analyze.Report
	// Days are what charts and ranges are made from; they must be of the same requests as Audit. nil means none.
	Days *analyze.Daily
	// Forecast is nil where there is none.
	Forecast *analyze.ForecastReport
	// Policy gives the words on the vendor's rules.
	Policy *limits.Policy
	// About gives a tenant's zone and nightly window; nil means UTC and any time.
	About func(tenant string) analyze.Tenant
	// Live is the path, on the page's own server, whose answer changes when there is something new to show. The page
	// then asks for it again and again. "" makes a page that never asks for anything.
	Live string
}

// assets are the page's fixed parts, with what lets them through its content security policy.
type assets struct {
	tmpl         *template.Template
	style        string
	scripts      []string
	scriptHashes string
	options      string
}

// loadAssets reads the fixed parts once; a mistake in them is one of the program.
var loadAssets = sync.OnceValue(func() *assets {
	text := func(name string) string {
		b, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic(err)
		}
		return strings.ReplaceAll(string(b), "</script", `<\/script`)
	}
	a := &assets{style: text("page.css")}
	for _, name := range []string{"echarts.min.js", "words.js", "sums.js", "charts.js", "parts.js", "tenant.js", "page.js"} {
		a.scripts = append(a.scripts, text(name))
	}
	for _, s := range a.scripts {
		a.scriptHashes += " " + sourceHash(s)
	}
	options, err := chartOptions()
	if err != nil {
		panic(err)
	}
	a.options = string(mustJSON(options))
	a.tmpl = template.Must(template.New("page").Funcs(pageWords).Parse(string(must(pageFiles.ReadFile("page/page.html.tmpl")))))
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

// safety is the content security policy. Styles may be inline because the chart library sets them on its elements.
func (a *assets) safety(live bool) string {
	s := "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src" + a.scriptHashes
	if live {
		s += "; connect-src 'self'"
	}
	return s
}

// Page writes the picture as one HTML file that loads nothing. The same picture gives the same bytes. It returns w's
// error.
func Page(w io.Writer, p *Picture) error {
	a := loadAssets()
	v, err := newPageView(p, a)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return flush(w, "page", func(b *bytes.Buffer) error { return a.tmpl.Execute(b, v) })
}

// scriptOf makes an element of a text that is known to be safe in one.
func scriptOf(attributes, text string) template.HTML {
	return template.HTML("<script" + attributes + ">" + text + "</script>")
}

// dataOf makes an element that holds data for the script. encoding/json writes "<" as \u003c, so nothing ends it early.
func dataOf(id string, v any) (template.HTML, error) {
	raw, err := json.Marshal(v)
	return scriptOf(` type="application/json" id="`+id+`"`, string(raw)), err
}

// clock writes times in a zone, with UTC beside where that differs.
type clock struct{ zone *time.Location }

func (c clock) local(us int64) string {
	if us == 0 {
		return none
	}
	return time.UnixMicro(us).In(c.zone).Format("2006-01-02 15:04 MST")
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
