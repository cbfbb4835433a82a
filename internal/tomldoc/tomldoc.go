// Package tomldoc reads TOML that people write by hand, and says of each mistake where it is and
// what to write instead.
//
// For most uses, call Decode with a struct; then check the values, and report what is wrong with
// Document.Errorf, which finds the line of a key.
//
// # Guarantees
//
// Every error is one line that begins with the file's name and, where there is one, the line's
// number.
//
// # What it does not do
//
// It writes no TOML of its own accord, and knows nothing of what the keys mean.
package tomldoc

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxDocument is the most bytes a hand-written file can sensibly have.
const maxDocument = 1 << 20

// byteOrderMark is what some editors put before a text in UTF-8.
var byteOrderMark = []byte("\xef\xbb\xbf")

// Document is a TOML file that has been read, and that still knows on which line each of its keys
// stands.
type Document struct {
	name  string
	lines map[string]int
}

// Decode reads data strictly into the struct that into points to. Name is what messages call the
// file.
//
// Every error begins with name and, where there is one, the line: "policy.toml:12: …". A key that
// the struct does not have is an error that names the nearest one it has.
func Decode(name string, data []byte, into any) (*Document, error) {
	if len(data) > maxDocument {
		return nil, fmt.Errorf("%s: file has %d bytes; more than %d cannot be right", name, len(data),
			maxDocument)
	}
	if len(data) > 1 && (data[0] == 0xff && data[1] == 0xfe || data[0] == 0xfe && data[1] == 0xff) {
		return nil, fmt.Errorf("%s: file is text in UTF-16; save it as UTF-8", name)
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	doc := &Document{name: name, lines: keyLines(data)}
	dec := toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return nil, doc.explain(err, reflect.TypeOf(into).Elem())
	}
	return doc, nil
}

// Errorf makes an error about a key, such as "egress.days" or "route[2].path" (elements are counted
// from 0). Where the file does not have the key, the error points to the nearest table around it.
func (d *Document) Errorf(key, format string, args ...any) error {
	reason := fmt.Errorf(format, args...)
	for key != "" {
		if line, ok := d.lines[key]; ok {
			return fmt.Errorf("%s:%d: %w", d.name, line, reason)
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return fmt.Errorf("%s: %w", d.name, reason)
}

// explain turns an error of the TOML library into one line that says where, what and what to write
// instead.
func (d *Document) explain(err error, root reflect.Type) error {
	var missing *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		line, _ := missing.Errors[0].Position()
		return fmt.Errorf("%s:%d: %s", d.name, line, unknownKey(root, missing.Errors[0].Key()))
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return fmt.Errorf("%s:%d: %s", d.name, line, wrongValue(root, wrong))
	}
	return fmt.Errorf("%s: %s", d.name, strings.TrimPrefix(err.Error(), "toml: "))
}

func unknownKey(root reflect.Type, key toml.Key) string {
	// The library names the whole key of a table that is missing: the first part that is unknown is
	// the one to correct.
	t := root
	for i, part := range key {
		next, ok := child(t, part)
		if ok {
			t = next
			continue
		}
		known := tags(t)
		msg := fmt.Sprintf("unknown key %q", strings.Join(key[i:i+1], "."))
		if near := Nearest(part, known); near != "" {
			return msg + fmt.Sprintf("; did you mean %q?", near)
		}
		if len(known) == 0 {
			return msg
		}
		return msg + "; known here: " + strings.Join(known, ", ")
	}
	return fmt.Sprintf("unknown key %q", strings.Join(key, "."))
}

func wrongValue(root reflect.Type, err *toml.DecodeError) string {
	msg := strings.TrimPrefix(err.Error(), "toml: ")
	if !strings.HasPrefix(msg, "cannot decode TOML") || len(err.Key()) == 0 {
		return msg
	}
	t := root
	for _, part := range err.Key() {
		next, ok := child(t, part)
		if !ok {
			return msg
		}
		t = next
	}
	return fmt.Sprintf("%q must be %s", strings.Join(err.Key(), "."), kindName(t))
}

func kindName(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a number or a text in quotes"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kindName(t.Elem())
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a text in quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Interface:
		return "a value"
	case reflect.Slice:
		return "a list, each element " + kindName(t.Elem())
	default:
		return "a table"
	}
}

// child is the type of the value that key has in a value of type t.
func child(t reflect.Type, key string) (reflect.Type, bool) {
	t = element(t)
	switch t.Kind() {
	case reflect.Map:
		return t.Elem(), true
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if f.Tag.Get("toml") == key {
				return f.Type, true
			}
		}
	}
	return nil, false
}

// tags are the keys that a value of type t may have, in the order of the struct.
func tags(t reflect.Type) []string {
	t = element(t)
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		if tag := f.Tag.Get("toml"); tag != "" && tag != "-" && !slices.Contains(names, tag) {
			names = append(names, tag)
		}
	}
	return names
}

func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// Nearest is the one of known that word is most likely a misspelling of, "" when none is near.
func Nearest(word string, known []string) string {
	best, bestDistance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := distance(word, k); d < bestDistance && d < len(k) {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes, of which words over 64 bytes are not worth the
// time.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// keyLines finds the line of every key and array element. What cannot be parsed has no lines: the
// decoder says why.
func keyLines(data []byte) map[string]int {
	k := keyScan{lines: map[string]int{}, tables: map[string]int{}}
	for i, c := range data {
		if c == '\n' {
			k.breaks = append(k.breaks, i)
		}
	}
	var p unstable.Parser
	p.Reset(data)
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table:
			table = k.key("", e)
		case unstable.ArrayTable:
			table = k.key("", e)
			n := k.tables[table]
			k.tables[table]++
			line := k.lines[table]
			table += "[" + strconv.Itoa(n) + "]"
			k.lines[table] = line
		case unstable.KeyValue:
			k.value(table, e)
		}
	}
	return k.lines
}

type keyScan struct {
	breaks []int
	lines  map[string]int
	tables map[string]int
}

func (k *keyScan) line(r unstable.Range) int {
	before, _ := slices.BinarySearch(k.breaks, int(r.Offset))
	return before + 1
}

// key records the line of the key of e, below a table, and returns the key.
func (k *keyScan) key(table string, e *unstable.Node) string {
	line := 0
	for it := e.Key(); it.Next(); {
		if table != "" {
			table += "."
		}
		table += string(it.Node().Data)
		line = k.line(it.Node().Raw)
	}
	k.lines[table] = line
	return table
}

func (k *keyScan) value(table string, e *unstable.Node) {
	key := k.key(table, e)
	value := e.Value()
	switch value.Kind {
	case unstable.Array:
		n := 0
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			if it.Node().Raw.Length > 0 {
				k.lines[key+"["+strconv.Itoa(n)+"]"] = k.line(it.Node().Raw)
			}
			n++
		}
	case unstable.InlineTable:
		for it := value.Children(); it.Next(); {
			k.value(key, it.Node())
		}
	}
}
