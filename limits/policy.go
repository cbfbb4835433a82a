package limits

import (
	"math"
	"slices"
	"time"
)

// OtherClass is the class of every request that no route of the policy fits.
const OtherClass = "other"

// Policy is what one vendor allows: which requests there are, what each answer means, how often and
// how much may be asked for. A Policy comes from Parse or Builtin, is not changed afterwards, and
// may be used by many goroutines.
type Policy struct {
	// Name and Version identify the policy in every report made under it.
	Name    string `toml:"name"`
	Version string `toml:"version"`
	// Vendor is the company's name, Source the page its rules were read from. Both may be "".
	Vendor string `toml:"vendor"`
	Source string `toml:"source"`
	// Hosts are the patterns of the vendor's host names; "{tenant}" in each stands for the tenant.
	Hosts []string `toml:"hosts"`
	// Routes are tried in order; the first that fits a request gives its class.
	Routes []Route `toml:"route"`
	// Statuses are the answers that the vendor documents, one row a code.
	Statuses  []Status  `toml:"status"`
	Frequency Frequency `toml:"-"`
	Egress    Egress    `toml:"-"`
	// Listing says how the vendor's answers list recordings; the zero value means that it is not
	// known.
	Listing Listing `toml:"-"`
	// Words are further path segments that are safe to keep where no template fits.
	Words []string `toml:"words"`
	// Keep gives, for each name of a path or query value that may be kept, the regular expression its
	// whole value must match. A value that does not match is not kept.
	Keep map[string]string `toml:"keep"`
	// Never are regular expressions of values that are not kept under any name: what looks like a
	// phone number.
	Never []string `toml:"never"`
	// Headers are those of an answer that are kept.
	Headers Headers `toml:"headers"`
	// Notes hold, by the name of a rule of the audit, what the policy adds to it.
	Notes map[string]RuleNote `toml:"rule"`

	rules rules
}

// Route says which requests belong to a class and what may be kept of their URLs.
type Route struct {
	// Class is the name that the other rules and all reports use.
	Class string `toml:"class"`
	// Method is the request's method; "" means any.
	Method string `toml:"method"`
	// Path is a template: "/" and segments, each literal, "{name}" (a value that may not be kept),
	// "{+name}" (a value that may) or, once at most, "**" (one or more segments, whatever they are).
	Path string `toml:"path"`
	// Query names the query values that may be kept.
	Query []string `toml:"query"`
	// Personal says that what the requests ask for is about a person, such as whom to dial. Then not
	// even a digest of their parameters is kept: whoever has the database's key could try all numbers
	// against it. It goes for all routes of the class.
	Personal bool `toml:"personal"`
	// Section and Source say where the vendor describes the route; "" means that it does not.
	Section string `toml:"section"`
	Source  string `toml:"source"`
}

// Status is one documented answer.
type Status struct {
	Code int    `toml:"code"`
	Name string `toml:"name"`
	// Methods are those of the requests that may get this answer, Classes their classes; no class
	// means all.
	Methods []string `toml:"methods"`
	Classes []string `toml:"classes"`
	// Meaning is what the answer says, Advice what the client should do, each a sentence.
	Meaning string `toml:"meaning"`
	Advice  string `toml:"advice"`
	Section string `toml:"section"`
	Basis   Basis  `toml:"basis"`
	// Role is what the answer means to the audit.
	Role Role `toml:"role"`
}

// Basis says how a rule follows from what the vendor has published.
type Basis string

// The bases that a policy can give. The zero value means that the vendor's page says it.
const (
	BasisStated  Basis = ""            // the page says so
	BasisReading Basis = "our reading" // the page says less: the rest is how headroom understands it
	BasisOurs    Basis = "ours"        // no page says it
)

var bases = []Basis{BasisStated, BasisReading, BasisOurs}

// RuleNote is what the policy adds to a rule of the audit. The zero value adds nothing.
type RuleNote struct {
	// Section and Page say where the vendor describes what the rule is about, Basis how the rule
	// follows from it.
	Section string `toml:"section"`
	Page    string `toml:"page"`
	Basis   Basis  `toml:"basis"`
	// Advice takes the place of the rule's own advice; it may use the vendor's words. "" leaves that
	// as it is.
	Advice string `toml:"advice"`
}

// Note is what the policy adds to a rule of the audit, by its name. Where it names neither a
// section nor a page, the vendor says nothing of the rule: its basis is BasisOurs, unless the
// policy calls it a reading.
func (p *Policy) Note(rule string) RuleNote {
	n := p.Notes[rule]
	if n.Section == "" && n.Page == "" && n.Basis == BasisStated {
		n.Basis = BasisOurs
	}
	return n
}

// Headers are the names of the headers of an answer that are kept.
type Headers struct {
	// VendorID are those that may hold the vendor's own id of the request; the first that is there
	// counts.
	VendorID []string `toml:"vendor_id"`
	// Date holds the time of the vendor's clock, as RFC 9110 defines it. "" means that it is not
	// looked at.
	Date string `toml:"date"`
}

// Role is what a status means to the audit, whatever its number is with a given vendor.
type Role string

// The roles that a policy can give to a status.
const (
	RoleOK          Role = "ok"           // done
	RoleDeferred    Role = "deferred"     // the result is kept for the same request sent again
	RoleBadRequest  Role = "bad-request"  // the same request again is pointless
	RoleAuth        Role = "auth"         // the token, or what it may do, is wrong
	RoleRateLimited Role = "rate-limited" // too often
	RoleServerError Role = "server-error" // the vendor's fault
	RoleUnavailable Role = "unavailable"  // not now
	RoleEgressCap   Role = "egress-cap"   // too much
	// RoleRedirect is an answer that leads to another host, a storage, for what was asked for.
	RoleRedirect Role = "redirect"
)

var roles = []Role{
	RoleOK, RoleDeferred, RoleBadRequest, RoleAuth, RoleRateLimited, RoleServerError, RoleUnavailable,
	RoleEgressCap, RoleRedirect,
}

// Frequency is the rule on how often requests of one class may start, per tenant. The zero value
// means no rule.
type Frequency struct {
	Class string `toml:"class"`
	// MinInterval is the least time from one start to the next.
	MinInterval time.Duration `toml:"-"`
	// Tolerance is how much shorter an interval may be and still count as a slip beside the
	// violations, when the request was not refused. By default 0.
	Tolerance time.Duration `toml:"-"`
	// BackoffMax is the longest that exponential backoff need wait after a refusal.
	BackoffMax time.Duration `toml:"-"`
	// PullEvery is the longest that a tenant should go without such a request; 0 means that it does
	// not matter.
	PullEvery    time.Duration `toml:"-"`
	Section      string        `toml:"section"`
	BestPractice string        `toml:"best_practice"`
	Source       string        `toml:"source"`
	Advice       string        `toml:"advice"`
}

// Egress is the rule on how many bytes the answers of one class may carry, per tenant. The zero
// value means no rule.
type Egress struct {
	Class string `toml:"class"`
	// Window is the length of the rolling sum that is capped.
	Window time.Duration `toml:"-"`
	// HoursPerDay × Days is what one agent is taken to record in a window, Factor the allowance on
	// top.
	HoursPerDay float64 `toml:"hours_per_day"`
	Days        float64 `toml:"days"`
	Factor      float64 `toml:"factor"`
	// BytesPerHour is the size of a recorded hour where nothing better is known.
	BytesPerHour float64 `toml:"bytes_per_hour"`
	Section      string  `toml:"section"`
	Source       string  `toml:"source"`
	Advice       string  `toml:"advice"`
	// Reset says in a sentence when support may take the bytes out of the window; "" means that the
	// vendor says nothing of it.
	Reset string `toml:"reset"`
}

// Listing says which answers list recordings, as a JSON array of objects, and under which names
// those hold what may be kept of each: nothing else of such an answer is looked at. The zero value
// means no rule.
type Listing struct {
	// Class is that of the requests.
	Class string `toml:"class"`
	// Key names the member that holds the recording's key, KeptAs the pattern under Policy.Keep that
	// it has to match.
	Key    string `toml:"key"`
	KeptAs string `toml:"kept_as"`
	// Start, Duration and Size name the members that hold its start in milliseconds since 1970 UTC,
	// its length in milliseconds and its size in bytes.
	Start    string `toml:"start_ms"`
	Duration string `toml:"duration_ms"`
	Size     string `toml:"size_bytes"`
	// KeyTime says how a key tells when its recording began. By default KeyTimeNone.
	KeyTime KeyTime `toml:"key_time"`
	// Fields name the members that say nothing of who spoke: a pull writes them beside the recording.
	Fields []string `toml:"fields"`
	Source string   `toml:"source"`
}

// KeyTime is a form in which a recording's key tells its start.
type KeyTime string

// The forms of a KeyTime.
const (
	KeyTimeNone   KeyTime = ""        // not at all
	KeyTimeUnixMS KeyTime = "unix-ms" // the key ends in "-" and 13 digits: milliseconds since 1970 UTC
)

// Cap is the cap in bytes for so many licensed recorded agents:
//
//	agents × HoursPerDay × Days × bytesPerHour × Factor
//
// A bytesPerHour that is not a positive number means the policy's own. The cap is 0, which means
// unknown, without agents or without an egress rule, and no more than an int64 holds.
func (e Egress) Cap(agents int, bytesPerHour float64) int64 {
	if !(bytesPerHour > 0) || math.IsInf(bytesPerHour, 1) {
		bytesPerHour = e.BytesPerHour
	}
	if agents <= 0 {
		return 0
	}
	n := math.Round(float64(agents) * e.HoursPerDay * e.Days * bytesPerHour * e.Factor)
	if n >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n)
}

// Status is the row of the policy's table for an answer. Expected says that the table lists the
// code for that method; when it lists it for other methods only, the row is returned all the same,
// and a code it does not list gives the zero Status. Whether the answer is expected of a request of
// a class, Expects says.
func (p *Policy) Status(code int, method string) (st Status, expected bool) {
	i := p.statusIndex(code)
	if i < 0 {
		return Status{}, false
	}
	st = p.Statuses[i]
	return st, slices.Contains(st.Methods, method)
}

// Expects says whether the policy's table lists an answer for requests of that method and class.
func (p *Policy) Expects(code int, method, class string) bool {
	st, ok := p.Status(code, method)
	return ok && (len(st.Classes) == 0 || slices.Contains(st.Classes, class))
}

// LeadsToStorage says whether an answer to a request of a class redirects to a storage, whose bytes
// count as the class's. Whether the policy expects the answer does not matter: the bytes come.
func (p *Policy) LeadsToStorage(code int, class string) bool {
	return class == p.Egress.Class && class != "" && code/100 == 3 && code != notModified
}

// notModified is the one status from 300 on that leads nowhere (RFC 9110).
const notModified = 304

// IsPersonal says whether requests of a class are about a person, see Route.Personal.
func (p *Policy) IsPersonal(class string) bool {
	return slices.ContainsFunc(p.Routes, func(r Route) bool { return r.Personal && r.Class == class })
}

// Role is the role of a status code, "" where the table does not list it.
func (p *Policy) Role(code int) Role {
	if i := p.statusIndex(code); i >= 0 {
		return p.Statuses[i].Role
	}
	return ""
}

// Classes are the classes of the routes in their order, each once, then OtherClass.
func (p *Policy) Classes() []string {
	var classes []string
	for _, r := range p.Routes {
		if r.Class != OtherClass && !slices.Contains(classes, r.Class) {
			classes = append(classes, r.Class)
		}
	}
	return append(classes, OtherClass)
}

func (p *Policy) statusIndex(code int) int {
	if code < 0 || code >= len(p.rules.statuses) {
		return -1
	}
	return int(p.rules.statuses[code]) - 1
}
