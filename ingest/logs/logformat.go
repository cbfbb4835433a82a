package logs

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/6dcca832/headroom/ingest/jsonscan"
)

// An access log is text by a format string: nginx's log_format has variables ($remote_addr),
// Apache's LogFormat has directives (%h). ParseLogFormat makes of either a regular expression with
// a group for each variable that says something about a request, and a Mapping of the groups. nginx
// writes a line when a request ends, Apache's %t is its start.

// lineFormat is a compiled format string.
type lineFormat struct {
	re *regexp.Regexp
	// times are the groups that the time is put together from; then the mapping has it as group
	// timeGroup.
	times []timePart
	// closed says that the format ends with a quote or bracket, so that a line that fits is whole.
	closed bool
	// noRequest says that a line which fits stands for no request to a server: why it is rejected, ""
	// where it is passed over as a comment is. nil says that each line is a request.
	noRequest func(texts []string) (reason string, is bool)
}

// timeGroup stands for the time that is put together from several groups.
const timeGroup = 0

// timePart is a piece of a time.
type timePart struct {
	group int
	// layout is a strftime pattern; "" for a number, which counts perSecond of a second, since 1970
	// or, as a fraction, since the second began.
	layout    string
	perSecond int64
	isPart    bool
}

// match gives the texts of the groups; nil where the line is of another format.
func (l *lineFormat) match(s string) []string {
	texts := l.re.FindStringSubmatch(s)
	if texts == nil {
		return nil
	}
	if texts[timeGroup] = ""; len(l.times) > 0 {
		texts[timeGroup] = l.time(texts)
	} else {
		texts[timeGroup] = "-"
	}
	return texts
}

// time puts the time together: "" where its pieces do not fit.
func (l *lineFormat) time(texts []string) string {
	var text, layout strings.Builder
	var micros, sub int64
	epoch := false
	for _, part := range l.times {
		if part.layout != "" {
			text.WriteString(texts[part.group] + " ")
			layout.WriteString(part.layout + " ")
			continue
		}
		n := jsonscan.Digits(texts[part.group])
		most := int64(latestEpoch)
		if part.isPart {
			most = 1
		}
		if n < 0 || len(texts[part.group]) > 18 || n >= most*part.perSecond {
			return ""
		}
		if n *= 1e6 / part.perSecond; part.isPart {
			sub = n
		} else {
			epoch, micros = true, n
		}
	}
	if !epoch {
		at, _, reason := readLayout(text.String(), place{form: layout.String()})
		if reason != "" {
			return ""
		}
		micros = at
	}
	if l.exact() {
		return strconv.FormatInt(micros+sub, 10)
	}
	return strconv.FormatInt(micros/1e6, 10)
}

// checkTime says what the pieces of the time lack.
func (l *lineFormat) checkTime() error {
	var layout string
	for _, part := range l.times {
		if part.layout == "" && !part.isPart {
			return nil // it counts from 1970
		}
		piece, _ := goLayout(part.layout) // which was translated before
		layout += piece
	}
	switch {
	case !hasZone(layout):
		return errors.New("its time has no zone: add %{%z}t, or rewrite the log with one")
	case !strings.Contains(layout, "05"):
		return errors.New("its time has no seconds")
	}
	return nil
}

// exact says whether the time is told more exactly than in seconds.
func (l *lineFormat) exact() bool {
	for _, part := range l.times {
		if part.layout == "" && part.perSecond > 1 {
			return true
		}
	}
	return false
}

var (
	nginxToken  = regexp.MustCompile(`\$(?:\{(\w+)\}|(\w+))`)
	apacheToken = regexp.MustCompile(`%[!\d,]*([<>]?)(?:\{([^}]*)\})?([A-Za-z]|%)`)
	// directiveAround is what stands around a format string in the server's own file.
	directiveAround = regexp.MustCompile(
		`(?s)^(?:log_format\s+\w+\s+(?:escape=\w+\s+)?|LogFormat\s+")|(?:;|"\s+\w+)$`)
	betweenQuotes = regexp.MustCompile(`'\s*'`)
)

// isNginx says whether a format string has variables of nginx.
func isNginx(format string) bool {
	for _, m := range nginxToken.FindAllStringSubmatch(format, -1) {
		if _, ok := nginxVariables[m[1]+m[2]]; ok {
			return true
		}
	}
	return false
}

// ParseLogFormat reads a log_format of nginx or a LogFormat of Apache, or the name of a usual one:
// nginx, apache, apache-vhost.
func ParseLogFormat(format string) (*Mapping, error) {
	tail := false
	if named, ok := formatNames[format]; ok {
		format, tail = named, true
	}
	format = strings.Trim(directiveAround.ReplaceAllString(strings.TrimSpace(format), ""), "'")
	c := &formatCompiler{
		m: &Mapping{
			name:   "log format",
			layout: layoutLine,
			fields: map[string][]place{},
			line:   &lineFormat{},
		},
	}
	c.pattern.WriteString("^")
	token := apacheToken
	if isNginx(format) {
		token = nginxToken
		format = betweenQuotes.ReplaceAllString(format, "")
	} else {
		format = strings.NewReplacer(`\"`, `"`, `\t`, "\t", "^ti", "i", "^to", "o").Replace(format)
	}
	c.m.line.closed = !tail && (strings.HasSuffix(format, `"`) || strings.HasSuffix(format, "]"))
	if err := c.compile(format, token, token == nginxToken); err != nil {
		return nil, fmt.Errorf("log format: %w", err)
	}
	if tail {
		c.pattern.WriteString("(?: .*)?")
	}
	c.pattern.WriteString(`\s*$`)
	var err error
	if c.m.line.re, err = regexp.Compile(c.pattern.String()); err != nil {
		return nil, fmt.Errorf("log format: it is too long: %w", err)
	}
	if len(c.m.line.times) > 0 {
		if err := c.m.line.checkTime(); err != nil {
			return nil, fmt.Errorf("log format: %w", err)
		}
		form := "unix"
		if c.m.line.exact() {
			form = "unix-us"
		}
		field := "started_at"
		if c.ends {
			field = "ended_at"
		}
		c.m.fields[field] = append(c.m.fields[field], place{member: strconv.Itoa(timeGroup), form: form})
	}
	if err := c.m.check(); err != nil {
		return nil, fmt.Errorf("log format: %w", err)
	}
	c.order()
	return c.m, nil
}

// formatCompiler translates a format string.
type formatCompiler struct {
	m       *Mapping
	pattern strings.Builder
	groups  int
	ends    bool // the time is the request's end
}

func (c *formatCompiler) compile(format string, token *regexp.Regexp, nginx bool) error {
	matches := token.FindAllStringSubmatchIndex(format, -1)
	if len(matches) == 0 {
		return fmt.Errorf(
			"it has neither variables of nginx, such as $request, nor directives of Apache, such as %%r")
	}
	at := 0
	for i, m := range matches {
		before := format[at:m[0]]
		c.pattern.WriteString(regexp.QuoteMeta(before))
		at = m[1]
		after := format[at:]
		next := byte(0) // what ends the value; 0: another variable, or the end of the line
		if after != "" && (i+1 == len(matches) || matches[i+1][0] > at) {
			next = after[0]
		}
		quoted := strings.HasSuffix(before, `"`) && next == '"'
		group := func(n int) string {
			if m[n] < 0 {
				return ""
			}
			return format[m[n]:m[n+1]]
		}
		if nginx {
			c.nginx(group(2)+group(4), quoted, next)
		} else if err := c.apache(group(2), group(4), group(6), quoted, next); err != nil {
			return err
		}
	}
	c.pattern.WriteString(regexp.QuoteMeta(format[at:]))
	return nil
}

func (c *formatCompiler) nginx(name string, quoted bool, next byte) {
	v := nginxVariables[name]
	c.write(v, quoted, next)
}

// apache adds a directive; of the modifiers "<" and ">", the first means the request before
// redirects inside the server, the other the one that was answered.
func (c *formatCompiler) apache(
	modifier, argument, directive string, quoted bool, next byte,
) error {
	switch directive {
	case "%":
		c.pattern.WriteString("%")
		return nil
	case "t":
		return c.time(argument, next)
	case "T":
		v := apacheDirectives["T"]
		if argument != "" {
			v.form = argument
		}
		c.write(v, quoted, next)
		return nil
	case "i", "o":
		c.write(apacheHeader(strings.ToLower(argument), directive), quoted, next)
		return nil
	}
	v := apacheDirectives[directive]
	if argument != "" && directive != "a" && directive != "h" && directive != "p" {
		v.field = "" // of an environment variable, a note …
	}
	c.write(v, quoted, next)
	if places := c.m.fields[v.field]; modifier == ">" && len(places) > 1 {
		last := len(places) - 1
		places[0], places[last] = places[last], places[0]
	}
	return nil
}

func apacheHeader(name, directive string) variable {
	switch directive + ":" + name {
	case "i:host":
		return variable{field: "host"}
	case "i:x-forwarded-for":
		return variable{field: "client", list: true}
	case "i:x-real-ip":
		return variable{field: "client"}
	case "o:retry-after":
		return variable{field: "retry_after_s"}
	case "o:content-length":
		return variable{field: "content_length"}
	}
	return variable{list: true}
}

// time adds a piece of the time. Without an argument it is the common form in brackets.
func (c *formatCompiler) time(argument string, next byte) error {
	if rest, ok := strings.CutPrefix(argument, "end:"); ok {
		argument, c.ends = rest, true
	}
	argument = strings.TrimPrefix(argument, "begin:")
	numbers := map[string]timePart{
		"sec": {perSecond: 1}, "%s": {perSecond: 1}, "msec": {perSecond: 1e3}, "usec": {perSecond: 1e6},
		"msec_frac": {perSecond: 1e3, isPart: true}, "usec_frac": {perSecond: 1e6, isPart: true},
	}
	if argument == "" {
		field := "started_at"
		if c.ends {
			field = "ended_at"
		}
		c.pattern.WriteString(`\[([^\]]*)\]`)
		c.groups++
		c.m.fields[field] = append(c.m.fields[field], place{member: strconv.Itoa(c.groups), form: "clf"})
		return nil
	}
	part, isNumber := numbers[argument]
	c.groups++
	part.group = c.groups
	if isNumber {
		c.pattern.WriteString(`(\d+)`)
	} else {
		if _, err := goLayout(argument); err != nil {
			return fmt.Errorf("%%{%s}t: %w", argument, err)
		}
		part.layout = argument
		c.pattern.WriteString(`(` + untilPattern(next, strings.Contains(argument, " ")) + `)`)
	}
	c.m.line.times = append(c.m.line.times, part)
	return nil
}

// write adds the pattern of a variable.
func (c *formatCompiler) write(v variable, quoted bool, next byte) {
	pattern := untilPattern(next, v.list)
	switch {
	case quoted:
		pattern = `(?:[^"\\]|\\.)*`
	case v.field == "path":
		pattern = `/[^ "]*|-|https?://[^ "]*`
	case v.field == "query" && next != '"':
		pattern = `[^ "]*`
	case v.field == "host":
		pattern = `[^ /"]*?`
	}
	if v.field == "" {
		c.pattern.WriteString("(?:" + pattern + ")")
		return
	}
	c.groups++
	c.pattern.WriteString("(" + pattern + ")")
	// Apache's %X: "X" says that the connection was aborted before the answer was sent.
	if v.field == "complete" {
		v.form = "X"
	}
	c.m.fields[v.field] = append(c.m.fields[v.field],
		place{member: strconv.Itoa(c.groups), form: v.form})
}

// untilPattern is what a value looks like that ends before the byte next.
func untilPattern(next byte, spaces bool) string {
	switch {
	case spaces:
		return `.*?`
	case next == 0 || next == ' ' || next == '\t':
		return `\S*?`
	}
	return `[^ ` + regexp.QuoteMeta(string(rune(next))) + `]*?`
}

// order puts the more exact of two places first: $msec before $time_local, $body_bytes_sent before
// $bytes_sent, and the first address of X-Forwarded-For before the remote one.
func (c *formatCompiler) order() {
	for field, places := range c.m.fields {
		for i := len(places) - 1; i > 0 && field == "ended_at"; i-- {
			if places[i].form == "unix" {
				places[0], places[i] = places[i], places[0]
			}
		}
	}
}
