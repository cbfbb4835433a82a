package logs

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// parseCSV reads a table with a header line: the names of JSON Lines in any order, other columns
// ignored, quoted as in RFC 4180, separated by commas, semicolons or tabs. A line "sep=;" may stand
// before it, as Excel writes and reads it.
func parseCSV(in *input, f *feeder) error {
	t := csvTable{lines: in.lines(), feeder: f}
	header, separators, ok := t.head()
	if !ok {
		return t.lines.failure(f)
	}
	columns, ok := csvHeader(header.text, separators)
	if header.flaw != "" || !ok {
		return fmt.Errorf(
			"%w: the first line is not a CSV header with the columns started_at, method, url, status",
			ErrFormat)
	}
	if missing := columns.missing(); missing != "" {
		return fmt.Errorf("%w: the CSV header lacks the column %s; --map gives columns of other names",
			ErrFormat, missing)
	}
	if twice := columns.twice(); twice != "" {
		return fmt.Errorf(
			"%w: the CSV header has the column %s twice: leave out or rename the one that is not meant",
			ErrFormat, twice)
	}
	t.columns = columns
	t.form = formOfNumbers(columns.separator, in.head)
	return t.each(header, columns.separator, len(columns.field), columns.torn, t.record)
}

var csvSeparators = []byte(",;\t")

// separatorLine is the separator that a line "sep=;" names, 0 for another line.
func separatorLine(s string) byte {
	rest, ok := strings.CutPrefix(strings.Trim(s, `"`), "sep=")
	if !ok || len(rest) != 1 || rest[0] > 0x7f {
		return 0
	}
	return rest[0]
}

// isTable says whether a file begins like a table of ours.
func isTable(lines []string) bool {
	if separator := separatorLine(lines[0]); separator != 0 {
		return len(lines) > 1 && isHeader(lines[1], separator)
	}
	return isHeader(lines[0], csvSeparators...)
}

func isHeader(line string, separators ...byte) bool {
	_, ok := csvHeader(line, separators)
	return ok
}

// csvColumns says where a header has our fields.
type csvColumns struct {
	separator byte
	field     []int // by column; -1 for one that is not ours
}

// csvHeader reads a line as a header; ok says that it has at least two of the required columns, by
// one of the separators.
func csvHeader(line string, separators []byte) (best csvColumns, ok bool) {
	most := 1
	for _, separator := range separators {
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
		if !slices.Contains(c.field, field) {
			return fieldNames[field]
		}
	}
	return ""
}

// twice names a column of ours that is there more than once.
func (c *csvColumns) twice() string {
	for i, field := range c.field {
		if field >= 0 && slices.Contains(c.field[:i], field) {
			return fieldNames[field]
		}
	}
	return ""
}

// csvLookahead is how many lines a quoted field may span. Behind a quote that is never closed the
// records are then not lost: they are read again, each for itself.
const csvLookahead = 64

// csvTable reads records, which may span lines.
type csvTable struct {
	lines   *lineReader
	feeder  *feeder
	columns csvColumns
	form    numberForm
	pending []textLine // read ahead
	cells   []string
	fields  fields
	draft   draft
}

// head reads the header, and by which separators it may be cut.
func (t *csvTable) head() (header textLine, separators []byte, ok bool) {
	header, ok = t.next()
	separators = csvSeparators
	if separator := separatorLine(header.text); separator != 0 {
		separators = []byte{separator}
		header, ok = t.next()
	}
	return header, separators, ok
}

func (t *csvTable) next() (textLine, bool) {
	if len(t.pending) > 0 {
		line := t.pending[0]
		t.pending = t.pending[1:]
		return line, true
	}
	return t.lines.next()
}

// each gives the records behind the header, which have width cells, to record. A header that comes
// again, where tables were joined, is none. Torn says of a last line without a line end whether its
// last cell may be half-written.
func (t *csvTable) each(
	header textLine, separator byte, width int,
	torn func(lastCell, text string) bool, record func(line textLine, cells []string) error,
) error {
	for {
		line, ok := t.next()
		if !ok {
			return t.lines.failure(t.feeder)
		}
		if line.text == header.text {
			continue
		}
		cells, waits, reason := t.cut(&line, separator, width, torn)
		var err error
		switch {
		case waits:
			err = t.feeder.wait(line)
		case reason != "":
			err = t.feeder.reject(line.number, reason)
		default:
			err = record(line, cells)
		}
		if err != nil {
			return err
		}
	}
}

// cut reads the cells of the record that begins with line, or says why it is none. It waits for the
// rest of a half-written one.
func (t *csvTable) cut(
	line *textLine, separator byte, width int, torn func(lastCell, text string) bool,
) (cells []string, waits bool, reason string) {
	if line.flaw != "" {
		return nil, false, line.flaw
	}
	text, last, ok := t.wholeRecord(*line, separator)
	if !ok {
		return nil, line.open, "a quoted field is never closed"
	}
	line.dirty = line.dirty || last.dirty
	cells, err := splitCSV(text, separator, t.cells[:0])
	t.cells = cells
	if last.open && (err != nil || len(cells) < width || torn(cells[len(cells)-1], text)) {
		return nil, true, ""
	}
	if err != nil {
		return nil, false, "a quote stands where RFC 4180 allows none"
	}
	for len(cells) > width && cells[len(cells)-1] == "" { // separators that end the line
		cells = cells[:len(cells)-1]
	}
	if len(cells) != width {
		return nil, false, fmt.Sprintf("%d fields where the header has %d", len(cells), width)
	}
	return cells, false, ""
}

// record makes a request of cells.
func (t *csvTable) record(line textLine, cells []string) error {
	t.fields = fields{}
	for i, field := range t.columns.field {
		if field < 0 {
			continue
		}
		if isNumeric(field) {
			var reason string
			whole := field != fieldDurationMS && field != fieldResolutionS
			if cells[i], reason = t.form.plain(fieldNames[field], whole, cells[i]); reason != "" {
				return t.feeder.reject(line.number, reason)
			}
		}
		t.fields[field] = bareToken(field, cells[i])
	}
	t.draft.line, t.draft.dirty = line.number, line.dirty
	if reason := t.fields.draft(&t.draft); reason != "" {
		return t.feeder.reject(line.number, reason)
	}
	return t.feeder.add(&t.draft)
}

// torn says whether the last cell of a line without a line end may be half-written. Of a cell that
// is not ours, and of one that is closed by a quote, nothing is missing.
func (c *csvColumns) torn(last, text string) bool {
	field := c.field[len(c.field)-1]
	if field < 0 || strings.HasSuffix(text, `"`) {
		return false
	}
	return field != fieldComplete || bareToken(field, last).Kind == jsonscan.Other
}

func isNumeric(field int) bool {
	switch field {
	case fieldStatus,
		fieldDurationMS,
		fieldRequestBytes,
		fieldResponseBytes,
		fieldRetryAfterS,
		fieldResolutionS:
		return true
	}
	return false
}

// wholeRecord adds the lines that a quoted field goes on in, and says which was the last. Without a
// closing quote they go back to pending.
func (t *csvTable) wholeRecord(
	line textLine, separator byte,
) (text string, last textLine, ok bool) {
	text, last = line.text, line
	if !inQuotes(text, separator, false) {
		return text, last, true
	}
	var more []textLine
	size := len(text)
	for len(more) < csvLookahead && size < maxLine {
		next, ok := t.next()
		if !ok {
			break
		}
		more, last = append(more, next), next
		if next.flaw != "" {
			break
		}
		size += len("\n") + len(next.text)
		if !inQuotes(next.text, separator, true) {
			var b strings.Builder
			b.WriteString(text)
			for _, m := range more {
				b.WriteString("\n" + m.text)
			}
			return b.String(), last, true
		}
	}
	t.pending = append(more, t.pending...)
	return "", last, false
}

// inQuotes says whether a line ends inside a quoted field; open says that it begins in one. A quote
// opens a field only at the field's beginning.
func inQuotes(text string, separator byte, open bool) bool {
	if strings.IndexByte(text, '"') < 0 {
		return open
	}
	for {
		if !open {
			if text, open = strings.CutPrefix(text, `"`); !open {
				i := strings.IndexByte(text, separator)
				if i < 0 {
					return false
				}
				text = text[i+1:]
				continue
			}
		}
		i := strings.IndexByte(text, '"')
		if i < 0 {
			return true
		}
		text, open = strings.CutPrefix(text[i+1:], `"`)
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
