package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/internal/tomldoc"
)

// Change is what is to be said of one tenant.
type Change struct {
	Tenant string
	Values []Value
}

// Value is a key of a tenant's table and its value as TOML.
type Value struct{ Key, TOML string }

// Ignore leaves a tenant out of what is told. Its requests stay in the log.
func Ignore(tenant string) Change {
	return Change{tenant, []Value{{"ignore", "true"}}}
}

// Alias counts a tenant's requests as those of another. Both stay in the log as they are.
func Alias(tenant, of string) Change {
	return Change{tenant, []Value{{"alias_of", tomldoc.Quote(of)}}}
}

// Outcome counts the tenants of Update.
type Outcome struct{ Added, Changed, Unchanged int }

// Update makes changes in a file, and leaves all else in it as it is, comments included. A file
// that is not there is made; it is written whole or not at all, and only if the result can be read.
func Update(name string, changes []Change) (o Outcome, err error) {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	before, err := readTrusted(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("read config: %w", err)
	}
	created := err != nil
	known, err := Parse(name, before)
	if err != nil {
		return o, err
	}
	text := before
	for _, c := range changes {
		was := text
		text = tomldoc.AddTable(text, []string{"tenants", c.Tenant})
		for _, v := range c.Values {
			if text, err = tomldoc.Set(text, []string{"tenants", c.Tenant}, v.Key, v.TOML); err != nil {
				return o, fmt.Errorf("change %s: tenant %s: %w", pathname.Quote(name), c.Tenant, err)
			}
		}
		switch _, had := known.Tenants[c.Tenant]; {
		case !had:
			o.Added++
		case string(was) == string(text):
			o.Unchanged++
		default:
			o.Changed++
		}
	}
	if _, err := Parse(name, text); err != nil {
		return o, fmt.Errorf("the changed config could not be read, and was not written: %w", err)
	}
	if string(text) == string(before) {
		return o, nil
	}
	return o, writeConfig(name, text, created)
}

func writeConfig(name string, text []byte, created bool) error {
	if created { // Replace keeps permissions, and a new file's are for its owner alone
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write config: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("write config: %w", err)
		}
	}
	return safefile.Replace(name, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// columns are those that ReadChanges knows, and whether their values are numbers. They are the keys
// of a tenant's table.
var columns = map[string]bool{
	"agents": true, "cap": false, "cap_told_on": false, "cap_told_by": false, "time_zone": false,
	"window":                  false,
	"bytes_per_recorded_hour": false,
}

// ReadChanges reads a CSV file with a header: "tenant", and any of agents, cap, cap_told_on,
// cap_told_by, time_zone, window and bytes_per_recorded_hour. Fields may be separated by semicolons
// or tabs as well; an empty one changes nothing. Name is what messages call the file.
func ReadChanges(name string, r io.Reader) ([]Change, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxCSV+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", pathname.Quote(name), err)
	case len(data) > maxCSV:
		return nil, fmt.Errorf("%s: file is longer than %d bytes, which no list of tenants is", name,
			maxCSV)
	}
	text := strings.TrimPrefix(string(data), "\ufeff")
	first, _, _ := strings.Cut(text, "\n")
	c := csv.NewReader(strings.NewReader(text))
	c.FieldsPerRecord, c.TrimLeadingSpace = -1, true
	for _, separator := range ";\t" {
		if strings.ContainsRune(first, separator) {
			c.Comma = separator
		}
	}
	header, err := c.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: there is no header; write for example tenant,agents,cap", name)
	}
	if err := checkHeader(header); err != nil {
		return nil, fmt.Errorf("%s:1: %w", name, err)
	}
	var changes []Change
	var wrong wrongLines
	seen := map[string]bool{}
	for {
		record, err := c.Read()
		if err == io.EOF {
			return changes, wrong.err(name)
		}
		var change Change
		if err == nil {
			change, err = readChange(header, record, c.Comma != ',')
		}
		if err == nil && seen[change.Tenant] {
			err = fmt.Errorf("tenant %q is there twice", change.Tenant)
		}
		line := 0
		if record != nil {
			line, _ = c.FieldPos(0)
		}
		var quotes *csv.ParseError
		if errors.As(err, &quotes) { // what follows may be read wrongly, too
			wrong.add(quotes.StartLine, quotes.Err)
			return nil, wrong.err(name)
		}
		if err != nil {
			wrong.add(line, err)
		}
		seen[change.Tenant] = true
		changes = append(changes, change)
	}
}

// wrongLines are what is wrong with lines of a file, each of them to be mended before another try.
type wrongLines struct {
	first []string
	more  int
}

// shownWrong is how many lines are told.
const shownWrong = 10

func (w *wrongLines) add(line int, err error) {
	if len(w.first) == shownWrong {
		w.more++
		return
	}
	w.first = append(w.first, fmt.Sprintf("%d: %v", line, err))
}

// err is one line on all of them, nil where there are none.
func (w *wrongLines) err(name string) error {
	if w.first == nil {
		return nil
	}
	text := name + ":" + strings.Join(w.first, "; line ")
	if w.more > 0 {
		text += fmt.Sprintf("; and %d lines more", w.more)
	}
	return errors.New(text)
}

const maxCSV = 8 << 20

func checkHeader(header []string) error {
	for i := range header {
		header[i] = strings.ToLower(strings.TrimSpace(header[i]))
	}
	if !slices.Contains(header, "tenant") {
		return errors.New("there is no column \"tenant\"")
	}
	known := []string{"tenant"}
	for column := range sorted(columns) {
		known = append(known, column)
	}
	for i, column := range header {
		if !slices.Contains(known, column) {
			return fmt.Errorf("column %q is not known; known are %s", column, strings.Join(known, ", "))
		}
		if slices.Index(header, column) < i {
			return fmt.Errorf("column %q is there twice", column)
		}
	}
	return nil
}

// decimalComma is an amount with a comma that can be no separator of thousands.
var decimalComma = regexp.MustCompile(`^([0-9]+),([0-9]{1,2}) *([A-Za-z]*)$`)

// readChange turns a line into a change, after it was read as a config of its own. With commas,
// "1,5 GB" is one and a half: the file's separator is another.
func readChange(header, record []string, commas bool) (c Change, err error) {
	if len(record) != len(header) {
		return c, fmt.Errorf("the line has %d fields, the header %d", len(record), len(header))
	}
	var text []byte
	for i, column := range header {
		value := strings.TrimSpace(record[i])
		if commas && (column == "cap" || column == "bytes_per_recorded_hour") {
			value = decimalComma.ReplaceAllString(value, "$1.$2$3")
		}
		switch number := columns[column]; {
		case column == "tenant":
			c.Tenant = value
			continue
		case value == "":
			continue
		case number:
			if _, err := strconv.Atoi(value); err != nil {
				return c, fmt.Errorf("%s must be a whole number, and is %q", column, value)
			}
		default:
			value = tomldoc.Quote(value)
		}
		c.Values = append(c.Values, Value{column, value})
	}
	if c.Tenant == "" {
		return c, errors.New("the tenant's name is empty")
	}
	for _, v := range c.Values {
		if text, err = tomldoc.Set(text, []string{"tenants", c.Tenant}, v.Key, v.TOML); err != nil {
			return c, err
		}
	}
	if _, err := Parse("", text); err != nil {
		if reason := errors.Unwrap(err); reason != nil {
			err = reason // the line of the line's own config says nothing
		}
		return c, err
	}
	return c, nil
}
