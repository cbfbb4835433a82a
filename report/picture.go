package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
)

// Picture is everything that the page shows, and WritePicture in other formats.
type Picture struct {
	// Audit is what the first screen and the findings tell. It must be set.
	Audit *analyze.Report
	// Days are what charts and ranges are made from; they must be of the same requests as Audit. nil
	// means none.
	Days *analyze.Daily
	// Forecast is nil where there is none.
	Forecast *outlook.Report
	// Policy gives the words on the vendor's rules.
	Policy *limits.Policy
	// About gives a tenant's zone and nightly window; nil means UTC and any time.
	About func(tenant string) egress.Tenant
	// Examples are some requests of each incident, by its id; see analyze.Report. nil means none.
	Examples map[string][]analyze.Example
	// Usage is how much of the API each tenant used, told by several things. nil means not told.
	Usage map[string][]*analyze.UsageReport
	// Program is the version of headroom that writes the report; "" leaves it out.
	Program string
	// Database says of which rows the report is, and Seal is a sentence on what seals them; nil and ""
	// leave them out.
	Database *Database
	Seal     string
	// Rows is the name of the file whose rows the requests' numbers are; "" means the database.
	Rows string
	// Live is the path, on the page's own server, whose answer changes when there is something new to
	// show. The page then asks for it again and again. "" makes a page that never asks for anything.
	Live string
}

// PictureFormats are the formats that WritePicture knows; package page writes HTML.
func PictureFormats() []string { return []string{"markdown", "json"} }

// pictureDoc is the audit and the forecast in one document; each has the shape that its own command
// prints.
type pictureDoc struct {
	Schema   string       `json:"schema"`
	Audit    auditDoc     `json:"audit"`
	Forecast *forecastDoc `json:"forecast"`
}

// WritePicture writes the audit and the forecast as Markdown, for tickets and chats, or as JSON,
// for programs. It returns an error that is ErrFormat for another format, and w's.
func WritePicture(w io.Writer, p *Picture, o Options) error {
	switch o.Format {
	case "markdown":
		return flush(w, "report", func(b *bytes.Buffer) error {
			auditMarkdown(b, p.Audit, o)
			if p.Forecast != nil {
				b.WriteByte('\n')
				forecastMarkdown(b, p.Forecast, false, o)
			}
			return nil
		})
	case "json":
		return flush(w, "report",
			func(b *bytes.Buffer) error { return writeJSON(b, newPictureDoc(p, o)) })
	}
	return fmt.Errorf("write report: %w %q: it must be one of %s", ErrFormat, o.Format,
		strings.Join(PictureFormats(), ", "))
}

func newPictureDoc(p *Picture, o Options) pictureDoc {
	d := pictureDoc{Schema: "headroom.report/v2", Audit: newAuditDoc(p.Audit, o)}
	if p.Forecast != nil {
		f := newForecastDoc(p.Forecast, o)
		d.Forecast = &f
	}
	return d
}
