package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
)

// ErrFormat is what Audit, Explain and Tenants return, wrapped, for a format that is none of
// Formats.
var ErrFormat = errors.New("unknown format")

// defaultFormat is what is written where no format is named.
const defaultFormat = "table"

// Formats are the names that Options.Format may have.
func Formats() []string { return []string{defaultFormat, "json", "csv", "markdown"} }

// defaultWidth is what a table keeps to when nobody says how wide the terminal is.
const defaultWidth = 100

// minWidth is what the columns of a table need that can be neither narrowed nor left out.
const minWidth = 80

// Options say how something is written.
type Options struct {
	// Format is one of Formats. By default, "table".
	Format string
	// Color allows colours in a table.
	Color bool
	// Width is the number of columns that a table may take, at least 80. By default, 100.
	Width int
	// Location is the time zone of the times in tables and Markdown. By default, UTC. JSON and CSV are
	// always in UTC.
	Location *time.Location
	// Brief makes a table or Markdown of one line for each tenant that needs somebody, and one for all
	// others.
	Brief bool
	// Of are the tenants from which those of the report were chosen; a table counts and a short form
	// tells the others. By default, they are those of the report.
	Of []analyze.Result
	// Top is how many tenants of a forecast are shown, the first; a table, Markdown and JSON count the
	// others. By default, all.
	Top int
	// Left is how many rows the caller left out of a count of usage; a table, Markdown and JSON tell
	// it.
	Left int
	// Program is the version of the program that writes; "" leaves it out.
	Program string
	// Database says which rows the report is of. By default, that is left out.
	Database *Database
}

// Database names the log that a report is made of.
type Database struct {
	ID   string // "" where it has none
	Rows int64
	// FirstRow and LastRow are the ids of the first and the last row; 0 where that is not known.
	FirstRow, LastRow int64
}

func (o Options) width() int {
	if o.Width <= 0 {
		return defaultWidth
	}
	return max(o.Width, minWidth)
}

func (o Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// renderers write one kind of thing, by the name of the format; not every kind has each of Formats.
type renderers map[string]func(*bytes.Buffer) error

// formats are those that there is a renderer for.
func (r renderers) formats() []string {
	return slices.DeleteFunc(Formats(), func(name string) bool { return r[name] == nil })
}

// write renders the whole before it writes the first byte.
func (r renderers) write(w io.Writer, what string, o Options) error {
	render := r[cmp.Or(o.Format, defaultFormat)]
	if render == nil {
		return fmt.Errorf("write %s: %w %q: it must be one of %s", what, ErrFormat, o.Format,
			strings.Join(r.formats(), ", "))
	}
	return flush(w, what, render)
}

func flush(w io.Writer, what string, render func(*bytes.Buffer) error) error {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	return nil
}

// Audit writes the audit in o.Format. It returns an error that is ErrFormat for an unknown one, and
// w's.
func Audit(w io.Writer, r *analyze.Report, o Options) error {
	return renderers{
		"table":    func(b *bytes.Buffer) error { auditTable(b, r, o); return nil },
		"json":     func(b *bytes.Buffer) error { return writeJSON(b, newAuditDoc(r, o)) },
		"csv":      func(b *bytes.Buffer) error { return auditCSV(b, r, o) },
		"markdown": func(b *bytes.Buffer) error { auditMarkdown(b, r, o); return nil },
	}.write(w, "audit", o)
}
