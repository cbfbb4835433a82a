package page

import (
	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/report"
)

// UsageBy are what a page tells the use of the API by; of many tenants it leaves out the hours,
// whose tables are long.
var UsageBy = []analyze.UsageBy{analyze.ByClass, analyze.ByClient, analyze.ByHour}

// usageData is a table of how much of the API a tenant used, told by one thing. The script writes
// it when it is near the screen: the tables of many tenants take longer to read than all else that
// they have on the page.
type usageData struct {
	Title string     `json:"t"`
	Heads []string   `json:"h"`
	Rows  [][]string `json:"r"`
}

func newUsageData(r *analyze.UsageReport) usageData {
	titles := map[analyze.UsageBy]string{
		analyze.ByClass: "by class of request", analyze.ByClient: "by client",
		analyze.ByHour: "by hour of the week",
	}
	u := usageData{Title: titles[r.By]}
	u.Heads, u.Rows = report.UsageTable(r)
	return u
}

// usageTables are those that the page has of a tenant.
func usageTables(p *report.Picture, tenant string) (all []usageData) {
	for _, u := range p.Usage[tenant] {
		if len(p.Audit.Tenants) <= roomyTenants || !leftOutOfMany(u) {
			all = append(all, newUsageData(u))
		}
	}
	return all
}

// usageWords sum up a tenant's use in a sentence; "" where none is told.
func usageWords(all []*analyze.UsageReport) string {
	if len(all) == 0 {
		return ""
	}
	t := &all[0].Total
	s := measure.Count(t.Requests, "request") + ", " + measure.Bytes(t.ResponseBytes) +
		" down; wasted (refused, downloaded again or repeated in vain): " +
		measure.Count(t.WastedRequests, "request") + ", " + measure.Bytes(t.WastedBytes)
	if t.Duration.N > 0 {
		s += "; half of the answers within " + measure.Duration(t.Duration.P50) +
			", 95% within " + measure.Duration(t.Duration.P95)
	}
	if t.BusyShare >= 0 {
		s += "; the nightly window is busy for " + measure.Percent(t.BusyShare)
	}
	return s + "."
}

// leftOutOfMany says of which tables a page of many tenants has none: the hours, which are long,
// and a single client, of whom the sentence above says the same.
func leftOutOfMany(u *analyze.UsageReport) bool {
	return u.By == analyze.ByHour || u.By == analyze.ByClient && len(u.Rows) == 1
}
