package commands

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/internal/config"
)

// parseWhatIf reads changes such as "agents=40,growth=20%,backfill=200GB@2026-12-01". Only a
// backfill may come more than once. Nothing is no change.
func parseWhatIf(s string) (w outlook.WhatIf, err error) {
	seen := map[string]bool{}
	if strings.TrimSpace(s) == "" {
		return w, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		name, value, found := strings.Cut(part, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !found {
			return w, fmt.Errorf("change %q must be written like agents=40", part)
		}
		if seen[name] && name != "backfill" {
			return w, fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		if err := change(&w, name, value); err != nil {
			return outlook.WhatIf{}, err
		}
	}
	return w, nil
}

func change(w *outlook.WhatIf, name, value string) (err error) {
	switch name {
	case "agents":
		w.Agents, err = strconv.Atoi(value)
		if err != nil || w.Agents < 1 || w.Agents > config.MaxAgents {
			return fmt.Errorf("agents %q must be a whole number from 1 to %d", value, config.MaxAgents)
		}
	case "cap":
		var bytes float64
		bytes, err = config.ParseBytes(value)
		w.Cap = max(1, int64(bytes))
	case "growth":
		w.Growth, err = parseGrowth(value)
	case "backfill":
		var b outlook.Backfill
		b, err = parseBackfill(value)
		w.Backfills = append(w.Backfills, b)
	default:
		names := []string{"agents", "cap", "growth", "backfill"}
		return fmt.Errorf("change %q is none of %s%s", name, strings.Join(names, ", "),
			didYouMean(name, names))
	}
	return err
}

// parseGrowth reads percents: "20%" is .2. Without the sign it could be a factor, so the sign must
// be there.
func parseGrowth(s string) (float64, error) {
	number, found := strings.CutSuffix(s, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !found || err != nil || math.IsNaN(n) || n <= -100 || n > 10_000 {
		return 0, fmt.Errorf("growth %q must be percents above -100%% and up to 10000%%, such as 20%%", s)
	}
	return n / 100, nil
}

func parseBackfill(s string) (b outlook.Backfill, err error) {
	amount, date, found := strings.Cut(s, "@")
	if !found {
		return b, fmt.Errorf("backfill %q must name its night, such as 200GB@2026-12-01", s)
	}
	if b.Bytes, err = config.ParseBytes(strings.TrimSpace(amount)); err != nil {
		return b, fmt.Errorf("backfill: %w", err)
	}
	if b.Date, err = time.Parse(time.DateOnly, strings.TrimSpace(date)); err != nil {
		return b, fmt.Errorf("backfill date %q must be a day such as 2026-12-01", date)
	}
	return b, nil
}
