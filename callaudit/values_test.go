package callaudit_test

import (
	"errors"
	"go/parser"
	"go/token"
	"io"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/callaudit"
)

func opened(t *testing.T, opts ...callaudit.Option) *callaudit.Log {
	t.Helper()
	log, err := callaudit.Open(filepath.Join(t.TempDir(), "a.db"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

// TestTenantsAreFoundByName: audit and forecast have orders of their own.
func TestTenantsAreFoundByName(t *testing.T) {
	log := opened(t, callaudit.WithConfig(callaudit.Config{Tenants: map[string]callaudit.Tenant{
		"acme": {CapBytes: 1e9}, "blue": {CapBytes: 1e9}, "cedar": {CapBytes: 13}, "dunmore": {},
	}}))
	client := &http.Client{Transport: log.Transport(vendor{})}
	for _, tenant := range []string{"acme", "blue", "blue", "blue", "cedar"} {
		if err := get(client, audioOf(tenant)); err != nil {
			t.Fatal(err)
		}
	}
	audit, err := log.Audit(t.Context(), callaudit.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	forecast, err := log.Forecast(t.Context(), callaudit.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	var audited, projected []string
	for i := range audit.Tenants {
		audited = append(audited, audit.Tenants[i].Tenant)
	}
	for i := range forecast.Tenants {
		projected = append(projected, forecast.Tenants[i].Tenant)
	}
	if slices.Equal(audited, projected) {
		t.Errorf("both have the order %v: the test proves nothing", audited)
	}
	for tenant, want := range map[string]int64{"acme": 12, "blue": 36, "cedar": 12} {
		if p := forecast.Of(tenant); p == nil || p.Tenant != tenant || p.Current != want {
			t.Errorf("forecast of %s: %+v", tenant, p)
		}
		if r := audit.Of(tenant); r == nil || r.Tenant != tenant || r.Egress.Current != want {
			t.Errorf("audit of %s: %+v", tenant, r)
		}
	}
	if r := audit.Of("dunmore"); r == nil || r.Requests != 0 {
		t.Errorf("a tenant of the config: %+v", r)
	}
	if forecast.Of("nosuch") != nil || audit.Of("nosuch") != nil {
		t.Error("an unknown tenant is there")
	}
}

// TestValuesAreChecked: what a headroom.toml may not say, a Go value may not either, and in the same words.
func TestValuesAreChecked(t *testing.T) {
	gate := func(s string) *url.URL {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	window := func(from, to time.Duration) callaudit.Tenant {
		return callaudit.Tenant{Window: callaudit.Window{From: from, To: to}}
	}
	file := filepath.Join(t.TempDir(), "a.db")
	for want, tenant := range map[string]callaudit.Tenant{
		`tenant "acme": agents must be between 0 and 1000000, and is -3`:    {Agents: -3},
		`agents must be between 0 and 1000000, and is 1000001`:              {Agents: 1_000_001},
		`cap must be above 0 and at most 1000TB, and is -1`:                 {CapBytes: -1},
		`cap must be above 0 and at most 1000TB, and is 2000000000000000`:   {CapBytes: 2e15},
		`bytes_per_recorded_hour must be above 0`:                           {BytesPerHour: -1},
		`bytes_per_recorded_hour is no number`:                              {BytesPerHour: math.NaN()},
		`cap_told_on says when the cap was told, but there is no cap`:       {CapToldOn: time.Unix(1.7e9, 0)},
		`cap_told_by says who told the cap, but there is no cap`:            {CapToldBy: "support"},
		`window from -1h0m0s to 1h0m0s has a time that no clock shows`:      window(-time.Hour, time.Hour),
		`window from 22h0m0s to 25h0m0s has a time that no clock shows`:     window(22*time.Hour, 25*time.Hour),
		`window from 1s to 1h0m0s must be in whole minutes`:                 window(time.Second, time.Hour),
		`window "05:00-05:00" is empty`:                                     window(5*time.Hour, 5*time.Hour),
		`date "02-30" must be a day`:                                        {Closures: []callaudit.Closure{{Month: 2, Day: 30}}},
		`date "0000-00-00" must be a day`:                                   {Closures: []callaudit.Closure{{Year: -1}}},
		`token_env must be the name of an environment variable`:             {TokenEnv: "a token"},
		`host "https://acme" must be a host name`:                           {Host: "https://acme"},
		`upstream must be written like`:                                     {Upstream: gate("https://me:secret@gate.example")},
		`tenants: tenant "acme" cannot be an alias of itself`:               {AliasOf: "acme"},
		`tenants: tenant "blue" is ignored`:                                 {AliasOf: "blue"},
		`tenants: tenant "cedar" is an alias too, of "corp"; name that one`: {AliasOf: "cedar"},
	} {
		_, err := callaudit.Open(file, callaudit.WithConfig(callaudit.Config{Tenants: map[string]callaudit.Tenant{
			"acme": tenant, "blue": {Ignored: true}, "cedar": {AliasOf: "corp"},
		}}))
		if want = strings.Replace(want, "0000-00-00", "-001-00-00", 1); err == nil || !strings.HasPrefix(err.Error(), "WithConfig: ") ||
			!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %s", err, want)
		}
		tenant.AliasOf = ""
		if reflect.ValueOf(tenant).IsZero() {
			continue
		}
		if _, err := callaudit.Open(file, callaudit.WithConfig(callaudit.Config{Defaults: tenant})); err == nil ||
			!strings.HasPrefix(err.Error(), "WithConfig: defaults: ") {
			t.Errorf("in the defaults: %v, want %s", err, want)
		}
	}
	twice := callaudit.Config{Tenants: map[string]callaudit.Tenant{"acme": {}, "Acme": {}}}
	if _, err := callaudit.Open(file, callaudit.WithConfig(twice)); err == nil || !strings.Contains(err.Error(), `"acme" is there twice`) {
		t.Errorf("two spellings: %v", err)
	}
	if _, err := callaudit.Open(file, nil); err == nil || !strings.Contains(err.Error(), "option 1 of 1 is nil") {
		t.Errorf("an option that is nil: %v", err)
	}
	for _, name := range []string{t.TempDir(), "callaudit_test.go"} {
		if _, err := callaudit.Open(name); err == nil || strings.Contains(err.Error(), "--") {
			t.Errorf("a library has no flags: %v", err)
		}
	}
}

func TestScopeIsChecked(t *testing.T) {
	log := opened(t, callaudit.WithConfig(callaudit.Config{Tenants: map[string]callaudit.Tenant{
		"acme": {}, "blue-1": {}, "blue-2": {}, "gone": {Ignored: true},
	}}))
	if err := get(&http.Client{Transport: log.Transport(vendor{})}, audioOf("gone")); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for want, s := range map[string]callaudit.Scope{
		`tenant "nosuch" is not known; known are acme, blue-1, blue-2, gone`: {Tenants: []string{"nosuch"}},
		`tenant "acne" is not known; did you mean "acme"?`:                   {Tenants: []string{"acne"}},
		`tenant "x*" fits no tenant`:                                         {Tenants: []string{"x*"}},
		`Until must be later than Since`:                                     {Since: now, Until: now.Add(-time.Hour)},
		`AsOf: time 1969-12-31T23:59:59Z is before 1970`:                     {AsOf: time.Unix(-1, 0)},
	} {
		_, auditErr := log.Audit(t.Context(), s)
		_, forecastErr := log.Forecast(t.Context(), s)
		var page strings.Builder
		for _, err := range []error{auditErr, forecastErr, log.WriteReport(t.Context(), &page, s)} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--") {
				t.Errorf("%v, want %s", err, want)
			}
		}
		if page.Len() > 0 {
			t.Errorf("%s: a page was written", want)
		}
	}
	for _, c := range []struct{ asked, want []string }{
		{nil, []string{"acme", "blue-1", "blue-2"}}, {[]string{"blue-*"}, []string{"blue-1", "blue-2"}}, {[]string{"gone"}, []string{"gone"}},
	} {
		r, err := log.Audit(t.Context(), callaudit.Scope{Tenants: c.asked})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range r.Tenants {
			got = append(got, r.Tenants[i].Tenant)
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.asked, got, c.want)
		}
	}
	// An audit of the past is made as of its end, as the command's is.
	r, err := log.Audit(t.Context(), callaudit.Scope{Until: now.Add(-time.Hour)})
	if err != nil || !r.AsOf.Equal(now.Add(-time.Hour).Truncate(time.Microsecond)) {
		t.Errorf("as of %v, %v", r.AsOf, err)
	}
}

func TestResetIsChecked(t *testing.T) {
	log := opened(t, callaudit.WithConfig(callaudit.Config{Tenants: map[string]callaudit.Tenant{"acme": {}}}))
	past := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		tenant, note, want string
		at                 time.Time
	}{
		{"acme", "ticket", "the time at which support did it is needed", time.Time{}},
		{"acme", "ticket", "is before 1970", time.Unix(-1, 0)},
		{"acme", "ticket", "is in the future", time.Now().Add(48 * time.Hour)},
		{"acme", " ", "a note is needed", past},
		{"acne", "ticket", `"acne" is not known; did you mean "acme"?`, past},
		{"", "ticket", "tenant", past},
	} {
		err := log.Reset(t.Context(), c.tenant, c.at, c.note)
		if err == nil || !strings.HasPrefix(err.Error(), "reset: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	for range 2 {
		if err := log.Reset(t.Context(), "acme", past, "ticket 4711"); err != nil {
			t.Fatal(err)
		}
	}
	r, err := log.Audit(t.Context(), callaudit.Scope{})
	if err != nil || len(r.Tenants[0].Resets) != 1 {
		t.Errorf("resets %+v, %v", r.Tenants[0].Resets, err)
	}
}

func TestClosedLogSaysSo(t *testing.T) {
	log, err := callaudit.Open(filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: log.Transport(vendor{})}
	for range 2 {
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := get(client, audio); err != nil {
		t.Errorf("a call after Close: %v", err)
	}
	_, auditErr := log.Audit(t.Context(), callaudit.Scope{})
	_, forecastErr := log.Forecast(t.Context(), callaudit.Scope{})
	for _, err := range []error{
		auditErr, forecastErr, log.WriteReport(t.Context(), io.Discard, callaudit.Scope{}),
		log.Reset(t.Context(), "acme", time.Now(), "ticket 4711"),
	} {
		if !errors.Is(err, callaudit.ErrClosed) || !strings.HasSuffix(err.Error(), ": the log is closed") {
			t.Errorf("after Close: %v", err)
		}
	}
	if _, err := new(callaudit.Log).Audit(t.Context(), callaudit.Scope{}); err == nil || !strings.Contains(err.Error(), "was not opened") {
		t.Errorf("a Log of no Open: %v", err)
	}
}

// TestCommentsListTheFields: the types are aliases, whose fields "go doc" does not show; the comments do.
func TestCommentsListTheFields(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "callaudit.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, group := range file.Comments {
		name, _, _ := strings.Cut(group.Text(), " ")
		comments[name] = group.Text()
	}
	for _, v := range []any{callaudit.Config{}, callaudit.Tenant{}, callaudit.Window{}, callaudit.Closure{}} {
		typ := reflect.TypeOf(v)
		text := comments[typ.Name()]
		_, others, _ := strings.Cut(text, "The others, ")
		for i := range typ.NumField() {
			f := typ.Field(i)
			goType := strings.ReplaceAll(f.Type.String(), "config.", "")
			listed := regexp.MustCompile(`(?m)^\t` + f.Name + ` +` + regexp.QuoteMeta(goType) + `( |$)`).MatchString(text)
			if f.IsExported() && !listed && !regexp.MustCompile(`\b`+f.Name+`\b`).MatchString(others) {
				t.Errorf("the comment of %s does not list %s %s:\n%s", typ.Name(), f.Name, goType, text)
			}
		}
	}
}
