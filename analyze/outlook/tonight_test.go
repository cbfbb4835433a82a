package outlook

import (
	"compress/gzip"
	"math"
	"os"
	"testing"

	"github.com/6dcca832/headroom/analyze/forecast"
)

// publicVolumes are the public series that analyze/forecast is measured on; they are not part of the project.
const publicVolumes = "../../../shared/data/forecast/public.csv.gz"

// TestTonightOnPublicMornings: with caps a little above all that the last weeks had, tonight is not 0 on mornings on which a
// usual night was safe, and what it says is safe. Safe means that the cap is not reached while tonight's bytes are in the
// window, or would have been without them, too.
func TestTonightOnPublicMornings(t *testing.T) {
	f, err := os.Open(publicVolumes)
	if err != nil {
		if os.Getenv("HEADROOM_CI") == "1" {
			t.Fatalf("open public series: %v", err)
		}
		t.Skipf("public series are not here: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	series, err := forecast.ReadDaily(z)
	if err != nil {
		t.Fatal(err)
	}
	const window, step = 5, 13
	for _, factor := range []float64{1.1, 1.2, 1.4} {
		var mornings, usualSafe, open, said, safe float64
		for _, s := range series {
			for n := 60; n+window <= len(s.Series.Bytes); n += step {
				y := s.Series.Bytes
				var most float64
				for end := n - 28; end <= n; end++ {
					most = math.Max(most, lastSum(y[:end], window))
				}
				limit := factor * most
				m, err := forecast.Fit(forecast.Series{Start: s.Series.Start, Bytes: y[:n]}, window)
				if err != nil || limit == 0 {
					continue
				}
				// reaches says whether the cap is reached with so many bytes tonight, and the true ones in all other nights.
				reaches := func(bytes float64) bool {
					sum := lastSum(y[:n], window) - y[n-window] + bytes
					for h := 1; ; h++ {
						if sum >= limit {
							return true
						}
						if h == window {
							return false
						}
						sum += y[n+h] - y[n+h-window]
					}
				}
				d := &days{model: m, growth: 1}
				got := dailyBudget(d, forecast.Cap{limit}).Tonight
				mornings++
				usual := d.model.Expected(1)[0]
				if !reaches(usual) {
					usualSafe++
					if got > 0 {
						open++
					}
				}
				if got > 0 {
					said++
					if !reaches(float64(got)) || reaches(0) {
						safe++
					}
				}
			}
		}
		t.Logf("cap %.1f: %.0f mornings; of %.0f on which a usual night was safe tonight is not 0 on %.3f; of %.0f not 0 %.3f were safe",
			factor, mornings, usualSafe, open/usualSafe, said, safe/said)
		if open < .8*usualSafe || safe < .95*said {
			t.Errorf("cap %.1f: tonight is not 0 on %.3f of the mornings, and safe on %.3f", factor, open/usualSafe, safe/said)
		}
	}
}
