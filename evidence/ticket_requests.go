package evidence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
	"github.com/6dcca832/headroom/internal/measure"
)

// ticketRow is a request to look up. Row is its number in requests.csv.
type ticketRow struct {
	row  int64
	leaf *DisclosedLeaf
	why  string
}

// requests are the tables of what to look up: of an incident its cause, what that did, and what
// came after.
func (t *ticket) requests() {
	t.line("\n## Requests to look up\n")
	t.line("Row is the number in requests.csv, which has all %s with their keys; its column incident names what each broke.",
		measure.Count(t.c.Facts().Requests, "request"))
	if n := t.later(); n > 0 {
		t.line("%s of them began after %s (UTC): they are sealed with the others, and nothing here counts them.",
			measure.Grouped(n), strings.TrimSuffix(t.c.About.AsOf, "Z"))
	}
	byRow := t.leaves()
	part := analyze.ExamplePart("")
	var rows []ticketRow
	for i := range t.examples {
		e := &t.examples[i]
		leaf := byRow[e.Request.ID]
		if leaf == nil {
			continue
		}
		if e.Part != part {
			t.table(rows)
			rows, part = nil, e.Part
			t.line("\n### %s\n", t.partTitle(e))
		}
		rows = append(rows, ticketRow{e.Request.ID, leaf, exampleWhy(e)})
	}
	if part == "" {
		rows = t.chosen()
		t.line("")
	}
	t.table(rows)
}

// later is how many requests of the leaves, which reach up to the log's head, began after the
// moment that the bundle is as of.
func (t *ticket) later() (n int64) {
	asOf, err := time.Parse(time.RFC3339, t.c.About.AsOf)
	if err != nil {
		return 0
	}
	for i := range t.c.Leaves {
		if r := t.c.Leaves[i].Request; r != nil && r.StartedAt > asOf.UnixMicro() {
			n++
		}
	}
	return n
}

// leaves are the requests by their rows.
func (t *ticket) leaves() map[int64]*DisclosedLeaf {
	rows := map[int64]*DisclosedLeaf{}
	for i := range t.c.Leaves {
		if t.c.Leaves[i].Request != nil {
			rows[int64(len(rows))+1] = &t.c.Leaves[i]
		}
	}
	return rows
}

// partTitle says which requests come first, and of how many.
func (t *ticket) partTitle(e *analyze.Example) string {
	s := rules.Words(e.Rule)
	if k := slices.Index(t.incident.Rules, e.Rule); k >= 0 && k < len(t.incident.Counts) {
		s += " (" + measure.Grouped(t.incident.Counts[k]) + ")"
	}
	switch {
	case e.Part == analyze.PartAfter:
		return "After it: the first requests that were served"
	case e.Part == analyze.PartEffect:
		return "Effect: " + s + ", the first and the last"
	case e.Rule == rules.Spacing:
		return "Likely cause: " + s + ", the first and the shortest gaps"
	}
	return "Likely cause: " + s + ", the first and the largest"
}

// exampleWhy says why a request counts; of a repeat, when and as which row the recording came
// first.
func exampleWhy(e *analyze.Example) string {
	if e.Before.ID == 0 {
		return e.Why
	}
	return fmt.Sprintf("first downloaded %s, row %d; %s again for nothing", second(e.Before.At),
		e.Before.ID, measure.Bytes(e.Request.ResponseBytes))
}

func (t *ticket) table(rows []ticketRow) {
	if len(rows) == 0 {
		return
	}
	head, rule := "| row | started (UTC) | status | bytes | recording key |", "|--:|---|---|--:|---|"
	withIDs := slices.ContainsFunc(rows,
		func(r ticketRow) bool { return r.leaf.Request.VendorID != "" })
	withWhy := slices.ContainsFunc(rows, func(r ticketRow) bool { return r.why != "" })
	if withIDs {
		head, rule = head+" your request id |", rule+"---|"
	}
	if withWhy {
		head, rule = head+" why |", rule+"---|"
	}
	t.line("%s\n%s", head, rule)
	for _, r := range rows {
		q := r.leaf.Request
		key, _ := r.leaf.Value(FieldKey)
		row := fmt.Sprintf("| %d | %s | %d | %d | %s |", r.row, second(q.StartedAt), q.Status,
			q.ResponseBytes, cell(cmp.Or(key, q.Template)))
		if withIDs {
			row += " " + cell(q.VendorID) + " |"
		}
		if withWhy {
			row += " " + cell(r.why) + " |"
		}
		t.line("%s", row)
	}
}

// chosen are, of a period, refused requests first, then those without an answer, then the largest;
// in order of time.
func (t *ticket) chosen() []ticketRow {
	from, to := int64(0), int64(1)<<62
	if t.incident != nil {
		from, to = t.incident.First, t.incident.Last
	}
	var rows []ticketRow
	n := int64(0)
	for i := range t.c.Leaves {
		r := t.c.Leaves[i].Request
		if r == nil {
			continue
		}
		n++
		if r.StartedAt >= from && r.StartedAt <= to {
			rows = append(rows, ticketRow{row: n, leaf: &t.c.Leaves[i]})
		}
	}
	weight := func(r ticketRow) int64 {
		switch status := r.leaf.Request.Status; {
		case refused(status):
			return 2
		case status == 0 || status >= 400:
			return 1
		}
		return 0
	}
	byTime := func(a, b ticketRow) int {
		return cmp.Compare(a.leaf.Request.StartedAt, b.leaf.Request.StartedAt)
	}
	slices.SortStableFunc(rows, func(a, b ticketRow) int {
		return cmp.Or(cmp.Compare(weight(b), weight(a)),
			cmp.Compare(b.leaf.Request.ResponseBytes, a.leaf.Request.ResponseBytes), byTime(a, b))
	})
	rows = rows[:min(len(rows), ticketRequests)]
	slices.SortStableFunc(rows, byTime)
	return rows
}
