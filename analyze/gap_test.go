package analyze

import (
	"math/rand/v2"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// TestJudgeGap compares each verdict with all gaps that clocks and durations allow.
func TestJudgeGap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	meanings := []store.TimeMeaning{store.TimeIsStart, store.TimeIsEnd, store.TimeIsUnknown}
	const least, long = 3000, 20_000
	for range 3000 {
		gap, res := r.Int64N(8)*500, []int64{0, 1000}[r.IntN(2)]
		before, now := meanings[r.IntN(3)], meanings[r.IntN(3)]
		short, kept := false, false
		for range 400 {
			trueGap := gap
			if res > 0 {
				trueGap += []int64{1 - res, 0, res - 1}[r.IntN(3)] // within (gap−res, gap+res)
			}
			for _, d := range []struct {
				is   store.TimeMeaning
				sign int64
			}{{before, 1}, {now, -1}} {
				if d.is == store.TimeIsEnd || d.is == store.TimeIsUnknown && r.IntN(2) == 0 {
					trueGap += d.sign * []int64{0, 1, long}[r.IntN(3)]
				}
			}
			if trueGap < least {
				short = true
			} else {
				kept = true
			}
		}
		want := gapUnclear
		switch {
		case !kept:
			want = gapTooShort
		case !short:
			want = gapKept
		}
		if got := judgeGap(gap, res, least, before, now); got != want {
			t.Fatalf("gap %d, resolution %d, %v then %v: %d, want %d", gap, res, before, now, got, want)
		}
	}
}
