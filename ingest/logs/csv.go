package logs

import (
	"encoding/csv"
	"fmt"
	"strings"
)

// parseCSV reads a table with a header line: the names of JSON Lines in any order, other columns ignored, quoted as in
// RFC 4180, separated by commas, semicolons or tabs.
func parseCSV(in *input, f *feeder) error {
	t := csvTable{lines: newLineReader(in), feeder: f}
	header, ok := t.next()
	if !ok {
		return t.lines.failure(f)
	}
	columns, ok := csvHeader(header.text)
	if header.flaw != "" || !ok {
		return fmt.Errorf("%w: the first line is not a CSV header with the columns started_at, method, url, status", ErrFormat)
	}
	if missing := columns.missing(); missing != "" {
		return fmt.Errorf("%w: the CSV header lacks the column %s", ErrFormat, missing)
	}
	t.columns = columns
	for {
		line, ok := t.next()
		if !ok {
			return t.lines.failure(f)
		}
		if err := t.record(line); err != nil {
			return err
		}
	}
}

// csvColumns says where a header has our fields.
type csvColumns struct {
	separator byte
	field     []int // by column; -1 for one that is not ours
}

// csvHeader reads a line as a header; ok says that it has at least two of the required columns, by one of the
// separators.
func csvHeader(line string) (best csvColumns, ok bool) {
	most := 1
	for _, separator := range []byte(",;\t") {
		c := csvColumns{separator: separator}
		names, err := splitCSV(line, separator, nil)
		if err != nil {
			continue
		}
		known := 0
		for _, name := range names {
			field := fieldIndexOf(strings.ToLower(strings.TrimSpace(name)))
			c.field = append(c.field, field)
			if field >= 0 && field < requiredFields {
				known++
			}
		}
		if known > most {
			best, most, ok = c, known, true
		}
	}
	return best, ok
}

// missing names the first required column that is not there.
func (c *csvColumns) missing() string {
	for field := range requiredFields {
		found := false
		for _, have := range c.field {
			found = found || have == field
		}
		if !found {
			return fieldNames[field]
		}
	}
	return ""
}

// csvLookahead is how many lines a quoted field may span. Behind a quote that is never closed the records are then
// not lost: they are read again, each for itself.
const csvLookahead = 64

// csvTable reads records, which may span lines.
type csvTable struct {
	lines   *lineReader
	feeder  *feeder
	columns csvColumns
	pending []textLine // read ahead
	cells   []string
	fields  fields
	draft   draft
}

func (t *csvTable) next() (textLine, bool) {
	if len(t.pending) > 0 {
		line := t.pending[0]
		t.pending = t.pending[1:]
		return line, true
	}
	return t.lines.next()
}

// record reads the record that begins with line.
func (t *csvTable) record(line textLine) error {
	if line.flaw != "" {
		return t.feeder.reject(line.number, line.flaw)
	}
	text, ok := t.wholeRecord(line)
	if !ok {
		return t.feeder.reject(line.number, "a quoted field is never closed")
	}
	cells, err := splitCSV(text, t.columns.separator, t.cells[:0])
	t.cells = cells
	if err != nil {
		return t.feeder.reject(line.number, "a quote stands where RFC 4180 allows none")
	}
	if len(cells) != len(t.columns.field) {
		return t.feeder.reject(line.number, fmt.Sprintf("%d fields where the header has %d", len(cells), len(t.columns.field)))
	}
	t.fields = fields{}
	for i, field := range t.columns.field {
		if field >= 0 {
			t.fields[field] = bareToken(field, cells[i])
		}
	}
	t.draft.line = line.number
	if reason := t.fields.draft(&t.draft); reason != "" {
		return t.feeder.reject(line.number, reason)
	}
	return t.feeder.add(&t.draft)
}

// wholeRecord adds the lines that a quoted field goes on in. Without a closing quote they go back to pending.
func (t *csvTable) wholeRecord(line textLine) (string, bool) {
	text := line.text
	if strings.IndexByte(text, '"') < 0 || !openQuote(text, t.columns.separator) {
		return text, true
	}
	var more []textLine
	for len(more) < csvLookahead && len(text) < maxLine {
		next, ok := t.next()
		if !ok {
			break
		}
		more = append(more, next)
		if next.flaw != "" {
			break
		}
		text += "\n" + next.text
		if strings.IndexByte(next.text, '"') >= 0 && !openQuote(text, t.columns.separator) {
			return text, true
		}
	}
	t.pending = append(more, t.pending...)
	return "", false
}

// openQuote says whether text ends inside a quoted field. A quote opens a field only at the field's beginning.
func openQuote(text string, separator byte) bool {
	for {
		if !strings.HasPrefix(text, `"`) {
			i := strings.IndexByte(text, separator)
			if i < 0 {
				return false
			}
			text = text[i+1:]
			continue
		}
		text = text[1:]
		for {
			i := strings.IndexByte(text, '"')
			if i < 0 {
				return true
			}
			text = text[i+1:]
			if !strings.HasPrefix(text, `"`) {
				break
			}
			text = text[1:]
		}
	}
}

// splitCSV cuts a record into cells; encoding/csv does those with quotes.
func splitCSV(text string, separator byte, cells []string) ([]string, error) {
	if strings.IndexByte(text, '"') < 0 {
		for {
			i := strings.IndexByte(text, separator)
			if i < 0 {
				return append(cells, text), nil
			}
			cells = append(cells, text[:i])
			text = text[i+1:]
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma = rune(separator)
	r.FieldsPerRecord = -1
	record, err := r.Read()
	if err != nil {
		return cells, err
	}
	return append(cells, record...), nil
}
