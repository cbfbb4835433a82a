package commands

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/config"
)

func TestParseWhatIf(t *testing.T) {
	day := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	good := map[string]outlook.WhatIf{
		"":                        {},
		"agents=40":               {Agents: 40},
		"growth=20%":              {Growth: .2},
		" growth = -5 % ":         {Growth: -.05},
		"cap=500GB":               {Cap: 500e9},
		"backfill=2GB@2026-12-01": {Backfills: []outlook.Backfill{{Bytes: 2e9, Date: day}}},
		"agents=40,growth=20%,backfill=200GB@2026-12-01,backfill=1MB@2026-12-02": {Agents: 40, Growth: .2, Backfills: []outlook.Backfill{
			{Bytes: 200e9, Date: day}, {Bytes: 1e6, Date: day.AddDate(0, 0, 1)},
		}},
	}
	for in, want := range good {
		if got, err := parseWhatIf(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", in, got, err, want)
		}
	}
	bad := map[string]string{
		"agents":                "must be written like",
		"agents=0":              "whole number from 1",
		"agents=4.5":            "whole number from 1",
		"agents=1,agents=2":     "twice",
		"growth=.2":             "percents",
		"growth=-100%":          "percents",
		"growth=NaN%":           "percents",
		"growht=5%":             `did you mean "growth"`,
		"cap=0":                 "above 0",
		"cap=12XB":              "number of bytes",
		"backfill=2GB":          "name its night",
		"backfill=2GB@tomorrow": "must be a day",
		"backfill=@2026-12-01":  "number of bytes",
		"agents=4,,":            "must be written like",
	}
	for in, want := range bad {
		if _, err := parseWhatIf(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func FuzzParseWhatIf(f *testing.F) {
	for _, s := range []string{"", "agents=40,growth=20%,backfill=200GB@2026-12-01", "cap=1e3kB", "growth=-99.9%", "backfill=1B@0001-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := parseWhatIf(s)
		if err != nil {
			return
		}
		if w.Agents < 0 || w.Cap < 0 || !(w.Growth > -1 && w.Growth <= 100) {
			t.Errorf("%q: %+v", s, w)
		}
		for _, b := range w.Backfills {
			if !(b.Bytes > 0 && b.Bytes <= config.MaxBytes) || b.Date.IsZero() && !strings.Contains(s, "0001-01-01") {
				t.Errorf("%q: %+v", s, b)
			}
		}
	})
}
