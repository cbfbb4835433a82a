package limits

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// pattern tells whether a whole value matches a regular expression. Nearly all patterns of a policy
// are runs of character classes, "[0-9a-f]{8}-[0-9a-f]{4}"; those are matched by table, at a tenth
// of the cost.
type pattern struct {
	runs []run
	re   *regexp.Regexp
	// only are the bytes that a value may have that matches re; nil where that is not known.
	only *byteSet
	// plain says that only values of valueBytes match.
	plain bool
}

// run stands for at least min and at most max bytes of a set; max -1 means any number.
type run struct {
	set      byteSet
	min, max int
}

type byteSet [256]bool

func (s *byteSet) has(c byte) bool { return s[c] }

func (s *byteSet) add(c byte) { s[c] = true }

func (s *byteSet) meets(t *byteSet) bool {
	for c := range s {
		if s[c] && t[c] {
			return true
		}
	}
	return false
}

func (s *byteSet) within(t *byteSet) bool {
	for c := range s {
		if s[c] && !t[c] {
			return false
		}
	}
	return true
}

// compilePattern reads a regular expression in Go's syntax. It is anchored at both ends, whether it
// says so or not.
func compilePattern(expr string) (pattern, error) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return pattern{}, err
	}
	re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{re: re}
	runs, ok := runsOf(tree)
	switch {
	case ok && greedy(runs):
		p.runs = runs
		p.plain = !slices.ContainsFunc(runs, func(r run) bool { return !r.set.within(&valueBytes) })
	case ok && ascii(tree):
		p.only = new(byteSet)
		for _, r := range runs {
			for c, in := range r.set {
				p.only[c] = p.only[c] || in
			}
		}
	}
	return p, nil
}

// ascii says that an expression of runs names no other character.
func ascii(tree *syntax.Regexp) bool {
	return !slices.ContainsFunc(tree.Rune, func(c rune) bool { return c >= 0x80 }) &&
		!slices.ContainsFunc(tree.Sub, func(sub *syntax.Regexp) bool { return !ascii(sub) })
}

func (p *pattern) match(value string) bool {
	if p.runs == nil {
		return (p.only == nil || allIn(value, p.only)) && p.re.MatchString(value)
	}
	i := 0
	for k := range p.runs {
		r := &p.runs[k]
		end := len(value)
		if r.max >= 0 && end-i > r.max {
			end = i + r.max
		}
		start := i
		for i < end && r.set.has(value[i]) {
			i++
		}
		if i-start < r.min {
			return false
		}
	}
	return i == len(value)
}

// runsOf turns an expression into runs, if it is one of runs.
func runsOf(tree *syntax.Regexp) ([]run, bool) {
	parts := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		parts = tree.Sub
	}
	runs := []run{}
	for i, part := range parts {
		if part.Op == syntax.OpBeginText && i == 0 || part.Op == syntax.OpEndText && i == len(parts)-1 {
			continue
		}
		more, ok := runsOfPart(part)
		if !ok {
			return nil, false
		}
		runs = append(runs, more...)
	}
	return runs, true
}

// greedy says whether taking as much as possible for each run in turn finds every match. That holds
// when a run of variable length shares no byte with any run after it.
func greedy(runs []run) bool {
	for i, r := range runs {
		if r.min == r.max {
			continue
		}
		for _, later := range runs[i+1:] {
			if r.set.meets(&later.set) {
				return false
			}
		}
	}
	return true
}

func runsOfPart(part *syntax.Regexp) ([]run, bool) {
	switch part.Op {
	case syntax.OpLiteral:
		return runsOfLiteral(part)
	case syntax.OpCharClass:
		return []run{{setOf(part), 1, 1}}, true
	case syntax.OpStar:
		return repeated(part, 0, -1)
	case syntax.OpPlus:
		return repeated(part, 1, -1)
	case syntax.OpQuest:
		return repeated(part, 0, 1)
	case syntax.OpRepeat:
		return repeated(part, part.Min, part.Max)
	}
	return nil, false
}

func runsOfLiteral(part *syntax.Regexp) ([]run, bool) {
	var runs []run
	for _, c := range part.Rune {
		if c >= 0x80 || part.Flags&syntax.FoldCase != 0 {
			return nil, false
		}
		var set byteSet
		set.add(byte(c))
		runs = append(runs, run{set, 1, 1})
	}
	return runs, true
}

func repeated(part *syntax.Regexp, least, most int) ([]run, bool) {
	runs, ok := runsOfPart(part.Sub[0])
	if !ok || len(runs) != 1 || runs[0].min != 1 || runs[0].max != 1 {
		return nil, false
	}
	return []run{{runs[0].set, least, most}}, true
}

// setOf is the ASCII part of a character class: no other byte is kept of a URL, so none is ever
// looked for.
func setOf(part *syntax.Regexp) (set byteSet) {
	for i := 0; i+1 < len(part.Rune); i += 2 {
		for c := part.Rune[i]; c <= min(part.Rune[i+1], 0x7f); c++ {
			set.add(byte(c))
		}
	}
	return set
}
