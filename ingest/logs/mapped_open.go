package logs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// openObject reads a line of JSON. What stands before the object, such as the time that a shell
// adds, is its member "time".
func openObject(text string) (record opened, torn bool, reason string) {
	before, _, found := strings.Cut(text, "{")
	if !found {
		return opened{}, true, "line is not a JSON object"
	}
	d := json.NewDecoder(strings.NewReader(text[len(before):]))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return opened{}, true, endsEarly
		}
		reason := explainJSON(text[len(before):], err)
		return opened{}, reason == endsEarly, reason
	}
	if before = strings.TrimSpace(before); before != "" && object["time"] == nil {
		object["time"] = before
	}
	get := func(member string) jsonscan.Token {
		value, _ := lookUp(object, member)
		return member2token(value)
	}
	has := func(member string) bool {
		_, ok := lookUp(object, member)
		return ok
	}
	return opened{get, has}, false, ""
}

// lookUp finds a member whose name may lead into objects; a name that itself has dots is found too.
func lookUp(object map[string]any, member string) (value any, ok bool) {
	if v, ok := object[member]; ok {
		return v, true
	}
	for i := 0; i < len(member); i++ {
		if member[i] != '.' {
			continue
		}
		if inner, ok := object[member[:i]].(map[string]any); ok {
			if v, ok := lookUp(inner, member[i+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// member2token makes a token of a decoded value; of a list, which is how some write headers, of its
// first element.
func member2token(v any) jsonscan.Token {
	switch v := v.(type) {
	case string:
		return tokenOf(v)
	case json.Number:
		return jsonscan.Token{Kind: jsonscan.Number, Text: v.String()}
	case bool:
		if v {
			return jsonscan.Token{Kind: jsonscan.True}
		}
		return jsonscan.Token{Kind: jsonscan.False}
	case []any:
		if len(v) > 0 {
			return member2token(v[0])
		}
	case map[string]any:
		return jsonscan.Token{Kind: jsonscan.Other}
	}
	return jsonscan.Token{}
}

// openRow reads a line of a table that has no header, or as a directive.
func (r *mapped) openRow(line textLine) (record opened, torn bool, reason string) {
	if r.layout == layoutW3C && strings.HasPrefix(line.text, "#") {
		if names, ok := strings.CutPrefix(line.text, "#Fields:"); ok {
			r.header(strings.Fields(names))
		}
		return opened{}, false, ""
	}
	if r.layout == layoutColumns && r.index == nil {
		r.header(r.columns)
	}
	var err error
	r.cells, err = r.split(line.text)
	switch {
	case err != nil:
		return opened{}, true, "a quote stands where RFC 4180 allows none"
	case r.index == nil:
		return opened{}, false, "no directive #Fields: stands before the line"
	case r.lacks != "":
		return opened{}, false, "#Fields: " + r.lacks
	case line.open && len(r.cells) <= len(r.index):
		return opened{}, true, "line is half-written"
	case r.layout != layoutColumns && len(r.cells) != len(r.index):
		return opened{}, true,
			fmt.Sprintf("%d fields where the header has %d", len(r.cells), len(r.index))
	}
	return opened{get: r.cell}, false, ""
}

// cell looks up a column of the row.
func (r *mapped) cell(member string) jsonscan.Token {
	i, ok := r.index[strings.ToLower(member)]
	if !ok || i >= len(r.cells) {
		return jsonscan.Token{}
	}
	cell := strings.TrimSpace(r.cells[i])
	if r.layout == layoutCSV && isNothing(cell) {
		return jsonscan.Token{}
	}
	return tokenOf(cell)
}

// header takes the names of the columns. It notes in lacks what is not there, and gives the field
// whose column is there twice.
func (r *mapped) header(names []string) (twice string) {
	r.index = map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, ok := r.index[name]; ok {
			twice = cmp.Or(r.fieldOf(name), twice)
		}
		r.index[name] = i
	}
	r.lacks = ""
	for _, required := range requiredGroups {
		var wanted []string
		there := false
		for _, field := range required {
			for _, p := range r.fields[field] {
				_, ok := r.index[strings.ToLower(p.member)]
				there = there || ok
				wanted = append(wanted, strconv.Quote(p.member))
			}
		}
		if !there && r.layout != layoutColumns {
			r.lacks = fmt.Sprintf("has no column %s, by which the mapping gives %s",
				strings.Join(wanted, " or "), required[0])
		}
	}
	return twice
}

// fieldOf is the field that a column gives, "" for a column that is not looked at.
func (r *mapped) fieldOf(column string) string {
	for field, places := range r.fields {
		for _, p := range places {
			if strings.ToLower(p.member) == column {
				return field
			}
		}
	}
	return ""
}

func (r *mapped) split(text string) ([]string, error) {
	separator := cmp.Or(r.separator, r.Mapping.separator)
	switch {
	case separator != 0:
	case r.layout == layoutW3C && strings.IndexByte(text, '\t') < 0:
		separator = ' '
	case r.layout == layoutW3C:
		separator = '\t'
	default: // the one that the first line has most of
		separator = ','
		for _, s := range csvSeparators {
			if strings.Count(text, string(rune(s))) > strings.Count(text, string(rune(separator))) {
				separator = s
			}
		}
	}
	r.separator = separator
	if separator == ' ' {
		return splitQuoted(text), nil
	}
	return splitCSV(text, separator, r.cells[:0])
}

// splitQuoted cuts a line at its spaces; a cell in quotes may hold some.
func splitQuoted(text string) (cells []string) {
	for text != "" {
		if text[0] == '"' {
			end := closingQuote(text[1:])
			if end < 0 {
				end = len(text) - 1
			}
			cells = append(cells, text[1:1+end])
			text = strings.TrimPrefix(text[min(end+2, len(text)):], " ")
			continue
		}
		cell, rest, _ := strings.Cut(text, " ")
		cells, text = append(cells, cell), rest
	}
	return cells
}
