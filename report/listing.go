package report

import (
	"bytes"
	"io"
	"strings"

	"github.com/6dcca832/headroom/report/text"
)

// listing is a plain list of records in every format.
type listing struct {
	what    string // what errors call it
	columns []column
	squeeze []squeeze
	resort  []squeeze  // see grid
	rows    [][]string // whole texts, not yet clean
	head    []string
	records []map[string]cell
	doc     any
	empty   string // what people read instead of an empty table
	above   string // a sentence before the table; "" for none
	below   string // and after it
}

func (l *listing) write(w io.Writer, o Options) error {
	return renderers{
		"table":    func(b *bytes.Buffer) error { l.table(b, o); return nil },
		"json":     func(b *bytes.Buffer) error { return writeJSON(b, l.doc) },
		"csv":      func(b *bytes.Buffer) error { return writeCSV(b, l.head, l.records) },
		"markdown": func(b *bytes.Buffer) error { l.markdown(b); return nil },
	}.write(w, l.what, o)
}

func (l *listing) table(b *bytes.Buffer, o Options) {
	if len(l.rows) == 0 {
		paragraph(b, l.empty, "", o)
		return
	}
	if l.above != "" {
		paragraph(b, text.Brief(l.above, text.MaxDetail), "  ", o)
		b.WriteByte('\n')
	}
	g := &grid{
		columns:  l.columns,
		squeezes: l.squeeze,
		resort:   l.resort,
		rows:     mapCells(l.rows, func(s string) string { return text.Brief(s, text.MaxDetail) }),
	}
	b.WriteString(g.render(o.width()))
	if l.below != "" {
		paragraph(b, l.below, "  ", o)
	}
}

func (l *listing) markdown(b *bytes.Buffer) {
	if len(l.rows) == 0 {
		b.WriteString(l.empty + "\n")
		return
	}
	if l.above != "" {
		b.WriteString(markdown(l.above) + "\n\n")
	}
	var head []string
	var right []byte
	for _, c := range l.columns {
		head = append(head, oneLineHead(c.head))
		if c.right {
			right = append(right, 'r')
		} else {
			right = append(right, 'l')
		}
	}
	markdownTable(b, head, string(right), mapCells(l.rows, markdown))
	if l.below != "" {
		b.WriteString("\n" + markdown(l.below) + "\n")
	}
}

// oneLineHead is the head of a column where it need not be narrow.
func oneLineHead(head string) string { return strings.ReplaceAll(head, "\n", " ") }

func mapCells(rows [][]string, f func(string) string) [][]string {
	out := make([][]string, len(rows))
	for i, row := range rows {
		out[i] = make([]string, len(row))
		for k, s := range row {
			out[i][k] = f(s)
		}
	}
	return out
}
