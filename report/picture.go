package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// PictureFormats are the formats that WritePicture knows beside HTML.
func PictureFormats() []string { return []string{"markdown", "json"} }

// pictureDoc is the audit and the forecast in one document; each has the shape that its own command prints.
type pictureDoc struct {
	Schema   string       `json:"schema"`
	Audit    auditDoc     `json:"audit"`
	Forecast *forecastDoc `json:"forecast"`
}

// WritePicture writes the audit and the forecast as Markdown, for tickets and chats, or as JSON, for programs. It returns
// an error that is ErrFormat for another format, and w's.
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
		return flush(w, "report", func(b *bytes.Buffer) error { return writeJSON(b, newPictureDoc(p)) })
	}
	return fmt.Errorf("write report: %w %q: it must be one of %s", ErrFormat, o.Format, strings.Join(PictureFormats(), ", "))
}

func newPictureDoc(p *Picture) pictureDoc {
	d := pictureDoc{Schema: "headroom.report/v1", Audit: newAuditDoc(p.Audit)}
	if p.Forecast != nil {
		f := newForecastDoc(p.Forecast)
		d.Forecast = &f
	}
	return d
}
