package commands

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/analyze"
)

// The values of --sort. The first is the order that analyze gives.
const (
	sortUrgency  = "urgency"
	sortName     = "name"
	sortRequests = "requests"
	sortAtFault  = "at-fault"
	sortUsed     = "utilization"
)

func sorts() []string {
	return []string{sortUrgency, sortName, sortRequests, sortAtFault, sortUsed}
}

// showOptions say which tenants of an audit are shown, and in what order. The verdict of all stays
// what it is.
type showOptions struct {
	sort string
	top  int // 0 means all
	only []analyze.Verdict
}

func readShowOptions(c *cli.Context) (o showOptions, err error) {
	o.sort = c.String("sort")
	if o.top, err = readTop(c); err != nil {
		return o, err
	}
	if !c.IsSet("only") {
		return o, nil
	}
	known := []string{
		string(analyze.Fail),
		string(analyze.Warn),
		string(analyze.NoData),
		string(analyze.Pass),
	}
	for name := range strings.SplitSeq(c.String("only"), ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return o, fmt.Errorf("flag --only: %q is none of %s%s", name, strings.Join(known, ", "),
				didYouMean(name, known))
		}
		o.only = append(o.only, analyze.Verdict(name))
	}
	return o, nil
}

// apply gives the report with the tenants to be shown. They are the first of those whose verdict is
// asked for.
func (o *showOptions) apply(r *analyze.Report) (_ *analyze.Report, of []analyze.Result) {
	shown := *r
	shown.Tenants = slices.Clone(r.Tenants)
	if o.only != nil {
		shown.Tenants = slices.DeleteFunc(shown.Tenants, func(t analyze.Result) bool {
			return !slices.Contains(o.only, t.Verdict)
		})
	}
	slices.SortStableFunc(shown.Tenants, func(a, b analyze.Result) int {
		switch o.sort {
		case sortName:
			return cmp.Compare(a.Tenant, b.Tenant)
		case sortRequests:
			return cmp.Compare(b.Requests, a.Requests)
		case sortAtFault:
			return cmp.Compare(b.AtFault, a.AtFault)
		case sortUsed:
			x, _ := a.Egress.Utilization()
			y, _ := b.Egress.Utilization()
			return cmp.Compare(y, x)
		}
		return 0
	})
	of = shown.Tenants
	if o.top > 0 && len(shown.Tenants) > o.top {
		shown.Tenants = shown.Tenants[:o.top]
	}
	return &shown, of
}

// readTop reads --top; 0 means that it was not given.
func readTop(c *cli.Context) (int, error) {
	n := c.Int("top")
	if n < 0 || n == 0 && c.IsSet("top") {
		return 0, errors.New("flag --top: must be 1 or more")
	}
	return n, nil
}
