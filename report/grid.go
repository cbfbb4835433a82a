package report

import (
	"slices"
	"strings"

	"github.com/6dcca832/headroom/report/text"
	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// gutter is the space between two columns.
const gutter = 2

// column is a column of a grid.
type column struct {
	head  string
	right bool
	wrap  bool // breaks its text into lines instead of cutting it
	spare int  // left out where the others do not fit otherwise, the highest first; 0 stays
}

// squeeze makes a column narrower, to no less than least and its head.
type squeeze struct{ column, least int }

// grid is a table of clean cells; "\n" in a cell starts a line.
type grid struct {
	columns []column
	rows    [][]string
	// squeezes are done in order until the grid fits.
	squeezes []squeeze
	// resort are done where it does not fit though all spare columns are left out.
	resort []squeeze
	paint  func(row, column int, cell string) string // adds colour, nil for none
}

// render gives the lines of the table, each at most columns wide where the columns allow it.
func (g *grid) render(columns int) string {
	widths := g.fit(columns)
	w := table.NewWriter()
	w.SetStyle(plainStyle())
	var heads table.Row
	var configs []table.ColumnConfig
	for i, c := range g.columns {
		heads = append(heads, c.head)
		align := pretty.AlignLeft
		if c.right {
			align = pretty.AlignRight
		}
		configs = append(configs, table.ColumnConfig{
			Number: i + 1, Hidden: widths[i] == 0, Align: align, AlignHeader: align,
			VAlignHeader: pretty.VAlignBottom,
		})
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
		if text.Width(lines[n]) <= columns {
			continue
		}
		if g.columns[i].wrap {
			broken := text.Wrap(lines[n], columns)
			lines = append(lines[:n], append(broken, lines[n+1:]...)...)
			n += len(broken) - 1
		} else {
			lines[n] = text.ShortenMiddle(lines[n], columns)
		}
	}
	cell = strings.Join(lines, "\n")
	if g.paint != nil {
		return g.paint(row, i, cell)
	}
	return cell
}

// fit chooses the widths of the columns; 0 leaves a column out.
func (g *grid) fit(columns int) []int {
	natural := g.natural()
	for {
		if widths, ok := g.narrow(natural, columns, shortWord); ok {
			return widths
		}
		if !g.leaveOut(natural) {
			widths, _ := g.narrow(natural, columns, 0)
			return widths
		}
	}
}

// shortWord is up to how long a word is not broken while there is another way.
const shortWord = 12

// narrow squeezes the columns, but breaks no word of at most so many columns; 0 is the last resort.
// ok says whether they fit then.
func (g *grid) narrow(natural []int, columns, unbroken int) (widths []int, ok bool) {
	widths = slices.Clone(natural)
	excess := -gutter - columns
	for _, w := range widths {
		if w > 0 {
			excess += w + gutter
		}
	}
	squeezes := g.squeezes
	if unbroken == 0 {
		squeezes = slices.Concat(squeezes, g.resort)
	}
	for _, s := range squeezes {
		least := max(s.least, pretty.LongestLineLen(g.columns[s.column].head))
		if g.columns[s.column].wrap {
			least = max(least, g.longestWord(s.column, unbroken))
		}
		if give := min(excess, widths[s.column]-least); give > 0 {
			widths[s.column] -= give
			excess -= give
		}
	}
	return widths, excess <= 0
}

// longestWord is the width of a column's longest word of at most so many columns.
func (g *grid) longestWord(column, most int) (longest int) {
	for _, row := range g.rows {
		for word := range strings.FieldsSeq(row[column]) {
			if w := text.Width(word); w <= most {
				longest = max(longest, w)
			}
		}
	}
	return longest
}

// leaveOut takes the most spare column that is still there from the widths, the first of several.
func (g *grid) leaveOut(widths []int) bool {
	most, spare := -1, 0
	for i, c := range g.columns {
		if c.spare > spare && widths[i] > 0 {
			most, spare = i, c.spare
		}
	}
	if most < 0 {
		return false
	}
	widths[most] = 0
	return true
}

// natural is how wide the columns would like to be.
func (g *grid) natural() []int {
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		widths[i] = pretty.LongestLineLen(c.head)
		for _, row := range g.rows {
			for line := range strings.SplitSeq(row[i], "\n") {
				widths[i] = max(widths[i], text.Width(line))
			}
		}
	}
	return widths
}

func plainStyle() table.Style {
	return table.Style{
		Box:     table.BoxStyle{MiddleHorizontal: "─", PaddingRight: strings.Repeat(" ", gutter)},
		Format:  table.FormatOptions{Header: pretty.FormatDefault},
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
