package report

import (
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/analyze/rules"
)

// TestSpan: what is still absent lasts from its beginning, whatever is the last that is missing.
func TestSpan(t *testing.T) {
	x := analyze.Incident{Cause: rules.ListedNotDownloaded, Open: true, Rules: []string{rules.ListedNotDownloaded}, First: 1e6, Last: 2e6}
	if got := span(&x, time.UTC); got != "since 1970-01-01 00:00:01Z" {
		t.Errorf("%q", got)
	}
	x.Open = false
	if got := span(&x, time.UTC); got != "from 1970-01-01 00:00:01Z to 1970-01-01 00:00:02Z" {
		t.Errorf("%q", got)
	}
	x = analyze.Incident{Cause: rules.Spacing, Open: true, Rules: []string{rules.Spacing}, First: 1e6, Last: 1e6}
	if got := span(&x, time.UTC); got != "at 1970-01-01 00:00:01Z" {
		t.Errorf("%q", got)
	}
}
