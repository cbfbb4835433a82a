package forecast

import (
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"
)

type wv struct{ v, w float64 }

func wq(x []wv, p float64) float64 {
	slices.SortFunc(x, func(a, b wv) int {
		if a.v < b.v {
			return -1
		} else if a.v > b.v {
			return 1
		}
		return 0
	})
	var tot, c float64
	for _, a := range x {
		tot += a.w
	}
	for _, a := range x {
		c += a.w
		if c >= p*tot {
			return a.v
		}
	}
	return x[len(x)-1].v
}

// one obs with series weight
type sobs struct {
	obs
	group string
	id    string
}

var hclsets = map[string]func(h int) int{
	"all":  func(h int) int { return h - 1 },
	"6":    func(h int) int { return min(h, 5) - 1 + b2i(h > 7) },
	"5":    func(h int) int { return min(h, 5) - 1 },
	"one":  func(h int) int { return 0 },
	"two":  func(h int) int { return b2i(h > 4) },
	"four": func(h int) int { return []int{0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3}[h-1] },
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func fit(all []sobs, skip string, buckets []int, h0, h1 func(int) int, center bool) (g0 [][][21]float64, g1 [][21]float64) {
	bucketUpper = buckets
	a0 := map[[2]int][]wv{}
	a1 := map[int][]wv{}
	n0 := map[string]float64{}
	n1 := map[string]float64{}
	key0 := func(o sobs) string { return fmt.Sprint(o.id, bucket(o.n), h0(o.h)) }
	key1 := func(o sobs) string { return fmt.Sprint(o.id, h1(o.h)) }
	for _, o := range all {
		n0[key0(o)]++
		if !math.IsNaN(o.std) {
			n1[key1(o)]++
		}
	}
	for _, o := range all {
		if o.group == skip {
			continue
		}
		if !math.IsNaN(o.rel) && !math.IsInf(o.rel, 0) {
			k := [2]int{bucket(o.n), h0(o.h)}
			a0[k] = append(a0[k], wv{o.rel, 1 / n0[key0(o)]})
		}
		if !math.IsNaN(o.std) {
			a1[h1(o.h)] = append(a1[h1(o.h)], wv{o.std, 1 / n1[key1(o)]})
		}
	}
	q21 := func(x []wv) (q [21]float64) {
		for i, l := range levels {
			q[i] = wq(x, l)
		}
		return
	}
	for b := 0; b <= len(buckets); b++ {
		var rows [][21]float64
		for h := 1; h <= H; h++ {
			q := q21(a0[[2]int{b, h0(h)}])
			if P["c0"] == 1 {
				for i := range q {
					if i != 10 {
						q[i] -= q[10]
					}
				}
				q[10] = 0
			}
			rows = append(rows, q)
		}
		g0 = append(g0, rows)
	}
	for h := 1; h <= H; h++ {
		q := q21(a1[h1(h)])
		if center {
			for i := range q {
				if i != 10 {
					q[i] -= q[10]
				}
			}
			q[10] = 0
		}
		for i := range q {
			q[i] *= P["s1"]
		}
		g1 = append(g1, q)
	}
	if P["g0s"] > 0 {
		for b := range g0 {
			var num, den float64
			for k, x := range a0 {
				if k[0] == b {
					for _, v := range x {
						num += v.w * math.Abs(v.v)
						den += v.w
					}
				}
			}
			if os.Getenv("FPRINT") != "" {
				fmt.Println("s0", b, num/den)
			}
			for h := range g0[b] {
				for i := range g0[b][h] {
					g0[b][h][i] = P["g0s"] * g1[h][i] * num / den
				}
			}
		}
	}
	return
}

func group(id string) string {
	g, _, _ := strings.Cut(id, "_")
	return strings.TrimSuffix(g, "99")
}

func TestFit(t *testing.T) {
	var all []sobs
	for _, cal := range []bool{false, true} {
		for _, x := range loadPublic(t, cal, false) {
			if cal && len(x.s.Closures) == 0 {
				continue
			}
			dump = func(o obs) { all = append(all, sobs{o, group(x.id), x.id}) }
			e := newEngine(x.s)
			for _, y := range x.s.Bytes {
				e.push(y)
			}
		}
	}
	dump = nil
	buckets := map[string][]int{"ref": {5, 7, 10, 14, 21, 28, 42, 70}, "5": {5, 9, 14, 21, 28}, "4": {6, 14, 28}, "3": {7, 14}, "1": {14}, "0": {}}[or(os.Getenv("BK"), "ref")]
	h0, h1 := hclsets[or(os.Getenv("H0"), "all")], hclsets[or(os.Getenv("H1"), "all")]
	groups := map[string]bool{}
	for _, o := range all {
		groups[o.group] = true
	}
	var gs []string
	for g := range groups {
		gs = append(gs, g)
	}
	sort.Strings(gs)
	for _, cv := range []bool{false, true} {
		for _, cal := range []bool{false, true} {
			pub := loadPublic(t, cal, false)
			var tot [2]sc
			var nb float64
			for _, g := range gs {
				skip := g
				if !cv {
					skip = ""
				}
				g0table, g1table = fit(all, skip, buckets, h0, h1, true)
				for _, s := range pub {
					if group(s.id) != g {
						continue
					}
					var w, c sc
					scoreSeries(s.s, &w, &c)
					for i, a := range []sc{w, c} {
						tot[i].mase += a.mase / 29
						tot[i].pin += a.pin / 29
						tot[i].c80 += a.c80 / 29
						tot[i].c95 += a.c95 / 29
						if i == 0 {
							tot[i].bs90 += a.bs90
							tot[i].ref90 += a.ref90
						}
					}
					nb++
				}
			}
			w, c := tot[0], tot[1]
			fmt.Printf("cv %v cal %v | PIN %.4f C80 %.3f C95 %.3f BSS %.4f | cold PIN %.4f C80 %.3f C95 %.3f  %s %s %s %s\n", b2i(cv), b2i(cal), w.pin, w.c80, w.c95, 1-w.bs90/w.ref90, c.pin, c.c80, c.c95, os.Getenv("FP"), os.Getenv("BK"), os.Getenv("H0"), os.Getenv("H1"))
		}
	}
	if os.Getenv("FPRINT") != "" {
		g0table, g1table = fit(all, "", buckets, h0, h1, true)
		for b := range g0table {
			fmt.Printf("%d ", b)
			for h := 1; h <= H; h++ {
				fmt.Printf(" %.3f/%.3f", g0table[b][h-1][2], g0table[b][h-1][18])
			}
			fmt.Println()
		}
		for h := range g1table {
			fmt.Printf("%.2f\n", g1table[h])
		}
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
