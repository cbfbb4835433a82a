package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/internal/measure"
)

// numeral finds the numbers of a text, but those in names such as p95, 3f2c or recording-2.
var numeral = regexp.MustCompile(`(^|[^0-9A-Za-z_.,–-])([0-9][0-9,]*(?:\.[0-9]+)?)`)

func numerals(s string) (all []string) {
	for _, m := range numeral.FindAllStringSubmatch(s, -1) {
		all = append(all, strings.TrimRight(m[2], ","))
	}
	return all
}

// facts are what a JSON document says, as people may read it.
type facts struct {
	said map[string]bool // numerals
	asOf time.Time
}

func (f *facts) say(texts ...string) {
	for _, s := range texts {
		for _, n := range numerals(s) {
			f.said[n] = true
		}
	}
}

// walk says every number and text of a document in each form that people get to see.
func (f *facts) walk(v any) {
	switch v := v.(type) {
	case map[string]any:
		f.derived(v)
		for _, member := range v {
			f.walk(member)
		}
	case []any:
		f.say(strconv.Itoa(len(v)))
		for _, member := range v {
			f.walk(member)
		}
	case string:
		if at, err := time.Parse(time.RFC3339, v); err == nil {
			f.say(measure.Stamp(at, time.UTC), measure.ShortDate(at, time.UTC), measure.Weekday(at, time.UTC),
				measure.Ago(f.asOf.UnixMicro(), at.UnixMicro()))
			return
		}
		f.say(v)
	case json.Number:
		n, _ := v.Float64()
		whole := int64(math.Round(n))
		f.say(v.String(), measure.Grouped(whole), measure.Brief(whole), measure.Bytes(whole), measure.BytesPerSecond(n),
			measure.Duration(int64(math.Round(n*1e6))), measure.Percent(n), measure.PercentTenths(n), measure.Chance(n),
			measure.Span(time.Duration(n*float64(time.Second))), measure.Span(time.Duration(n*float64(time.Hour))))
	}
}

// derived are what is computed from several numbers: shares, parts in one unit, what is left.
func (f *facts) derived(v map[string]any) {
	number := func(name string) float64 {
		n, _ := v[name].(json.Number)
		x, _ := n.Float64()
		return x
	}
	if limit := number("cap_bytes"); limit > 0 {
		f.say(measure.BytesOf(int64(number("current_bytes")), int64(limit)))
		for _, day := range list(v["rolling"]) {
			p50, _ := day["p50"].(json.Number).Float64()
			f.say(measure.Percent(p50 / limit))
		}
	}
	left := int64(number("current_bytes"))
	for _, hour := range list(v["room"]) {
		n, _ := hour["bytes"].(json.Number).Int64()
		left -= n
		f.say(measure.Bytes(left))
	}
	all := list(v["rows"])
	if total, ok := v["total"].(map[string]any); ok {
		all = append(all, total)
		of, _ := total["requests"].(json.Number).Int64()
		for _, row := range all {
			requests, _ := row["requests"].(json.Number).Int64()
			errors, _ := row["errors"].(json.Number).Int64()
			f.say(measure.PercentOf(requests, of), measure.PercentOf(errors, requests))
		}
	}
	if tenants := list(v["tenants"]); tenants != nil { // the tally of an audit
		counts := map[any]int64{}
		for _, t := range tenants {
			counts[t["verdict"]]++
		}
		for _, n := range counts {
			f.say(measure.Grouped(n), measure.Grouped(n-25)) // a table has 25 that pass, and counts the others
		}
		f.say("0")
	}
}

func list(v any) (all []map[string]any) {
	members, _ := v.([]any)
	for _, m := range members {
		if m, ok := m.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// constants are numbers in the fixed words of tables.
var constants = []string{"30", "2.5", "7", "10", "90", "80", "95", "5", "24", "50"}

// checkParity compares tables with JSON: each number of a table is in the document, and the document about a tenant says
// nothing that people are not told.
func checkParity(t *testing.T, global []string, asOf string, tenants []string) {
	t.Helper()
	at, err := time.Parse(time.RFC3339, asOf)
	if err != nil {
		t.Fatal(err)
	}
	run := func(format string, args []string) string {
		var out, errs bytes.Buffer
		all := slices.Concat([]string{"headroom", "-q"}, global, args, []string{"--as-of", asOf, "--format", format})
		if code := Main(t.Context(), all, strings.NewReader(""), &out, &errs); code == exitFailed {
			t.Fatalf("%v: %s", all, errs.String())
		}
		return out.String()
	}
	check := func(args ...string) (table string, doc map[string]any) {
		table = run("table", args)
		d := json.NewDecoder(strings.NewReader(run("json", args)))
		d.UseNumber()
		if err := d.Decode(&doc); err != nil {
			t.Fatal(err)
		}
		f := &facts{said: map[string]bool{}, asOf: at}
		f.say(constants...)
		for _, c := range constants {
			f.said[c] = true
		}
		f.walk(doc)
		var missing []string
		for _, n := range numerals(table) {
			if !f.said[n] {
				missing = append(missing, n)
			}
		}
		if missing != nil {
			t.Errorf("%v: JSON does not say %v of\n%s", args, slices.Compact(missing), table)
		}
		return table, doc
	}
	// both is check, and that people are told all that the document says: by the table, or by Markdown, which has room
	// for all columns.
	both := func(args ...string) {
		table, doc := check(args...)
		told := &facts{said: map[string]bool{}}
		told.say(table, run("markdown", args))
		delete(doc, "database") // row ids are no matter of a table
		for _, lost := range untold(told, table, "", doc) {
			t.Errorf("%v: the table does not tell %s:\n%s", args, lost, table)
		}
	}
	for _, tenant := range tenants {
		both("audit", tenant, "--nights")
		both("forecast", tenant)
	}
	for _, by := range usageBys() {
		both("usage", tenants[0], "--by", by, "--top", "20")
	}
	check("audit")
	check("forecast", "--top", "10")
	check("usage", "--top", "10")
}

// untold are the numbers of a document that no form of is in a table. Row ids are told in part, and the cap's
// bounds only where they differ.
func untold(told *facts, table, path string, v any) (lost []string) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			switch name {
			case "cap_low_bytes", "cap_high_bytes", "low", "high":
			case "day", "p025", "p05", "p95", "p99_s": // FORMATS.md: tables have fewer quantiles
			case "mase", "pinball": // the table of --backtest has them
			case "requests":
				if _, ids := member.([]any); !ids {
					lost = append(lost, untold(told, table, path+"."+name, member)...)
				}
			default:
				lost = append(lost, untold(told, table, path+"."+name, member)...)
			}
		}
	case []any:
		for i, member := range v {
			lost = append(lost, untold(told, table, fmt.Sprintf("%s[%d]", path, i), member)...)
		}
	case json.Number:
		forms := &facts{said: map[string]bool{}}
		forms.walk(v)
		if n, _ := v.Float64(); n == 0 {
			return nil
		}
		for n := range forms.said {
			if told.said[n] {
				return nil
			}
		}
		lost = append(lost, fmt.Sprintf("%s = %s", path, v))
	}
	return lost
}
