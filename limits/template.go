package limits

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// rules are a Policy's texts made ready for matching.
type rules struct {
	hosts  []hostPattern
	routes []route
	keep   map[string]*pattern
	never  []pattern
	// words are the segments that are kept where no template fits.
	words map[string]bool
	// statuses holds, for each code, its row's number plus one.
	statuses [600]int16
}

// hostPattern is what stands before and after "{tenant}".
type hostPattern struct{ before, after string }

// route is a Route made ready: head and tail are the segments before and after "**", if it is deep.
type route struct {
	*Route
	head, tail []segment
	deep       bool
	// full is the template of the head when every value that may be kept is kept.
	full string
	// query holds the patterns of the names in Query.
	query []*pattern
	last  *atomic.Pointer[string] // see template
}

// segment is a literal, or with a name a placeholder. Its text is the literal, or the placeholder
// of a value that is not kept, "{name}". Keep is nil where a value may not be kept.
type segment struct {
	text, name string
	kept       string // "{+name}"
	keep       *pattern
	offset     int // where the segment begins in the route's full
}

func (c *checker) routes() {
	rules := &c.p.rules
	rules.words = map[string]bool{}
	if len(c.p.Routes) == 0 {
		c.failf("route", "the policy has no routes; write at least one [[route]]")
	}
	seen := map[string]bool{}
	for i := range c.p.Routes {
		r := &c.p.Routes[i]
		key := fmt.Sprintf("route[%d]", i)
		if !allIn(r.Class, &nameBytes) || r.Class == "" {
			c.failf(key+".class", "class %q must be a word of small letters, digits, _ and -", r.Class)
		}
		if r.Method != "" && !isMethod(r.Method) {
			c.failf(key+".method", "method %q must be a word in capitals; leave it out for any method",
				r.Method)
		}
		if id := r.Method + " " + r.Path; seen[id] {
			c.failf(key+".path", "route %q is there twice", strings.TrimSpace(id))
		} else {
			seen[id] = true
		}
		rules.routes = append(rules.routes, c.route(key, r))
	}
}

func (c *checker) route(key string, r *Route) route {
	compiled := route{Route: r, last: new(atomic.Pointer[string])}
	names := map[string]bool{}
	texts, ok := strings.CutPrefix(r.Path, "/")
	if !ok {
		c.failf(key+".path", "path %q must begin with /", r.Path)
	}
	for text := range strings.SplitSeq(texts, "/") {
		if text == "**" && !compiled.deep {
			compiled.deep = true
			continue
		}
		s := c.segment(key+".path", r.Path, text, names)
		if s.name == "" {
			c.p.rules.words[s.text] = true
		}
		if s.offset = len(compiled.full); compiled.deep {
			compiled.tail = append(compiled.tail, s)
		} else {
			compiled.head = append(compiled.head, s)
			compiled.full += "/" + text
		}
	}
	c.queries(key, r, &compiled)
	return compiled
}

func (c *checker) queries(key string, r *Route, compiled *route) {
	for j, name := range r.Query {
		if c.p.rules.keep[name] == nil {
			c.failf(fmt.Sprintf("%s.query[%d]", key, j),
				"query value %q may only be kept with a pattern in [keep]", name)
		}
		compiled.query = append(compiled.query, c.p.rules.keep[name])
	}
}

func (c *checker) segment(key, path, text string, names map[string]bool) segment {
	inner, isName := strings.CutPrefix(text, "{")
	if !isName {
		if !isLiteral(text) && path != "/" {
			c.failf(key, "path %q: segment %q is neither a plain text nor {name}, {+name} or a single **",
				path, text)
		}
		return segment{text: text}
	}
	inner, closed := strings.CutSuffix(inner, "}")
	name, kept := strings.CutPrefix(inner, "+")
	if !closed || name == "" || !allIn(name, &nameBytes) {
		c.failf(key,
			"path %q: placeholder %q must be {name} or {+name}, of small letters, digits, _ and -", path,
			text)
	}
	if names[name] {
		c.failf(key, "path %q: placeholder {%s} is there twice", path, name)
	}
	names[name] = true
	s := segment{text: "{" + name + "}", name: name, kept: "{+" + name + "}"}
	if kept {
		if s.keep = c.p.rules.keep[name]; s.keep == nil {
			c.failf(key, "path %q: a {+%s} may only be kept with a pattern in [keep]", path, name)
		}
	}
	return s
}

var (
	nameBytes    = setOfString("abcdefghijklmnopqrstuvwxyz0123456789_-")
	literalBytes = setOfString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
	headerBytes  = setOfString("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
	capitalBytes = setOfString("ABCDEFGHIJKLMNOPQRSTUVWXYZ-")
)

// isLiteral says whether a segment of a path may be s. "." and ".." are resolved before a path is
// looked at.
func isLiteral(s string) bool {
	return s != "" && s != "." && s != ".." && allIn(s, &literalBytes)
}

func isHeader(s string) bool { return s != "" && allIn(s, &headerBytes) }

func isMethod(s string) bool { return s != "" && allIn(s, &capitalBytes) }
