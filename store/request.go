package store

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Request is one HTTP attempt, as it is stored: a retry, a redirect and a failed connection are
// each a Request of their own. It holds nothing secret and nobody's name: see Route for what of the
// URL is kept. Call is what an analysis reads of it.
//
// Times are integer microseconds since 1970-01-01 UTC, durations microseconds, sizes bytes on the
// wire.
type Request struct {
	// ID is the row's number in order of arrival, from 1. 0 means: not stored yet.
	ID int64
	// Tenant is the vendor's name of the organisation the request belongs to. It is never empty once
	// stored.
	Tenant string
	// StartedAt is when the attempt began. All rules and all sums go by it.
	StartedAt int64
	// Duration is from StartedAt to the last byte read (or the abort). 0 means unknown.
	Duration int64
	// FirstByte is from StartedAt to the first byte of the answer. 0 means unknown.
	FirstByte int64
	// RequestBytes and ResponseBytes are body bytes on the wire, as sent and as read. 0 means none, or
	// unknown in a log.
	RequestBytes  int64
	ResponseBytes int64
	// Status is the answer's status code; 0 means that no answer came.
	Status int
	// CutShort says that the answer's body ended before its end: the reader closed it, or the
	// connection broke.
	CutShort bool
	// RetryAfter is the answer's Retry-After in seconds, a date already turned into the time left. 0
	// means none.
	RetryAfter int64
	// Error is the class of what went wrong (dns, connect, tls, timeout, cancelled, reset, other), ""
	// for nothing.
	Error string
	// VendorID is the vendor's own id of the request, from a header of its answer that the policy
	// names; "" means that none was told.
	VendorID string
	// DateSkew is the answer's Date less our clock.
	DateSkew Seconds
	// Route, Key and Query are what was kept of method and URL. Route is never nil once stored.
	Route *Route
	Key   string
	Query string
	// Params identifies the parameters of a request whose kept URL does not say all of them (it had a
	// body, or something of the URL was not kept): 32 hexadecimal digits of a hash keyed by the file.
	// "" means that method and URL are the parameters.
	Params string
	// Client is the program or host that sent the request; "" means unknown.
	Client string
	// Source is how the request got into the file. Route, Source and Client are shared between many
	// Requests; what Route and Source point at must not change once a store was given it.
	Source *Source

	// ItemAt is the time that Key ends in, when its last part is "-" and 13 digits, milliseconds since
	// 1970 UTC: the start of a recording. It is floored to whole seconds, in microseconds; 0 means
	// that the key tells no time.
	ItemAt int64
	// ItemHash identifies Key, ParamsHash the parameters (Params, or method and URL), within one file.
	// All three are derived, by Identify, which the store calls for requests whose ParamsHash is 0.
	ItemHash   uint64
	ParamsHash uint64
}

// OpaqueClass is the class of a connection whose requests could not be seen: a tunnel through the
// proxy. No policy gives it, and none takes it away.
const OpaqueClass = "opaque"

// StorageClass is the class of a request to a storage that a redirect of the vendor's led to: its
// bytes are the tenant's, no rule about the vendor's answers or pace is about it, and Key is the
// key of the recording, where it is known. No policy gives it, and none takes it away.
const StorageClass = "storage"

// Route is what many requests share: the method and the part of the URL without its parameters.
type Route struct {
	// ID is the row's number; 0 means: not stored yet.
	ID int64
	// Method is the request method in capitals.
	Method string
	// Origin is scheme, host and a port that is not the scheme's default: "https://acme.xima.cloud".
	Origin string
	// Template is the path. A segment "{name}" stands for a value: the k-th value of the request's Key
	// where the policy lets it be kept ("{+name}"), else nothing is known of it ("{name}", and "*"
	// where no template fits).
	Template string
	// Class is the class the policy gave the route when it was stored, such as "recording_audio".
	Class string
}

// Source says how requests got into the file.
type Source struct {
	// ID is the row's number; 0 means: not stored yet.
	ID int64
	// Kind is transport, proxy, jsonl, har, combined or csv.
	Kind string
	// Name is the file's base name, or the program's; it may be "".
	Name string
	// Resolution is the clock's, in microseconds: 0 for our own capture and for records with fractions
	// of a second, 1,000,000 for logs in whole seconds (their times are floored).
	Resolution int64
	// TimeIs is what the times mean. It is TimeIsStart but for logs that tell another time.
	TimeIs TimeMeaning
}

// Live says whether rows are written as the requests end, so that none is still to be imported. It
// is false for nil.
func (s *Source) Live() bool { return s != nil && (s.Kind == "transport" || s.Kind == "proxy") }

// TimeMeaning is what the time that a source tells of a request means.
type TimeMeaning uint8

const (
	// TimeIsStart: when the request began.
	TimeIsStart TimeMeaning = iota
	// TimeIsEnd: when it ended, and how long it took is not known: else StartedAt would be computed.
	TimeIsEnd
	// TimeIsUnknown: either.
	TimeIsUnknown
)

// String is start, end or unknown.
func (m TimeMeaning) String() string {
	switch m {
	case TimeIsStart:
		return "start"
	case TimeIsEnd:
		return "end"
	}
	return "unknown"
}

// ParseTimeMeaning reads what String wrote; anything else is TimeIsUnknown.
func ParseTimeMeaning(s string) TimeMeaning {
	switch s {
	case "start":
		return TimeIsStart
	case "end":
		return TimeIsEnd
	}
	return TimeIsUnknown
}

// Seconds is a whole number of seconds; the zero value means that it is not known.
type Seconds struct {
	N     int64
	Known bool
}

// Start is StartedAt as a time in UTC.
func (r *Request) Start() time.Time { return time.UnixMicro(r.StartedAt).UTC() }

// Path is the path that was kept, with placeholders where a value was not.
func (r *Request) Path() string {
	if r.Route == nil {
		return ""
	}
	return fillTemplate(r.Route.Template, r.Key)
}

// URL is the absolute URL that was kept.
func (r *Request) URL() string {
	if r.Route == nil {
		return ""
	}
	u := r.Route.Origin + r.Path()
	if r.Query != "" {
		u += "?" + r.Query
	}
	return u
}

// Check says what is missing in a request that is to be stored, or out of range.
func (r *Request) Check() error {
	if r.Tenant == "" || r.Route == nil || r.Source == nil {
		return errors.New("tenant, route and source are required")
	}
	if r.StartedAt < 0 || r.ResponseBytes < 0 {
		return errors.New("a time before 1970 or a negative size is out of range")
	}
	if r.Status < 0 || r.Status > math.MaxInt16 {
		return fmt.Errorf("status %d is out of range", r.Status)
	}
	return nil
}

// fillTemplate puts the values of key, separated by "/", into the kept placeholders of template.
func fillTemplate(template, key string) string {
	if !strings.Contains(template, "{+") {
		return template
	}
	var b strings.Builder
	for template != "" {
		before, rest, found := strings.Cut(template, "{+")
		b.WriteString(before)
		if !found {
			break
		}
		_, template, _ = strings.Cut(rest, "}")
		value, more, _ := strings.Cut(key, "/")
		b.WriteString(value)
		key = more
	}
	return b.String()
}
