package logs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// openObject reads a line of JSON. What stands before the object, such as the time that a shell
// adds, is its member "time".
func openObject(text string) (get func(member string) jsonscan.Token, torn bool, reason string) {
	before, _, found := strings.Cut(text, "{")
	if !found {
		return nil, true, "line is not a JSON object"
	}
	d := json.NewDecoder(strings.NewReader(text[len(before):]))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, true, endsEarly
		}
		reason := explainJSON(text[len(before):], err)
		return nil, reason == endsEarly, reason
	}
	if before = strings.TrimSpace(before); before != "" && object["time"] == nil {
		object["time"] = before
	}
	return func(member string) jsonscan.Token {
		return member2token(lookUp(object, member))
	}, false, ""
}

// lookUp finds a member whose name may lead into objects; a name that itself has dots is found too.
func lookUp(object map[string]any, member string) any {
	if v, ok := object[member]; ok {
		return v
	}
	for i := 0; i < len(member); i++ {
		if member[i] != '.' {
			continue
		}
		if inner, ok := object[member[:i]].(map[string]any); ok {
			if v := lookUp(inner, member[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
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

// openRow reads a line of a table.
func (r *mapped) openRow(
	line textLine,
) (get func(member string) jsonscan.Token, torn bool, reason string) {
	if r.layout == layoutW3C && strings.HasPrefix(line.text, "#") {
		if names, ok := strings.CutPrefix(line.text, "#Fields:"); ok {
			r.header(strings.Fields(names))
		}
		return nil, false, ""
	}
	if r.layout == layoutColumns && r.index == nil {
		r.header(r.columns)
	}
	var err error
	r.cells, err = r.split(line.text)
	switch {
	case err != nil:
		return nil, true, "a quote stands where RFC 4180 allows none"
	case r.index == nil && r.layout == layoutW3C:
		return nil, false, "no directive #Fields: stands before the line"
	case r.index == nil:
		r.header(r.cells)
		return nil, false, ""
	case line.open && len(r.cells) <= len(r.index):
		return nil, true, "line is half-written"
	case r.layout != layoutColumns && len(r.cells) != len(r.index):
		return nil, true, fmt.Sprintf("%d fields where the header has %d", len(r.cells), len(r.index))
	}
	return func(member string) jsonscan.Token {
		if i, ok := r.index[strings.ToLower(member)]; ok && i < len(r.cells) {
			return tokenOf(strings.TrimSpace(r.cells[i]))
		}
		return jsonscan.Token{}
	}, false, ""
}

func (r *mapped) header(names []string) {
	r.index = map[string]int{}
	for i, name := range names {
		r.index[strings.ToLower(strings.TrimSpace(name))] = i
	}
}

func (r *mapped) split(text string) ([]string, error) {
	separator := r.separator
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
		r.separator = separator
	}
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
