package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pullFile is the table [pull] as it is written.
type pullFile struct {
	Dest        string `toml:"dest"`
	Staging     string `toml:"staging"`
	Lookback    string `toml:"lookback"`
	Reserve     string `toml:"reserve"`
	MaxTransfer amount `toml:"max_transfer"`
	MaxDuration string `toml:"max_duration"`
	Order       string `toml:"order"`
	CutoffMode  string `toml:"cutoff_mode"`
	Parallel    int    `toml:"parallel"`
}

func (r *reader) pull(f pullFile) Pull {
	p := Pull{
		Dest: f.Dest, Staging: f.Staging, Parallel: f.Parallel,
		Order:      r.oneOf("pull.order", f.Order, "oldest", "newest", "smallest"),
		CutoffMode: r.oneOf("pull.cutoff_mode", f.CutoffMode, "cautious", "soft"),
	}
	p.MaxTransfer = int64(r.amount("pull.max_transfer", f.MaxTransfer))
	var err error
	if f.Lookback != "" {
		p.Lookback, err = ParseLength(f.Lookback)
		r.note("pull.lookback", err)
	}
	if f.MaxDuration != "" {
		p.MaxDuration, err = ParseLength(f.MaxDuration)
		r.note("pull.max_duration", err)
	}
	if f.Reserve != "" {
		p.Reserve, err = ParseShare(f.Reserve)
		r.note("pull.reserve", err)
	}
	if f.Parallel < 0 {
		r.note("pull.parallel", fmt.Errorf("parallel must be 0 or more, and is %d", f.Parallel))
	}
	return p
}

func (r *reader) oneOf(key, value string, among ...string) string {
	if value != "" && !slices.Contains(among, value) {
		r.note(key, fmt.Errorf("%q is none of %s", value, strings.Join(among, ", ")))
	}
	return value
}

// ParseLength reads a length of time such as "90m", "5h" or "5d"; it must be above 0.
func ParseLength(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		d = time.Duration(n * float64(24*time.Hour))
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("length of time %q must be above 0, written like \"90m\", \"5h\" or \"5d\"",
			s)
	}
	return d, nil
}

// ParseShare reads a share such as "5%" or "0.05", from 0 to below 1. None at all is -1, because 0
// means that nothing was said.
func ParseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(strings.TrimSpace(s), "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v < 1) {
		return 0, fmt.Errorf("share %q must be from 0%% to below 100%%, written like \"5%%\"", s)
	}
	if v == 0 {
		return -1, nil
	}
	return v, nil
}
