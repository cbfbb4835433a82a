package report

import (
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// narrow counts characters such as × as one column wide in every locale, so that a table does not depend on the
// environment.
var narrow = sync.OnceFunc(func() { text.OverrideRuneWidthEastAsianWidth(false) })

// gutter is the space between two columns.
const gutter = 2

// column is a column of a grid. Where the grid is too wide, columns shrink: the widest first, all to soft and then to
// hard; soft 0 keeps the column as it is.
type column struct {
	head       string
	right      bool
	soft, hard int
	wrap       bool // breaks its text into lines instead of cutting it
}

// grid is a table of clean cells; "\n" in a cell starts a line.
type grid struct {
	columns []column
	rows    [][]string
	paint   func(row, column int, cell string) string // adds colour, nil for none
}

// render gives the lines of the table, each at most columns wide where the columns allow it.
func (g *grid) render(columns int) string {
	narrow()
	widths := g.fit(columns)
	w := table.NewWriter()
	w.SetStyle(plainStyle())
	var heads table.Row
	var configs []table.ColumnConfig
	for i, c := range g.columns {
		heads = append(heads, c.head)
		align := text.AlignLeft
		if c.right {
			align = text.AlignRight
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align, VAlignHeader: text.VAlignBottom})
	}
	w.AppendHeader(heads)
	w.SetColumnConfigs(configs)
	for n, row := range g.rows {
		cells := make(table.Row, len(row))
		for i, cell := range row {
			cells[i] = g.cell(n, i, cell, widths[i])
		}
		w.AppendRow(cells)
	}
	return trimLines(w.Render())
}

// cell fits one cell into its column.
func (g *grid) cell(row, i int, cell string, columns int) string {
	lines := strings.Split(cell, "\n")
	for n := 0; n < len(lines); n++ {
		if width(lines[n]) <= columns {
			continue
		}
		if g.columns[i].wrap {
			broken := wrap(lines[n], columns)
			lines = append(lines[:n], append(broken, lines[n+1:]...)...)
			n += len(broken) - 1
		} else {
			lines[n] = shorten(lines[n], columns)
		}
	}
	cell = strings.Join(lines, "\n")
	if g.paint != nil {
		return g.paint(row, i, cell)
	}
	return cell
}

// fit chooses the widths of the columns.
func (g *grid) fit(columns int) []int {
	widths := make([]int, len(g.columns))
	total := gutter * (len(widths) - 1)
	for i, c := range g.columns {
		widths[i] = text.LongestLineLen(c.head)
		for _, row := range g.rows {
			for line := range strings.SplitSeq(row[i], "\n") {
				widths[i] = max(widths[i], width(line))
			}
		}
		total += widths[i]
	}
	total = g.shrink(widths, total, columns, func(c column) int { return c.soft })
	g.shrink(widths, total, columns, func(c column) int { return c.hard })
	return widths
}

// shrink takes a column from the widest as long as the total is too much and one may give; it returns the new total.
func (g *grid) shrink(widths []int, total, columns int, least func(column) int) int {
	for total > columns {
		widest := -1
		for i, c := range g.columns {
			floor := max(least(c), text.LongestLineLen(c.head))
			if c.soft > 0 && widths[i] > floor && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return total
}

func plainStyle() table.Style {
	return table.Style{
		Box:     table.BoxStyle{MiddleHorizontal: "─", PaddingRight: strings.Repeat(" ", gutter)},
		Format:  table.FormatOptions{Header: text.FormatDefault},
		Options: table.Options{SeparateHeader: true},
	}
}

// trimLines takes the last column's padding away.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if rest := strings.TrimRight(line, "─"); rest == "" {
			line = strings.TrimSuffix(line, strings.Repeat("─", gutter))
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}
