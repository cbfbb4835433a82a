package limits

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/6dcca832/headroom/internal/tomldoc"
)

// Builtin returns a policy that headroom comes with, such as "xima".
func Builtin(name string) (*Policy, error) {
	data, err := BuiltinText(name)
	if err != nil {
		return nil, err
	}
	return Parse(name+".toml", data)
}

// Parse reads a policy file; name is what messages call it. Every error is one line with name, line
// and reason.
func Parse(name string, data []byte) (*Policy, error) {
	var f policyFile
	doc, err := tomldoc.Decode(name, data, &f)
	if err != nil {
		return nil, err
	}
	c := checker{doc: doc, p: &f.Policy}
	c.names()
	c.hosts()
	c.patterns()
	c.routes()
	c.words()
	c.statuses()
	c.frequency(f.Frequency)
	c.egress(f.Egress)
	c.listing(f.Listing)
	c.headers()
	c.notes()
	if c.err != nil {
		return nil, c.err
	}
	return c.p, nil
}

// policyFile is a Policy as it is written: durations are texts, and whole rules may be missing.
type policyFile struct {
	Policy
	Frequency *frequencyFile `toml:"frequency"`
	Egress    *egressFile    `toml:"egress"`
	Listing   *Listing       `toml:"listing"`
}

type frequencyFile struct {
	Frequency
	MinInterval string `toml:"min_interval"`
	Tolerance   string `toml:"tolerance"`
	BackoffMax  string `toml:"backoff_max"`
	PullEvery   string `toml:"pull_every"`
}

type egressFile struct {
	Egress
	Window string `toml:"window"`
}

// checker turns what was read into rules, and keeps the first thing that is wrong.
type checker struct {
	doc *tomldoc.Document
	p   *Policy
	err error
}

func (c *checker) failf(key, format string, args ...any) {
	if c.err == nil {
		c.err = c.doc.Errorf(key, format, args...)
	}
}

func (c *checker) names() {
	if c.p.Name == "" {
		c.failf("name", "the policy has no name")
	}
	if c.p.Version == "" {
		c.failf("version",
			"the policy has no version: reports must be able to say which one they went by")
	}
}

func (c *checker) hosts() {
	if len(c.p.Hosts) == 0 {
		c.failf("hosts", "the policy has no hosts; write for example hosts = [\"{tenant}.example.com\"]")
	}
	for i, h := range c.p.Hosts {
		key := fmt.Sprintf("hosts[%d]", i)
		before, after, _ := strings.Cut(h, "{tenant}")
		switch {
		case strings.Count(h, "{tenant}") != 1:
			c.failf(key, "host pattern %q must hold {tenant} exactly once", h)
		case !allIn(before, &plainHostBytes) || !allIn(after, &plainHostBytes):
			c.failf(key, "host pattern %q must be a host name in lower case, without scheme, port or path",
				h)
		case strings.HasSuffix(after, "."):
			c.failf(key, "host pattern %q must not end in a dot: no host does that is compared with it", h)
		case slices.Index(c.p.Hosts, h) < i:
			c.failf(key, "host pattern %q is there twice", h)
		}
		c.p.rules.hosts = append(c.p.rules.hosts, hostPattern{before, after})
	}
}

func (c *checker) patterns() {
	c.p.rules.keep = map[string]*pattern{}
	for _, name := range slices.Sorted(maps.Keys(c.p.Keep)) {
		p, err := compilePattern(c.p.Keep[name])
		if err != nil {
			c.failf("keep."+name, "pattern of %q: %w", name, err)
		}
		c.p.rules.keep[name] = &p
		if !c.p.keeps(name) {
			c.failf("keep."+name, "no route keeps a value named %q", name)
		}
	}
	for i, expr := range c.p.Never {
		p, err := compilePattern(expr)
		if err != nil {
			c.failf(fmt.Sprintf("never[%d]", i), "pattern: %w", err)
		}
		c.p.rules.never = append(c.p.rules.never, p)
	}
}

// keeps says whether any route keeps a value of that name.
func (p *Policy) keeps(name string) bool {
	return slices.ContainsFunc(p.Routes, func(r Route) bool {
		return strings.Contains(r.Path, "{+"+name+"}") || slices.Contains(r.Query, name)
	})
}

func (c *checker) words() {
	for i, w := range c.p.Words {
		key := fmt.Sprintf("words[%d]", i)
		if !isLiteral(w) {
			c.failf(key, "word %q cannot be a path segment", w)
		}
		if slices.Index(c.p.Words, w) < i {
			c.failf(key, "word %q is there twice", w)
		}
		c.p.rules.words[w] = true
	}
}

func (c *checker) statuses() {
	if len(c.p.Statuses) == 0 {
		c.failf("status", "the policy has no statuses; write one [[status]] for each documented answer")
	}
	for i, st := range c.p.Statuses {
		key := fmt.Sprintf("status[%d]", i)
		if st.Code < 100 || st.Code > 599 {
			c.failf(key+".code", "status code %d is not between 100 and 599", st.Code)
			continue
		}
		if c.p.rules.statuses[st.Code] != 0 {
			c.failf(key+".code", "status %d is there twice; name all its methods in one row", st.Code)
		}
		c.p.rules.statuses[st.Code] = int16(min(i+1, math.MaxInt16))
		c.status(key, st)
	}
}

func (c *checker) status(key string, st Status) {
	if st.Name == "" || st.Meaning == "" {
		c.failf(key, "status %d needs a name and a meaning", st.Code)
	}
	if !slices.Contains(roles, st.Role) {
		known := make([]string, len(roles))
		for i, r := range roles {
			known[i] = string(r)
		}
		c.failf(key+".role", "status %d: role %q is not known; it must be one of %s", st.Code, st.Role,
			strings.Join(known, ", "))
	}
	if len(st.Methods) == 0 {
		c.failf(key+".methods", "status %d names no methods", st.Code)
	}
	c.basis(key+".basis", st.Basis)
	for j, class := range st.Classes {
		c.class(fmt.Sprintf("%s.classes[%d]", key, j), class)
	}
	for j, m := range st.Methods {
		where := fmt.Sprintf("%s.methods[%d]", key, j)
		if !isMethod(m) {
			c.failf(where, "status %d: method %q must be a word in capitals", st.Code, m)
		}
		if slices.Index(st.Methods, m) < j {
			c.failf(where, "status %d: method %s is there twice", st.Code, m)
		}
	}
}

func (c *checker) frequency(f *frequencyFile) {
	if f == nil {
		return
	}
	r := &f.Frequency
	c.class("frequency.class", r.Class)
	r.MinInterval = c.duration("frequency.min_interval", f.MinInterval)
	r.BackoffMax = c.duration("frequency.backoff_max", f.BackoffMax)
	if f.PullEvery != "" {
		r.PullEvery = c.duration("frequency.pull_every", f.PullEvery)
	}
	if f.Tolerance != "" && f.Tolerance != "0s" {
		r.Tolerance = c.duration("frequency.tolerance", f.Tolerance)
	}
	if r.Tolerance > 0 && r.Tolerance >= r.MinInterval {
		c.failf("frequency.tolerance", "tolerance is as long as min_interval: no gap would be too short")
	}
	if r.BackoffMax < r.MinInterval {
		c.failf("frequency.backoff_max", "backoff_max is shorter than min_interval")
	}
	c.p.Frequency = *r
}

func (c *checker) egress(f *egressFile) {
	if f == nil {
		return
	}
	r := &f.Egress
	c.class("egress.class", r.Class)
	r.Window = c.duration("egress.window", f.Window)
	c.positive("egress.hours_per_day", r.HoursPerDay)
	c.positive("egress.days", r.Days)
	c.positive("egress.factor", r.Factor)
	c.positive("egress.bytes_per_hour", r.BytesPerHour)
	c.p.Egress = *r
}

func (c *checker) listing(l *Listing) {
	if l == nil {
		return
	}
	c.class("listing.class", l.Class)
	for _, member := range []struct{ key, name string }{
		{"key", l.Key}, {"start_ms", l.Start}, {"duration_ms", l.Duration}, {"size_bytes", l.Size},
	} {
		if member.name == "" {
			c.failf("listing."+member.key, "listing names no %s: write what the vendor calls it", member.key)
		}
	}
	if _, ok := c.p.Keep[l.KeptAs]; !ok {
		c.failf("listing.kept_as", "there is no pattern %q under [keep]%s", l.KeptAs,
			didYouMean(l.KeptAs, slices.Sorted(maps.Keys(c.p.Keep))))
	}
	if l.KeyTime != KeyTimeNone && l.KeyTime != KeyTimeUnixMS {
		c.failf("listing.key_time", "key_time %q is not known; it must be %q, or left out", l.KeyTime,
			KeyTimeUnixMS)
	}
	c.p.Listing = *l
}

func (c *checker) headers() {
	for i, name := range c.p.Headers.VendorID {
		c.header(fmt.Sprintf("headers.vendor_id[%d]", i), name)
	}
	if c.p.Headers.Date != "" {
		c.header("headers.date", c.p.Headers.Date)
	}
}

// header refuses what is no header's name, and the headers that hold secrets.
func (c *checker) header(key, name string) {
	secret := []string{
		"authorization",
		"cookie",
		"set-cookie",
		"proxy-authorization",
		"www-authenticate",
		"location",
	}
	switch {
	case !isHeader(name):
		c.failf(key, "header %q must be a name of letters, digits and -", name)
	case slices.Contains(secret, strings.ToLower(name)):
		c.failf(key, "header %s may hold a secret and is never kept", name)
	}
}

func (c *checker) notes() {
	for _, name := range slices.Sorted(maps.Keys(c.p.Notes)) {
		c.basis("rule."+name+".basis", c.p.Notes[name].Basis)
	}
}

func (c *checker) basis(key string, b Basis) {
	if !slices.Contains(bases, b) {
		c.failf(key,
			"basis %q is not known; it must be %q or %q, or left out where the vendor's page says it", b,
			BasisReading, BasisOurs)
	}
}

func (c *checker) class(key, class string) {
	if class == "" {
		c.failf(key, "the rule names no class")
	} else if !slices.Contains(c.p.Classes(), class) {
		c.failf(key, "no route has the class %q%s", class, didYouMean(class, c.p.Classes()))
	}
}

// didYouMean names the word that was probably meant.
func didYouMean(word string, known []string) string {
	if near := tomldoc.Nearest(word, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func (c *checker) positive(key string, n float64) {
	if !(n > 0) || n > 1e15 {
		c.failf(key, "%s must be a number above 0, and is %v", lastPart(key), n)
	}
}

// duration reads a length of time above zero: Go's notation ("1.5s", "120h") or a number of days
// ("5d").
func (c *checker) duration(key, s string) time.Duration {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); err != nil && ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		if err == nil && n > 0 && n < 36500 {
			d = time.Duration(n * float64(24*time.Hour))
		}
	}
	if err != nil || d <= 0 {
		c.failf(key, "%s must be a time above 0 such as \"3s\", \"120h\" or \"5d\", and is %q",
			lastPart(key), s)
	}
	return d
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
