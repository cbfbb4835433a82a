package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// reports answers historical reports. A slow one is cached when it was first asked for.
type reports struct {
	cfg   Config
	ready map[uint64]time.Time // by report and parameters: when the cached report can be fetched
}

// answer runs the report, or says that it timed out and was cached.
func (r *reports) answer(c call, now time.Time) *answer {
	q, err := parseReport(c.body)
	if err == nil {
		err = meaning(q)
	}
	if err != nil {
		return refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	id := r.identity(c.id, q)
	ready, cached := r.ready[id]
	if !cached && r.slow(id) {
		r.ready[id] = now.Add(r.cfg.ReportBuild)
	}
	if !cached && r.slow(id) || cached && now.Before(ready) {
		return refuse(http.StatusAccepted,
			"the report timed out and has been cached; ask again with the same parameters")
	}
	return inJSON(reportRows(r.cfg, id))
}

// identity is the same for the same report with the same parameters, in whatever order they come.
func (r *reports) identity(report string, q ReportQuery) uint64 {
	slices.SortStableFunc(q.Parameters,
		func(a, b ReportParameter) int { return cmp.Compare(a.Name, b.Name) })
	words, err := json.Marshal(q)
	if err != nil {
		panic(fmt.Sprintf("marshal report parameters: %v", err))
	}
	return hash(r.cfg.Seed, r.cfg.Name, report, string(words))
}

// slow says whether a report takes too long, which is a matter of its parameters.
func (r *reports) slow(id uint64) bool {
	const steps = 1 << 20
	return float64(hash(id, "slow")%steps) < r.cfg.SlowReports*steps
}

// meaning checks what the parameters say: known names and types, dates that are dates.
func meaning(q ReportQuery) error {
	if !slices.Contains([]string{"json", "csv"}, q.Format) {
		return fmt.Errorf("format %q is not supported", q.Format)
	}
	for _, p := range q.Parameters {
		switch p.Name {
		case "startDate", "endDate":
			if _, err := time.Parse(time.DateOnly, p.Value); err != nil || p.ValueType != "DATE" {
				return fmt.Errorf("%s is not a date", p.Name)
			}
		case "agent", "skill":
			if p.ValueType != "STRING" {
				return fmt.Errorf("%s is not a string", p.Name)
			}
		default:
			return fmt.Errorf("parameter %q is not known", p.Name)
		}
	}
	return nil
}

// reportRows are the rows of a report: one an agent, with numbers that follow from the report's
// identity.
func reportRows(cfg Config, id uint64) []map[string]any {
	rows := make([]map[string]any, cfg.Agents)
	for n := range rows {
		h := hash(id, agentName(n))
		rows[n] = map[string]any{"agent": agentName(n), "calls": h % 60, "talkSeconds": h >> 32 % 28800}
	}
	return rows
}
