package tomldoc

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Set gives the text with key = value in a table such as ["tenants", "acme"], and all else as it
// was. The value is TOML. A table that is not there is added at the end, a key that is not there at
// the beginning of its table.
//
// It returns an error where it cannot do that, as in a text that writes the table in braces; then
// the text has to be changed by hand.
func Set(data []byte, table []string, key, value string) ([]byte, error) {
	if text, has := bytes.CutPrefix(data, byteOrderMark); has {
		edited, err := Set(text, table, key, value)
		return append(slices.Clip(byteOrderMark), edited...), err
	}
	lines := strings.SplitAfter(string(data), "\n")
	where := keyLines(data)
	path := strings.Join(table, ".")
	entry := key + " = " + value
	switch at, header := where[path+"."+key], where[path]; {
	case at > 0:
		old := strings.TrimRight(lines[at-1], "\r\n")
		if !regexp.MustCompile(`^\s*` + regexp.QuoteMeta(key) + `\s*=`).MatchString(old) {
			return nil, fmt.Errorf("line %d sets %s.%s together with other things; change it by hand", at,
				path, key)
		}
		lines[at-1] = entry + comment(old) + lineEnd(lines[at-1])
	case header > 0:
		end := lineEnd(lines[header-1])
		lines[header-1] = strings.TrimRight(lines[header-1], "\r\n") + end
		lines = slices.Insert(lines, header, entry+end)
	default:
		lines = append(lines, newTable(data, table), entry+"\n")
	}
	edited := []byte(strings.Join(lines, ""))
	return edited, differsBy(data, edited, table, key, value)
}

// AddTable gives the text with an empty table at its end, or as it is where the table is there.
func AddTable(data []byte, table []string) []byte {
	text := bytes.TrimPrefix(data, byteOrderMark)
	if keyLines(text)[strings.Join(table, ".")] > 0 {
		return data
	}
	return append(slices.Clip(data), newTable(text, table)...)
}

// lineEnd is how a line ends, "\n" where it is the last and has no end.
func lineEnd(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// newTable is the header of a table to come after data.
func newTable(data []byte, table []string) string {
	before := ""
	if n := len(data); n > 0 {
		before = "\n"
		if data[n-1] != '\n' {
			before = "\n\n"
		}
	}
	return before + "[" + quotedPath(table) + "]\n"
}

// comment is what follows a value on its line, where that can be told without reading the value.
func comment(line string) string {
	if strings.ContainsAny(line, `"'`) {
		return ""
	}
	if i := strings.IndexByte(line, '#'); i >= 0 {
		return " " + line[i:]
	}
	return ""
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func quotedPath(table []string) string {
	parts := slices.Clone(table)
	for i, part := range parts {
		if !bareKey.MatchString(part) {
			parts[i] = Quote(part)
		}
	}
	return strings.Join(parts, ".")
}

// Quote makes a TOML string of a text.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// differsBy makes sure that an edit did what was asked for and nothing else.
func differsBy(before, after []byte, table []string, key, value string) error {
	var was, is map[string]any
	if err := toml.Unmarshal(before, &was); err != nil {
		return err
	}
	if err := toml.Unmarshal(after, &is); err != nil {
		return fmt.Errorf("the key %s cannot be set in this text; write it by hand", key)
	}
	if was == nil {
		was = map[string]any{}
	}
	var one map[string]any
	if err := toml.Unmarshal([]byte("v = "+value), &one); err != nil {
		return fmt.Errorf("value of %s: %w", key, err)
	}
	at := was
	for _, part := range table {
		next, ok := at[part].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[part] = next
		}
		at = next
	}
	at[key] = one["v"]
	if fmt.Sprint(was) != fmt.Sprint(is) { // maps print in the order of their keys
		return fmt.Errorf("the key %s cannot be set in this text; write it by hand", key)
	}
	return nil
}
