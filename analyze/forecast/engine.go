package forecast

import (
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

var P = map[string]float64{"pow": 10, "whl": 80, "ehl": 120, "same": 3, "own": .4, "k0": 12, "prior": .5, "kprior": 1, "kname": 0, "clipm": 5, "repair": 1, "cal": 1,
	"hwc": 3, "wfrom": 14, "wto": 28, "sig": .3, "near": .15, "blend": 1, "m4": 1, "m6": 1, "ew": 1, "hw": 1, "base": 0, "ewd": .7, "lms": 1, "rawerr": 1, "g1": 1, "ownmax": 180, "s0": 1, "kp": .75, "c0": 0, "g0s": 0, "s1": 1}

var hwA = []float64{.02, .05, .1, .15, .25, .35}
var hwG = []float64{.05, .15, .3}

func init() {
	for _, kv := range strings.Split(os.Getenv("FP"), ",") {
		k, v, ok := strings.Cut(kv, "=")
		if ok {
			if k == "hwA" || k == "hwG" {
				var l []float64
				for _, x := range strings.Split(v, "/") {
					f, _ := strconv.ParseFloat(x, 64)
					l = append(l, f)
				}
				if k == "hwA" {
					hwA = l
				} else {
					hwG = l
				}
				continue
			}
			if _, has := P[k]; !has {
				panic(k)
			}
			P[k], _ = strconv.ParseFloat(v, 64)
		}
	}
}

var levels = []float64{.025, .05, .1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95, .975}

const H = 14

type profile [7]float64

type hw struct {
	a, g   float64
	level  float64
	season profile
	dev    profile
}

func (s *hw) update(wd int, v float64) {
	f := s.level * s.season[wd]
	e := v - f
	lim := P["hwc"] * s.dev[wd] * 1.25
	c := math.Max(-lim, math.Min(lim, e))
	s.dev[wd] += .1 * (math.Min(math.Abs(e), 2*lim) - s.dev[wd])
	if s.level <= 0 {
		s.level = math.Max(0, c)
		return
	}
	var m2 float64
	for _, x := range s.season {
		m2 += x * x
	}
	m2 /= 7
	l := s.level
	if P["lms"] == 1 {
		if m2 > 0 {
			s.level += s.a * c * s.season[wd] / m2
		}
	} else if s.season[wd] > .02 {
		s.level += s.a * c / s.season[wd]
	}
	s.level = math.Max(s.level, 0)
	s.season[wd] = math.Max(0, s.season[wd]+s.g*c/l)
}

type past struct {
	err float64
	at  int
}

type engine struct {
	s                *Series
	n                int
	wd0              int
	vol              []float64
	bank             []hw
	snaps            [5][]hw
	eprof            [][]profile // ring by day%14
	eerr             []float64
	eerrw            float64
	prof             profile
	level            float64
	pts              [][H + 1]float64
	base, mads, cnts [][H + 1]float64
	absE             [H + 1]profile
	absW             [H + 1]profile
	cnt              [H + 1]int
	lists            [H + 1][]past
	ratY, ratE       float64
	names            map[string][2]float64
	fault            map[int]float64
	tplMix           [5]float64
}

func newEngine(s *Series) *engine {
	e := &engine{s: s, wd0: (int(s.Start.Weekday()) + 6) % 7, names: map[string][2]float64{}, fault: map[int]float64{}}
	for _, f := range s.Faults {
		e.fault[f.Day] += f.Extra
	}
	e.eprof = make([][]profile, H)
	return e
}

func (e *engine) wd(t int) int { return (e.wd0 + t) % 7 }

func (e *engine) ratio(t int) (float64, bool) {
	name, ok := e.s.Closures[t]
	if !ok || P["cal"] == 0 {
		return 1, false
	}
	k := P["kprior"]
	lv := e.level
	if lv == 0 {
		lv = 1
	}
	r := (e.ratY + P["prior"]*k*lv) / (e.ratE + k*lv)
	if x, ok := e.names[name]; ok && P["kname"] > 0 {
		r = (x[0] + r*lv/P["kname"]) / (x[1] + lv/P["kname"])
	}
	return r, true
}

func median(x []float64) float64 {
	n := len(x)
	if n == 0 {
		return 0
	}
	slices.Sort(x)
	if n%2 == 1 {
		return x[n/2]
	}
	return (x[n/2-1] + x[n/2]) / 2
}

func (e *engine) same(t, k int, buf []float64) []float64 {
	buf = buf[:0]
	for i := t - 7; i >= 0 && len(buf) < k; i -= 7 {
		buf = append(buf, e.vol[i])
	}
	return buf
}

// repair appends vol[t]; returns the first day changed
func (e *engine) repair(t int, y float64) int {
	e.vol = append(e.vol, y)
	if P["repair"] == 0 {
		return t
	}
	var b [28]float64
	x := e.same(t, 6, b[:])
	if len(x) < 3 {
		return t
	}
	m := median(x)
	for i := range x {
		x[i] = math.Abs(x[i] - m)
	}
	mad := 1.4826 * median(x)
	lo := max(0, t-28)
	m28 := median(append(b[:0], e.vol[lo:t]...))
	s := math.Max(mad, math.Max(.08*m, .02*m28))
	over := y - (m + P["clipm"]*s)
	if over <= 0 {
		return t
	}
	surplus := y - m
	first := t
	for d := t - 1; d >= max(0, t-4) && surplus > 0; d-- {
		var b2 [6]float64
		md := median(e.same(d, 6, b2[:]))
		if e.vol[d] > P["near"]*md || md == 0 {
			break
		}
		g := math.Min(surplus, md-e.vol[d])
		e.vol[d] += g
		surplus -= g
		first = d
	}
	e.vol[t] = math.Min(m+surplus, m+P["clipm"]*s)
	return first
}

func (e *engine) push(y float64) {
	t := e.n
	wd := e.wd(t)
	v := math.Max(0, y-e.fault[t])
	first := t
	if _, c := e.ratio(t); c && t >= 7 {
		exp := e.prof[wd]
		e.ratY += v
		e.ratE += exp
		x := e.names[e.s.Closures[t]]
		e.names[e.s.Closures[t]] = [2]float64{x[0] + v, x[1] + exp}
		e.vol = append(e.vol, exp)
	} else {
		first = e.repair(t, v)
	}
	e.n++
	e.learnErrors(t)
	if e.n == 14 {
		e.initBank()
	} else if e.n > 14 {
		if first < t && t-first < 5 && len(e.snaps[first%5]) > 0 && first >= 14 {
			copy(e.bank, e.snaps[first%5])
		} else {
			first = t
		}
		for d := first; d <= t; d++ {
			e.snaps[d%5] = append(e.snaps[d%5][:0], e.bank...)
			for i := range e.bank {
				e.bank[i].update(e.wd(d), e.vol[d])
			}
		}
	}
	if e.n >= 14 {
		e.scoreExperts(t)
		e.store(t)
	}
	e.combine()
	var p [H + 1]float64
	e.path(&p)
	e.pts = append(e.pts, p)
	var b [H + 1]float64
	for h := 1; h <= H; h++ {
		b[h] = e.scale(h, p[h])
	}
	e.base = append(e.base, b)
	for h := 1; h <= H; h++ {
		b[h] = e.mad(h, e.wd(t))
	}
	e.mads = append(e.mads, b)
	for h := 1; h <= H; h++ {
		b[h] = float64(e.cnt[h])
	}
	e.cnts = append(e.cnts, b)
}

func (e *engine) initBank() {
	var sum, cnt profile
	var tot float64
	for d := 0; d < e.n; d++ {
		sum[e.wd(d)] += e.vol[d]
		cnt[e.wd(d)]++
		tot += e.vol[d]
	}
	l := tot / float64(e.n)
	for _, a := range hwA {
		for _, g := range hwG {
			s := hw{a: a, g: g, level: l}
			for w := range s.season {
				if l > 0 {
					s.season[w] = sum[w] / cnt[w] / l
				}
				s.dev[w] = .15*sum[w]/cnt[w] + .02*l
			}
			e.bank = append(e.bank, s)
		}
	}
}

// store the experts' profiles as of after day t
func (e *engine) store(t int) {
	ex := e.eprof[t%H][:0]
	var a, b, c profile
	for w := 0; w < 7; w++ {
		d := t + 1 + w
		wd := e.wd(d)
		var buf [8]float64
		x := e.sameLast(d, 8, buf[:])
		var sw, sx float64
		f := 1.
		for _, v := range x {
			sx += f * v
			sw += f
			f *= P["ewd"]
		}
		c[wd] = sx / sw
		var b4, b6 [8]float64
		a[wd] = median(append(b4[:0], x[:min(4, len(x))]...))
		b[wd] = median(append(b6[:0], x[:min(6, len(x))]...))
	}
	if P["m4"] == 1 {
		ex = append(ex, a)
	}
	if P["m6"] == 1 {
		ex = append(ex, b)
	}
	if P["ew"] == 1 {
		ex = append(ex, c)
	}
	if P["hw"] == 1 {
		for i := range e.bank {
			var p profile
			for w := range p {
				p[w] = e.bank[i].level * e.bank[i].season[w]
			}
			ex = append(ex, p)
		}
	}
	e.eprof[t%H] = ex
	if e.eerr == nil {
		e.eerr = make([]float64, len(ex))
	}
}

func (e *engine) sameLast(d, k int, buf []float64) []float64 {
	buf = buf[:0]
	for i := d - 7; i >= 0 && len(buf) < k; i -= 7 {
		if i < len(e.vol) {
			buf = append(buf, e.vol[i])
		}
	}
	return buf
}

func (e *engine) scoreExperts(t int) {
	if e.eerr == nil {
		return
	}
	lam := math.Pow(.5, 1/P["whl"])
	e.eerrw = e.eerrw*lam + 1
	for k := range e.eerr {
		e.eerr[k] *= lam
	}
	for h := 1; h <= H; h++ {
		o := t - h
		if o < 13 {
			break
		}
		ex := e.eprof[o%H]
		m := min(h, 5)
		var act float64
		for d := t - m + 1; d <= t; d++ {
			act += e.vol[d]
		}
		for k := range ex {
			var f float64
			for d := t - m + 1; d <= t; d++ {
				f += ex[k][e.wd(d)]
			}
			e.eerr[k] += math.Abs(act - f)
		}
	}
}

func (e *engine) combine() {
	var warm profile
	if e.n >= 14 {
		ex := e.eprof[(e.n-1)%H]
		mn := math.Inf(1)
		for _, x := range e.eerr {
			mn = math.Min(mn, x)
		}
		var sw float64
		for k := range ex {
			w := 1.
			if e.eerr[k] > 0 {
				w = math.Pow(mn/e.eerr[k], P["pow"])
			}
			sw += w
			for d := range warm {
				warm[d] += w * ex[k][d]
			}
		}
		for d := range warm {
			warm[d] /= sw
		}
	}
	f := math.Max(0, math.Min(1, (float64(e.n)-P["wfrom"])/(P["wto"]-P["wfrom"])))
	if f < 1 {
		cold := e.cold()
		for d := range warm {
			warm[d] = f*warm[d] + (1-f)*cold[d]
		}
	}
	e.prof = warm
	e.level = 0
	for _, x := range warm {
		e.level += x / 7
	}
}

var tpl = [5]profile{{1, 1, 1, 1, 1, 1, 1}, {1.18, 1.1, 1.08, 1.08, 1.06, 0.8, 0.7}, {1.35, 1.3, 1.3, 1.3, 1.25, 0.3, 0.2}, {1.4, 1.4, 1.4, 1.4, 1.4, 0, 0}, {1.3, 1.3, 1.2, 1.1, .35, .15, 1.6}}
var tplPrior = [5]float64{.25, .30, .25, .12, .08}

func (e *engine) cold() profile {
	var out profile
	lo := max(0, e.n-28)
	var lk, lv [5]float64
	best := math.Inf(-1)
	for k, tp := range tpl {
		var sy, st float64
		for d := lo; d < e.n; d++ {
			sy += e.vol[d]
			st += tp[e.wd(d)]
		}
		if st == 0 {
			lk[k] = math.Inf(-1)
			continue
		}
		lv[k] = sy / st
		var ll float64
		if lv[k] > 0 {
			for d := lo; d < e.n; d++ {
				r := (e.vol[d]/lv[k] - tp[e.wd(d)]) / P["sig"]
				ll -= math.Min(r*r, 9) / 2
			}
		}
		lk[k] = ll + math.Log(tplPrior[k])
		best = math.Max(best, lk[k])
	}
	var sw float64
	for k, tp := range tpl {
		w := math.Exp(lk[k] - best)
		sw += w
		for d := range out {
			out[d] += w * lv[k] * tp[d]
		}
	}
	for d := range out {
		out[d] /= sw
	}
	return out
}

// path: S point by horizon from origin n-1
func (e *engine) path(p *[H + 1]float64) {
	for h := 1; h <= H; h++ {
		p[h] = e.known(h) + e.unknown(h)
	}
}

func (e *engine) known(h int) float64 {
	var s float64
	for d := max(0, e.n-5+h); d < e.n; d++ {
		s += e.s.Bytes[d]
	}
	if len(e.s.Backlog) >= e.n && h <= 5 {
		s += e.s.Backlog[e.n-1]
	}
	return s
}

func (e *engine) unknown(h int) float64 {
	var s float64
	for d := max(e.n, e.n+h-5); d < e.n+h; d++ {
		r, _ := e.ratio(d)
		s += r * e.prof[e.wd(d)]
	}
	return s
}

// scale that relative errors refer to
func (e *engine) scale(h int, p float64) float64 {
	if P["base"] == 0 {
		return p
	}
	if P["base"] == 1 {
		return e.unknown(h)
	}
	k := float64(min(h, 5))
	if P["base"] == 2 {
		return .7*e.unknown(h) + .3*k*e.level
	}
	if P["base"] == 3 {
		return k * e.level
	}
	if P["base"] == 4 {
		return math.Sqrt(k) * e.level
	}
	return math.Pow(k, P["kp"]) * e.level
}

type obs struct {
	n, h     int
	rel, std float64
}

var dump func(o obs)

func (e *engine) learnErrors(t int) {
	if t < 4 {
		return
	}
	var S float64
	for d := t - 4; d <= t; d++ {
		S += e.s.Bytes[d]
	}
	lam := math.Pow(.5, 1/P["ehl"])
	for h := 1; h <= H; h++ {
		for w := range e.absE[h] {
			e.absE[h][w] *= lam
			e.absW[h][w] *= lam
		}
	}
	for h := 1; h <= H; h++ {
		o := t - h
		if o < 2 {
			break
		}
		err := S - e.pts[o][h]
		if dump != nil {
			std := math.NaN()
			if e.mads[o][h] > 0 && e.cnts[o][h] > 20 {
				std = err / e.mads[o][h]
			}
			dump(obs{o + 1, h, err / e.base[o][h], std})
		}
		if o < 6 {
			continue
		}
		w := e.wd(o)
		e.absE[h][w] += math.Abs(err)
		e.absW[h][w]++
		e.cnt[h]++
		if P["own"] > 0 {
			lo, hi := h, h
			if h >= 5 {
				lo, hi = max(5, h-1), min(H, h+1)
			}
			for g := lo; g <= hi; g++ {
				l := e.lists[g]
				j := 0
				for _, x := range l {
					if x.at > t-int(P["ownmax"]) {
						l[j] = x
						j++
					}
				}
				l = l[:j]
				i, _ := slices.BinarySearchFunc(l, err, func(a past, v float64) int {
					if a.err < v {
						return -1
					} else if a.err > v {
						return 1
					}
					return 0
				})
				e.lists[g] = slices.Insert(l, i, past{err, o})
			}
		}
	}
}

func (e *engine) mad(h, wd int) float64 {
	var a, w float64
	lo, hi := h, h
	if h >= 5 {
		lo, hi = max(5, h-1), min(H, h+1)
	}
	for g := lo; g <= hi; g++ {
		for d := 0; d < 7; d++ {
			f := 1.
			if d == wd {
				f = P["same"]
			}
			a += f * e.absE[g][d]
			w += f * e.absW[g][d]
		}
	}
	if w == 0 {
		return 0
	}
	return a / w
}

func (e *engine) ownQ(h int, out *[21]float64) {
	l := e.lists[h]
	wd := e.wd(e.n - 1)
	lam := math.Pow(.5, 1/P["ehl"])
	var tot float64
	ws := make([]float64, len(l))
	for i, x := range l {
		w := math.Pow(lam, float64(e.n-1-x.at))
		if e.wd(x.at) == wd {
			w *= P["same"]
		}
		ws[i] = w
		tot += w
	}
	// midpoints
	cum := 0.
	j := 0
	prevF, prevE := 0., l[0].err
	for i, x := range l {
		f := (cum + ws[i]/2) / tot
		for j < 21 && levels[j] <= f {
			if i == 0 {
				out[j] = x.err
			} else {
				out[j] = prevE + (x.err-prevE)*(levels[j]-prevF)/(f-prevF)
			}
			j++
		}
		prevF, prevE = f, x.err
		cum += ws[i]
	}
	for ; j < 21; j++ {
		out[j] = l[len(l)-1].err
	}
	m := out[10]
	for i := range out {
		out[i] -= m
	}
}

func (e *engine) quantiles(h int) (float64, [21]float64) {
	var q [21]float64
	p := e.pts[e.n-1][h]
	g0 := &g0table[bucket(e.n)][h-1]
	base := e.base[e.n-1][h]
	m := float64(e.cnt[h])
	mad := e.mad(h, e.wd(e.n-1))
	var own [21]float64
	if P["own"] > 0 && e.cnt[h] > 0 {
		e.ownQ(h, &own)
	}
	k0 := P["k0"]
	kn := e.known(h)
	for i := range q {
		sh := mad * g1table[h-1][i]
		if m > 0 && P["own"] > 0 {
			sh = P["own"]*own[i]*tail[i] + (1-P["own"])*sh
		}
		q[i] = math.Max(kn, p+(m*sh+k0*g0[i]*base*P["s0"])/(m+k0))
	}
	return p, q
}

var bucketUpper = []int{5, 7, 10, 14, 21, 28, 42, 70}

func bucket(n int) int {
	for i, u := range bucketUpper {
		if n <= u {
			return i
		}
	}
	return len(bucketUpper)
}
