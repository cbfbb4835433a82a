package evidence

import (
	"strconv"
	"unicode/utf8"
)

// A leaf is one line of fields with a TAB between them and a LF at its end. Its hash is
// SHA-256(0x00 ‖ line), as RFC 6962 says. The first field is the kind with its version, the second
// is seq, the leaf's index in its tenant's log, from 0.
//
// Times are integer microseconds since 1970 UTC, other numbers decimal. NULL and "" are both an
// empty field. Tab, LF, CR and backslash are written \t \n \r \\, and each byte that is not part of
// valid UTF-8 as \x and two hex digits. So there is one line for each list of values, and Parse
// refuses every other spelling.

// Kind is the first field of a leaf: what it says, and in which version of the format.
type Kind string

// The kinds of leaf.
const (
	KindTenant    Kind = "t1" // the first leaf of a log: whose it is, and which key signs it
	KindRequest   Kind = "r1" // one HTTP attempt
	KindEvent     Kind = "e1" // a reset, requests dropped, or requests held back
	KindCapture   Kind = "c1" // a program began, went on or stopped recording
	KindImport    Kind = "i1" // a file was imported; this version reads it, and writes none
	KindRecording Kind = "l1" // the vendor's list named a recording
	KindSettings  Kind = "s1" // policy or settings are others than before
	KindPrune     Kind = "p1" // rows were removed
	KindNight     Kind = "n1" // what is still known of a night whose requests were removed
	KindSeal      Kind = "k1" // the last leaf of a seal
)

// fieldsOf is how many fields each kind has, the kind and seq included.
var fieldsOf = map[Kind]int{
	KindTenant: 6, KindRequest: 23, KindEvent: 7, KindCapture: 5, KindImport: 7, KindRecording: 7,
	KindSettings: 5,
	KindPrune:    6, KindNight: 7, KindSeal: 3,
}

// Request is what an r1 leaf says of one HTTP attempt. Times and durations are microseconds, sizes
// bytes; 0 means what it means in store.Request.
type Request struct {
	StartedAt    int64
	ResolutionUS int64  // the clock's: 0 exact, 1000000 for whole seconds
	TimeIs       string // start, end or unknown: what a log's time means
	Method       string
	Origin       string
	Template     string

	Status        int64
	ResponseBytes int64
	RequestBytes  int64
	CutShort      bool
	DurationUS    int64
	FirstByteUS   int64
	RetryAfterS   int64

	Error      string
	SourceKind string
	Params     string
	VendorID   string
	DateSkewS  *int64 // nil: not known

	// Key, client and source may be withheld; the leaf commits to them.
	Key, ClientSource Commitment

	Query string
}

// Event is what an e1 leaf says: a reset, requests dropped or requests held back.
type Event struct {
	At           int64
	Kind         string
	Count, Bytes int64
	Note         Commitment
}

// Recording is what an l1 leaf says of a recording that the vendor's list named. ListedAt 0 means:
// not known.
type Recording struct {
	ListedAt, StartedAt, DurationUS, Bytes int64
	Key                                    Commitment
}

// AppendRequest appends the r1 leaf with that seq.
func AppendRequest(b []byte, seq int64, r *Request) []byte {
	b = appendHead(b, KindRequest, seq)
	b = appendInt(b, r.StartedAt)
	b = appendInt(b, r.ResolutionUS)
	b = appendText(b, r.TimeIs)
	b = appendText(b, r.Method)
	b = appendText(b, r.Origin)
	b = appendText(b, r.Template)
	b = appendInt(b, r.Status)
	b = appendInt(b, r.ResponseBytes)
	b = appendInt(b, r.RequestBytes)
	b = appendBool(b, r.CutShort)
	b = appendInt(b, r.DurationUS)
	b = appendInt(b, r.FirstByteUS)
	b = appendInt(b, r.RetryAfterS)
	b = appendText(b, r.Error)
	b = appendText(b, r.SourceKind)
	b = appendText(b, r.Params)
	b = appendText(b, r.VendorID)
	b = append(b, '\t')
	if r.DateSkewS != nil {
		b = strconv.AppendInt(b, *r.DateSkewS, 10)
	}
	b = appendCommitment(b, &r.Key)
	b = appendCommitment(b, &r.ClientSource)
	b = appendText(b, r.Query)
	return append(b, '\n')
}

// AppendEvent appends the e1 leaf with that seq.
func AppendEvent(b []byte, seq int64, e *Event) []byte {
	b = appendHead(b, KindEvent, seq)
	b = appendInt(b, e.At)
	b = appendText(b, e.Kind)
	b = appendInt(b, e.Count)
	b = appendInt(b, e.Bytes)
	b = appendCommitment(b, &e.Note)
	return append(b, '\n')
}

// AppendRecording appends the l1 leaf with that seq.
func AppendRecording(b []byte, seq int64, r *Recording) []byte {
	b = appendHead(b, KindRecording, seq)
	b = appendInt(b, r.ListedAt)
	b = appendInt(b, r.StartedAt)
	b = appendInt(b, r.DurationUS)
	b = appendInt(b, r.Bytes)
	b = appendCommitment(b, &r.Key)
	return append(b, '\n')
}

// TenantLine is the t1 leaf, the first of a log: the tenant's name, the database's format when the
// log began, when that was, and the fingerprint of the key that signs it.
func TenantLine(tenant string, format int, createdAt int64, fingerprint string) string {
	b := appendHead(nil, KindTenant, 0)
	b = appendText(b, tenant)
	b = appendInt(b, int64(format))
	b = appendInt(b, createdAt)
	b = appendText(b, fingerprint)
	return string(append(b, '\n'))
}

// CaptureLine is a c1 leaf: at that time a program of that version started, beat (went on) or
// stopped recording.
func CaptureLine(seq, at int64, what, version string) string {
	b := appendHead(nil, KindCapture, seq)
	b = appendInt(b, at)
	b = appendText(b, what)
	b = appendText(b, version)
	return string(append(b, '\n'))
}

// SettingsLine is an s1 leaf: the SHA-256, in hex, of the policy and of this tenant's settings from
// now on.
func SettingsLine(seq, at int64, policy, settings string) string {
	b := appendHead(nil, KindSettings, seq)
	b = appendInt(b, at)
	b = appendText(b, policy)
	b = appendText(b, settings)
	return string(append(b, '\n'))
}

// PruneLine is a p1 leaf: so many leaves of rows before that time lost their rows, which held so
// many response bytes.
func PruneLine(seq, at, before, rows, bytes int64) string {
	b := appendHead(nil, KindPrune, seq)
	b = appendInt(b, at)
	b = appendInt(b, before)
	b = appendInt(b, rows)
	b = appendInt(b, bytes)
	return string(append(b, '\n'))
}

// NightLine is an n1 leaf, which follows the p1 leaf of the same prune: so many requests of the
// night that began then lost their rows, so many of which the vendor had refused, with so many
// response bytes.
func NightLine(seq, at, night, requests, refused, bytes int64) string {
	b := appendHead(nil, KindNight, seq)
	b = appendInt(b, at)
	b = appendInt(b, night)
	b = appendInt(b, requests)
	b = appendInt(b, refused)
	b = appendInt(b, bytes)
	return string(append(b, '\n'))
}

// SealLeaf is the k1 leaf, the last one of the tree that was sealed then.
func SealLeaf(seq, sealedAt int64) string {
	b := appendHead(nil, KindSeal, seq)
	b = appendInt(b, sealedAt)
	return string(append(b, '\n'))
}

func appendHead(b []byte, k Kind, seq int64) []byte {
	b = append(b, k...)
	return appendInt(b, seq)
}

func appendInt(b []byte, n int64) []byte {
	return strconv.AppendInt(append(b, '\t'), n, 10)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, "\t1"...)
	}
	return append(b, "\t0"...)
}

func appendCommitment(b []byte, c *Commitment) []byte {
	b = append(b, '\t')
	return append(b, c[:]...)
}

// appendText appends a TAB and the escaped text.
func appendText(b []byte, s string) []byte {
	b = append(b, '\t')
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '\t' || c == '\n' || c == '\r' || c == '\\' || c >= utf8.RuneSelf {
			plain = false
			break
		}
	}
	if plain {
		return append(b, s...)
	}
	return appendEscaped(b, s)
}

func appendEscaped(b []byte, s string) []byte {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, '\\', 'x', hexDigits[s[0]>>4], hexDigits[s[0]&15])
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\\':
			b = append(b, `\\`...)
		default:
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return b
}

const hexDigits = "0123456789abcdef"
