package forecast

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

const dataDir = "../../../shared/data/forecast/"

type tseries struct {
	id string
	s  *Series
}

func rows(t testing.TB, name string) [][]string {
	f, err := os.Open(dataDir + name)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	var r *csv.Reader
	if strings.HasSuffix(name, ".gz") {
		z, _ := gzip.NewReader(f)
		r = csv.NewReader(z)
	} else {
		r = csv.NewReader(f)
	}
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[1:]
}

func loadPublic(t testing.TB, closures, labels bool) []tseries {
	var out []tseries
	idx := map[string]*Series{}
	for _, r := range rows(t, "public.csv.gz") {
		s := idx[r[0]]
		if s == nil {
			d, _ := time.Parse("2006-01-02", r[1])
			s = &Series{Start: d, Closures: map[int]string{}}
			idx[r[0]] = s
			out = append(out, tseries{r[0], s})
		}
		v, _ := strconv.ParseFloat(r[2], 64)
		s.Bytes = append(s.Bytes, v)
	}
	day := func(s *Series, x string) int {
		d, _ := time.Parse("2006-01-02", x)
		return int(math.Round(d.Sub(s.Start).Hours() / 24))
	}
	if closures {
		for _, r := range rows(t, "public_holidays.csv") {
			if s := idx[r[0]]; s != nil {
				s.Closures[day(s, r[1])] = r[2]
			}
		}
	}
	if labels {
		for _, r := range rows(t, "public_events.csv") {
			s := idx[r[0]]
			v, _ := strconv.ParseFloat(r[3], 64)
			if r[2] == "missed_night" {
				v = -v
			}
			s.Faults = append(s.Faults, Fault{day(s, r[1]), v})
		}
		for _, r := range rows(t, "public_backlog.csv") {
			s := idx[r[0]]
			v, _ := strconv.ParseFloat(r[2], 64)
			if s.Backlog == nil {
				s.Backlog = make([]float64, len(s.Bytes))
			}
			s.Backlog[day(s, r[1])] = v
		}
	}
	return out
}

type sc struct {
	mase, pin, c80, c95, bs90, ref90 float64
	hpin                             [15]float64
	n                                float64
	hn                               [15]float64
	ok                               bool
}

func pexceed(q []float64, cap float64) float64 {
	if cap <= q[0] {
		if cap > q[0]-(q[2]-q[0]) {
			return .9875
		}
		return 1
	}
	if cap > q[20] {
		if cap < q[20]+(q[20]-q[18]) {
			return .0125
		}
		return 0
	}
	i := sort.SearchFloat64s(q, cap)
	a, b := q[i-1], q[i]
	f := levels[i]
	if a != b {
		f = levels[i-1] + (levels[i]-levels[i-1])*(cap-a)/(b-a)
	}
	return 1 - f
}

func scoreSeries(s *Series, warm, cold *sc) {
	y := s.Bytes
	n := len(y)
	S := make([]float64, n)
	var vals []float64
	for i := 4; i < n; i++ {
		for d := i - 4; d <= i; d++ {
			S[i] += y[d]
		}
		vals = append(vals, S[i])
	}
	var scale, k float64
	for i := 11; i < n; i++ {
		scale += math.Abs(S[i] - S[i-7])
		k++
	}
	scale /= k
	slices.Sort(vals)
	x := .9 * float64(len(vals)-1)
	cap90 := vals[int(x)] + (x-math.Floor(x))*(vals[min(int(x)+1, len(vals)-1)]-vals[int(x)])
	e := newEngine(s)
	ev := [2][][2]float64{}
	for i := 0; i < n; i++ {
		e.push(y[i])
		if i < 2 || i > n-15 {
			continue
		}
		a := cold
		wi := 0
		if i >= 27 {
			a = warm
			wi = 1
		}
		p7 := 0.
		hit := 0.
		for h := 1; h <= 14; h++ {
			p, q := e.quantiles(h)
			if h <= 7 {
				p7 = math.Max(p7, pexceed(q[:], cap90))
				if S[i+h] >= cap90 {
					hit = 1
				}
			}
			if i+h < 4 {
				continue
			}
			t := S[i+h]
			if math.IsNaN(p) || math.IsNaN(q[3]) {
				panic(fmt.Sprint(i, h, p, q))
			}
			a.mase += math.Abs(p-t) / scale
			var pb float64
			for j := 1; j < 20; j++ {
				if t >= q[j] {
					pb += 2 * levels[j] * (t - q[j])
				} else {
					pb += 2 * (levels[j] - 1) * (t - q[j])
				}
			}
			a.pin += pb / 19 / scale
			a.hpin[h] += pb / 19 / scale
			a.hn[h]++
			a.n++
			if q[2] <= t && t <= q[18] {
				a.c80++
			}
			if q[0] <= t && t <= q[20] {
				a.c95++
			}
		}
		if i >= 4 && S[i] < cap90 {
			ev[wi] = append(ev[wi], [2]float64{p7, hit})
		}
	}
	for wi, a := range []*sc{cold, warm} {
		a.mase /= a.n
		a.pin /= a.n
		a.c80 /= a.n
		a.c95 /= a.n
		for h := range a.hpin {
			a.hpin[h] /= a.hn[h]
		}
		if len(ev[wi]) > 0 {
			var br float64
			for _, x := range ev[wi] {
				a.bs90 += (x[0] - x[1]) * (x[0] - x[1])
				br += x[1]
			}
			k := float64(len(ev[wi]))
			a.bs90 /= k
			br /= k
			a.ref90 = br * (1 - br)
			a.ok = true
		}
	}
}

func TestScore(t *testing.T) {
	for _, mode := range strings.Split(os.Getenv("FMODE"), ",") {
		all := loadPublic(t, strings.Contains(mode, "c"), strings.Contains(mode, "l"))
		var tot [2]sc
		var nb [2]float64
		for _, s := range all {
			var w, c sc
			scoreSeries(s.s, &w, &c)
			if os.Getenv("FPER") != "" {
				fmt.Printf("%-25s %.3f %.3f %.3f %.3f | %.3f %.3f %.3f bss %.3f (%.3f)\n", s.id, w.mase, w.pin, w.c80, w.c95, c.pin, c.c80, c.c95, 1-w.bs90/w.ref90, w.ref90)
			}
			for i, a := range []sc{w, c} {
				o := &tot[i]
				o.mase += a.mase / float64(len(all))
				o.pin += a.pin / float64(len(all))
				o.c80 += a.c80 / float64(len(all))
				o.c95 += a.c95 / float64(len(all))
				for h := range a.hpin {
					o.hpin[h] += a.hpin[h] / float64(len(all))
				}
				if a.ok {
					nb[i]++
					o.bs90 += a.bs90
					o.ref90 += a.ref90
				}
			}
		}
		w, c := tot[0], tot[1]
		fmt.Printf("%-3s warm MASE %.4f PIN %.4f C80 %.3f C95 %.3f BSS %.4f | cold MASE %.4f PIN %.4f C80 %.3f C95 %.3f   %s\n", mode, w.mase, w.pin, w.c80, w.c95, 1-w.bs90/w.ref90, c.mase, c.pin, c.c80, c.c95, os.Getenv("FP"))
	}
}
