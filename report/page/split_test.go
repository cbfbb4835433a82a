package page

import (
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report"
	"github.com/6dcca832/headroom/report/reporttest"
)

// TestSplitPagesHoldOneTenant: nothing of another tenant is in a page, and what all share stays.
func TestSplitPagesHoldOneTenant(t *testing.T) {
	p := &report.Picture{Audit: reporttest.Sample(), Days: &analyze.Daily{}, Forecast: &outlook.Report{}}
	names := []string{}
	for i := range p.Audit.Tenants {
		name := []string{"alder", "birch-and-sons", "cedar"}[i]
		p.Audit.Tenants[i].Tenant = name
		p.Days.Tenants = append(p.Days.Tenants, analyze.TenantDays{
			Tenant: name, Days: []analyze.Day{{Day: 20_000}}, Origins: []analyze.Origin{{Client: "puller of " + name}},
		})
		p.Forecast.Tenants = append(p.Forecast.Tenants, outlook.Projection{Tenant: name, Notes: []string{"note on " + name}})
		names = append(names, name)
	}
	for i := range p.Audit.Tenants[0].Incidents {
		p.Audit.Tenants[0].Incidents[i].ID = "alder-incident"
	}
	begin := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	p.Audit.Pruned = analyze.Pruned{Before: begin.AddDate(0, 0, 9), Requests: 777, Nights: []analyze.PrunedNight{
		{Tenant: names[0], Night: begin, Requests: 111}, {Tenant: names[1], Night: begin, Requests: 222},
	}}
	n := 0
	for file, own := range Split(p) {
		text := pageOf(t, own)
		for i, sum := range []string{"111 requests", "222 requests"} {
			if want := i == n; strings.Contains(text, sum) != want {
				t.Errorf("%s tells of %s that were removed: %v", file, sum, !want)
			}
		}
		for i, name := range names {
			if want := i == n; strings.Contains(text, name) != want {
				t.Errorf("%s names %s: %v", file, name, !want)
			}
		}
		if !strings.Contains(text, "This file is about "+names[n]+" and holds no other tenant.") {
			t.Errorf("%s does not say whose it is", file)
		}
		n++
	}
	if n != len(names) {
		t.Errorf("%d pages", n)
	}
}

func TestFileNamesAreSafeAndDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, tenant := range append([]string{"acme", "Acme", "ACME", "../x", "..", ".", "-x", "a b", "a_b", "con/aux"}, reporttest.HostileNames...) {
		name := FileName(tenant)
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %q share %s", tenant, other, name)
		}
		seen[name] = tenant
		if strings.ContainsAny(name, "/\\ \x00:") || name[0] == '.' && len(name) < 7 || len(name) > 120 {
			t.Errorf("%q is called %q", tenant, name)
		}
	}
	if FileName("acme-2.cloud") != "acme-2.cloud.html" {
		t.Error("a plain name is changed")
	}
}
