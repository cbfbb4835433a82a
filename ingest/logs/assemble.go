package logs

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/listing"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// draft is a record as a parser read it: nothing is checked yet but numbers and times. Its texts
// may share memory with the input.
type draft struct {
	line int64
	// dirty says that some text of the line is not UTF-8.
	dirty bool
	// startedAt is in microseconds since 1970 UTC; wholeSeconds says that the record had no fraction.
	startedAt    int64
	wholeSeconds bool
	// timeIs is what startedAt means. Where it is the end and the duration is known, assemble computes
	// the start.
	timeIs store.TimeMeaning
	// resolution is the clock's, in microseconds; -1 where wholeSeconds decides.
	resolution  int64
	vendorID    string
	dateSkew    store.Seconds
	method, url string
	status      int
	tenant      string
	client      string
	// clientIsHost says that the client is a host and no program.
	clientIsHost bool
	errorText    string
	resets       string // see parseResets
	storageOf    string // see assembler.follow
	redirectURL  string // where the answer leads
	// params is a params_hash or any other text that stands for the parameters; body is part of them.
	params        string
	body          []byte
	duration      int64 // microseconds
	durationStep  int64 // what duration was rounded down to, in microseconds, from a second on
	requestBytes  int64
	responseBytes int64
	retryAfter    int64 // seconds
	cutShort      bool
	unknownSize   bool
}

// internLimit bounds each table of shared texts; a full one begins anew.
const internLimit = 1 << 14

const wholeSecond = int64(time.Second / time.Microsecond)

// earliest is 2000-01-01 UTC in microseconds since 1970. No request to an API over HTTP is older:
// such times come from clocks that begin in 1970, and from numbers that are no such count.
const earliest = 946_684_800 * wholeSecond

// assembler makes requests of drafts: it asks the policy what may be kept, cleans names, and shares
// what repeats.
type assembler struct {
	policy  *limits.Policy
	key     []byte
	tenant  string
	now     time.Time
	latest  int64 // see listing.LatestStart
	timeIs  TimeOption
	sources map[clock]*store.Source
	source  store.Source // what all sources share
	routes  map[importRoute]*store.Route
	route   *store.Route // the latest
	tenants map[string]privacy.Name
	clients map[string]privacy.Name
	hosts   map[string]privacy.Name // clients that are known to be hosts
	origins map[string]privacy.Name // of hosts that are not the vendor's
	// followed are the URLs that redirects of the same input led to.
	followed map[string]ingest.Followed
}

// clock is what a record's time means and how exact it is.
type clock struct {
	resolution int64
	is         store.TimeMeaning
}

type importRoute struct{ method, origin, template string }

func newAssembler(o Options, kind string) *assembler {
	return &assembler{
		policy: o.Policy, key: o.HashKey, tenant: o.Tenant,
		now: o.Now, latest: listing.LatestStart(o.Now),
		timeIs:  o.Time,
		sources: map[clock]*store.Source{},
		source:  store.Source{Kind: kind, Name: privacy.File(o.Name)},
		routes:  map[importRoute]*store.Route{},
		tenants: map[string]privacy.Name{},
		clients: map[string]privacy.Name{},
		hosts:   map[string]privacy.Name{},
		origins: map[string]privacy.Name{},
	}
}

// assemble fills r from d, or says why the record cannot be taken.
func (a *assembler) assemble(d *draft, r *store.Request) (reason string) {
	source := a.sourceOf(d)
	if reason := a.checkDraft(d); reason != "" {
		return reason
	}
	method, ok := privacy.Method(d.method)
	if !ok {
		return "method is not an HTTP method"
	}
	m, err := a.policy.MatchKeyed(method, d.url, a.keyDigest)
	if err != nil {
		return err.Error() // which repeats nothing of the URL
	}
	if method == http.MethodConnect {
		m.Class = store.OpaqueClass // a tunnel, as the proxy records it: its requests could not be seen
	}
	if m.Tenant == "" {
		m.Origin = intern(a.origins, m.Origin, func(s string) privacy.Name {
			return privacy.Name{Text: privacy.Origin(s, a.key)}
		}).Text
	}
	a.follow(d, &m)
	a.noteRedirect(d, method)
	tenant := a.tenantOf(d, m.Tenant)
	client := a.clientOf(d)
	if tenant.Reason+client.Reason != "" {
		return tenant.Reason + client.Reason
	}
	*r = store.Request{
		Tenant: tenant.Text, StartedAt: d.startedAt, Duration: d.duration,
		RequestBytes: d.requestBytes, ResponseBytes: d.responseBytes, Status: d.status,
		CutShort:   d.cutShort,
		RetryAfter: d.retryAfter, Error: errorClassOf(d.errorText), Route: a.routeOf(method, m),
		Key: m.Key, Query: m.Query,
		Params: a.paramsOf(d, method, m), Client: client.Text, Source: source,
		DateSkew: d.dateSkew,
	}
	if a.policy.MayKeepID(d.vendorID) {
		r.VendorID = strings.Clone(d.vendorID)
	}
	return ""
}

// sourceOf settles what the record's time means, and gives the one Source of all that share it.
func (a *assembler) sourceOf(d *draft) *store.Source {
	c := clock{resolution: d.resolution, is: d.timeIs}
	if a.timeIs != TimeAsLogged {
		c.is = a.timeIs.meaning()
	}
	if c.resolution < 0 {
		c.resolution = 0
		if d.wholeSeconds {
			c.resolution = wholeSecond
		}
	}
	if c.is == store.TimeIsEnd && d.duration > 0 {
		// The start lies up to a step before the difference, and up to the clock's resolution after it.
		d.startedAt -= d.duration + d.durationStep
		c.resolution += d.durationStep
		c.is = store.TimeIsStart
	}
	s, ok := a.sources[c]
	if !ok {
		source := a.source
		source.Resolution, source.TimeIs = c.resolution, c.is
		s = &source
		a.sources[c] = s
	}
	return s
}

func (a *assembler) checkDraft(d *draft) string {
	if d.dirty {
		for _, text := range []struct{ name, is string }{
			{"method", d.method}, {"url", d.url}, {"tenant", d.tenant}, {"client", d.client},
			{"params_hash", d.params},
		} {
			if !utf8.ValidString(text.is) {
				return text.name + " is not UTF-8"
			}
		}
	}
	switch {
	case d.startedAt < earliest:
		return "started_at is before the year 2000: a clock that was never set, or a number of another form"
	case d.startedAt > a.latest:
		return "started_at is more than a year in the future"
	case d.status != 0 && (d.status < 100 || d.status > 999):
		return "status is neither 0 nor from 100 to 999"
	}
	return checkURL(d.url)
}

// tenantOf picks the record's own tenant, else the one of the host, else the one given for the
// input.
func (a *assembler) tenantOf(d *draft, byHost string) privacy.Name {
	for _, name := range [...]string{d.tenant, byHost, a.tenant} {
		if name != "" {
			return intern(a.tenants, name, privacy.Tenant)
		}
	}
	return privacy.Name{Reason: "no tenant: neither the record nor its host names one; use --tenant"}
}

// clientOf cleans the client's name.
func (a *assembler) clientOf(d *draft) privacy.Name {
	if d.client != "" && d.clientIsHost {
		return intern(a.hosts, d.client, func(s string) privacy.Name {
			return privacy.Host(withoutPort(s), a.key)
		})
	}
	return intern(a.clients, d.client, func(s string) privacy.Name { return privacy.Client(s, a.key) })
}

// routeOf returns the one Route that all requests of the same method, origin and template share.
func (a *assembler) routeOf(method string, m limits.Match) *store.Route {
	if r := a.route; r != nil && r.Template == m.Template && r.Origin == m.Origin &&
		r.Method == method &&
		r.Class == m.Class {
		return r
	}
	r, ok := a.routes[importRoute{method, m.Origin, m.Template}]
	if !ok || r.Class != m.Class {
		r = &store.Route{
			Method: strings.Clone(method), Origin: strings.Clone(m.Origin),
			Template: strings.Clone(m.Template), Class: strings.Clone(m.Class),
		}
		if len(a.routes) >= internLimit {
			clear(a.routes)
		}
		a.routes[importRoute{r.Method, r.Origin, r.Template}] = r
	}
	a.route = r
	return r
}

// paramsOf says what the parameters are known by: "" where method and kept URL say all, or the
// policy lets nothing be kept.
func (a *assembler) paramsOf(d *draft, method string, m limits.Match) string {
	lossless := m.Lossless
	switch {
	case a.policy.IsPersonal(m.Class):
		return "" // a number can be guessed from its digest by whoever has the key
	case d.params != "" && isParamsHash(d.params):
		return d.params
	case d.params != "":
		p := ingest.NewParams(a.key, "given", d.params)
		return p.Sum()
	case lossless && len(d.body) == 0:
		return ""
	}
	p := ingest.NewParams(a.key, method, d.url)
	if len(d.body) > 0 {
		_, _ = p.Write(d.body) // a hash does not fail
	}
	return p.Sum()
}

// isParamsHash says whether s is a hash as Params.Sum writes it.
func isParamsHash(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// intern cleans a name once and gives the same text to all that have it, free of the input's
// memory.
func intern(
	table map[string]privacy.Name, name string, clean func(string) privacy.Name,
) privacy.Name {
	if name == "" {
		return privacy.Name{}
	}
	if c, ok := table[name]; ok {
		return c
	}
	name = strings.Clone(name)
	c := clean(name)
	if len(table) >= internLimit {
		clear(table)
	}
	table[name] = c
	return c
}
