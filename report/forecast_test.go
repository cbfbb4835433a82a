package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/analyze/forecast"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/report/text"
)

// someForecast has a tenant that reaches its cap, one that does not, and one without a forecast; the names are hostile.
func someForecast(t *testing.T) *outlook.Report {
	t.Helper()
	series := func(id string, days int, factor float64) forecast.Named {
		s := forecast.Series{Start: time.Date(2026, 8, 3, 0, 0, 0, 0, time.UTC)}
		for d := range days {
			s.Bytes = append(s.Bytes, factor*(1e9+1e7*float64(d*d%13)+5e8*float64(d%7/2)))
		}
		return forecast.Named{ID: id, Series: s}
	}
	policy, err := limits.Builtin("xima")
	if err != nil {
		t.Fatal(err)
	}
	r, err := outlook.ProjectDaily([]forecast.Named{
		series("=cmd|' /C calc'!A0\x1b[2J", 100, 1), series("far\u202efrom "+strings.Repeat("長い", 60), 100, .01), series("new", 2, 1),
	}, policy, 14, outlook.WhatIf{Cap: 9e9, Growth: .1})
	if err != nil {
		t.Fatal(err)
	}
	r.Tenants[0].Budget = &outlook.Budget{Tonight: 5e8, Daily: 4e8, Binds: outlook.BindsTime}
	r.Tenants[0].Notes = []string{"a note\x07 on it"}
	r.Tenants[0].Room = []outlook.RoomHour{{At: r.AsOf.Add(time.Hour), Bytes: 7e8}, {At: r.AsOf.Add(2 * time.Hour)}}
	return r
}

func renderForecast(t *testing.T, r *outlook.Report, detail bool, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Forecast(&b, r, detail, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestForecastFitsAndIsClean(t *testing.T) {
	for _, detail := range []bool{false, true} {
		for _, format := range Formats() {
			s := renderForecast(t, someForecast(t), detail, Options{Format: format})
			if i := strings.IndexFunc(s, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x202e || r == 0x7f) }); i >= 0 {
				t.Errorf("%s: %q gets through", format, s[i:min(len(s), i+20)])
			}
			for line := range strings.Lines(s) {
				if w := text.Width(strings.TrimSuffix(line, "\n")); format == "table" && w > 100 {
					t.Errorf("%d columns: %s", w, line)
				}
			}
		}
	}
}

func TestForecastTable(t *testing.T) {
	s := renderForecast(t, someForecast(t), true, Options{})
	for _, want := range []string{"14 days ahead", "What if there were a cap of 9.00 GB, a volume of +10%", "new: no forecast: only 2 days of history", "×", "bound by time", "held", "p97.5", "Leaves", "700 MB"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
}

// TestForecastJSON holds the keys to those of the contract.
func TestForecastJSON(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(renderForecast(t, someForecast(t), false, Options{Format: "json"})), &doc); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, doc, "schema as_of horizon_days what_if program database left left_unlikely tenants")
	tenants := doc["tenants"].([]any)
	first, last := tenants[0].(map[string]any), tenants[2].(map[string]any)
	sameKeys(t, first, "tenant cap_bytes cap_source current_bytes method history_days reason rolling p_cross cross_at budget backtest data_until over_since under_again room unscored notes")
	sameKeys(t, first["rolling"].([]any)[0].(map[string]any), "day at point p025 p05 p10 p25 p50 p75 p90 p95 p975")
	sameKeys(t, first["cross_at"].(map[string]any), "p10 p50 p90")
	sameKeys(t, first["budget"].(map[string]any), "tonight_bytes daily_bytes binds")
	sameKeys(t, first["backtest"].(map[string]any), "origins mase pinball coverage80 coverage95")
	if first["reason"] != nil || last["reason"] == nil || last["p_cross"] != nil || last["backtest"] != nil || len(last["rolling"].([]any)) != 0 {
		t.Errorf("first %v\nlast %v", first, last)
	}
}

func sameKeys(t *testing.T, m map[string]any, want string) {
	t.Helper()
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	wanted := strings.Fields(want)
	slices.Sort(keys)
	slices.Sort(wanted)
	if !slices.Equal(keys, wanted) {
		t.Errorf("keys %v, want %v", keys, wanted)
	}
}

func TestForecastCountsWhoIsLeftOut(t *testing.T) {
	r := &outlook.Report{AsOf: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Horizon: 14}
	for i, chance := range []float64{.3, .02, .009, 0, -1} {
		r.Tenants = append(r.Tenants, outlook.Projection{Tenant: fmt.Sprintf("t%d", i), Chance: chance})
	}
	for top, want := range map[int][2]string{
		0: {"", `"left":0,"left_unlikely":0`},
		1: {"… and 4 more tenants, none likelier to reach its cap, 2 under 1%.", `"left":4,"left_unlikely":2`},
		4: {"… and 1 more tenant, none likelier to reach its cap.", `"left":1,"left_unlikely":0`},
		5: {"", `"left":0,"left_unlikely":0`},
	} {
		for _, format := range Formats() {
			s := renderForecast(t, r, false, Options{Format: format, Top: top})
			told := want[0]
			switch format {
			case "json":
				s, told = strings.NewReplacer("\n", "", " ", "").Replace(s), want[1]
			case "csv":
				told = ""
			}
			if !strings.Contains(s, told) || told == "" && strings.Contains(s, "…and") {
				t.Errorf("--top %d, %s: no %q in\n%s", top, format, told, s)
			}
			if got := strings.Contains(s, "t4"); got != (top == 0 || top == 5) {
				t.Errorf("--top %d, %s: the last tenant is there: %v", top, format, got)
			}
		}
	}
}
func TestForecastCSV(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(renderForecast(t, someForecast(t), false, Options{Format: "csv"}))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+3+2*14 || !slices.Equal(rows[0], forecastHead) {
		t.Errorf("%d rows, head %v", len(rows), rows[0])
	}
	if name := rows[1][2]; !strings.HasPrefix(name, "'=") {
		t.Errorf("a formula gets through: %q", name)
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		v, top float64
		want   rune
	}{{0, 8, '▁'}, {4, 8, '▅'}, {7.99, 8, '█'}, {8, 8, '×'}, {math.Inf(1), 8, '×'}, {5, 0, '▁'}} {
		if got := spark(c.v, c.top); got != c.want {
			t.Errorf("%v of %v is %c, want %c", c.v, c.top, got, c.want)
		}
	}
}

func TestScoresNameTheReason(t *testing.T) {
	for _, format := range Formats() {
		var b bytes.Buffer
		err := Scores(&b, []Scored{{Name: "a", Scores: []forecast.Score{{Name: "headroom", MASE: .5, Origins: 3}}}, {Name: "b", Reason: "too young"}}, Options{Format: format})
		if err != nil || !strings.Contains(b.String(), "too young") || !strings.Contains(b.String(), "0.5") {
			t.Errorf("%s: %v\n%s", format, err, &b)
		}
	}
}

// TestReachedIsSaid: a tenant at its cap is shown so, also where there is no forecast, and a missing score says why.
func TestReachedIsSaid(t *testing.T) {
	r := &outlook.Report{Horizon: 14, Tenants: []outlook.Projection{{
		Tenant: "full", Chance: -1, Current: 9e9, Cap: egress.Cap{Bytes: 9e9, Source: egress.CapTold}, Reason: "only 2 days of history; 3 are needed",
	}, {Tenant: "calm", Cap: egress.Cap{Bytes: 9e9, Source: egress.CapTold}, Unscored: "only 30 days of history; 42 are needed"}}}
	s := renderForecast(t, r, true, Options{Format: "table"})
	for _, want := range []string{"reached", "Not scored on its past: only 30 days of history; 42 are needed."} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
}

// At 80 columns a table of usual figures fits, and no tenant's name is cut.
func TestForecastFitsEightyColumns(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	long := "contact-centre-of-the-northern-region"
	r := &outlook.Report{AsOf: at, Horizon: 14}
	for _, name := range []string{long, "acme"} {
		p := outlook.Projection{
			Tenant: name, AsOf: at, Cap: egress.Cap{Bytes: 43.7e6, Source: egress.CapMeasured}, Current: 9.99e6,
			Budget: &outlook.Budget{Tonight: 35e6}, Chance: .3, Early: at.AddDate(0, 0, 3),
			Likely: at.AddDate(0, 0, 25), Late: at.AddDate(0, 0, 29), Days: make([]outlook.Day, 14),
		}
		r.Tenants = append(r.Tenants, p)
	}
	s := renderForecast(t, r, false, Options{Width: 80})
	names := ""
	for line := range strings.Lines(s) {
		if w := text.Width(strings.TrimSuffix(line, "\n")); w > 80 {
			t.Errorf("%d columns: %q", w, line)
		}
		if first, _, _ := strings.Cut(line, " "); strings.Contains(long, strings.TrimSpace(first)) {
			names += strings.TrimSpace(first)
		}
	}
	if !strings.Contains(names, long) {
		t.Errorf("the name %q is not whole in\n%s", long, s)
	}
}

// TestNotesNameTenantsWhole: names that begin and end alike are told apart in the notes, too.
func TestNotesNameTenantsWhole(t *testing.T) {
	names := []string{
		"shift_early_of_the_northern_region_two_days_ago", "shift_early_of_the_southern_region_two_days_ago",
	}
	r := &outlook.Report{Horizon: 7}
	var audited analyze.Report
	for _, n := range names {
		r.Tenants = append(r.Tenants, outlook.Projection{Tenant: n, Reason: "no recording was requested yet"})
		audited.Tenants = append(audited.Tenants, analyze.Result{Tenant: n})
	}
	for what, notes := range map[string][]string{"forecast": forecastNotes(r, false), "audit": Notes(&audited)} {
		for _, n := range names {
			if !strings.Contains(strings.Join(notes, "\n"), n) {
				t.Errorf("%s: no %q in %q", what, n, notes)
			}
		}
	}
}
