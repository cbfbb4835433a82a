package logs

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/6dcca832/headroom/store"
)

// JSONLWriter writes requests as JSON Lines, in the shape that Import reads. Importing them gives
// equal requests, but for ID, FirstByte and where they came from; fields with their default value
// are left out.
type JSONLWriter struct {
	w      *bufio.Writer
	buf    []byte
	resets []Reset // those not yet written
}

// NewJSONLWriter returns a buffered writer: call Flush at the end. Each tenant's resets go with its
// first request.
func NewJSONLWriter(w io.Writer, resets ...Reset) *JSONLWriter {
	return &JSONLWriter{w: bufio.NewWriterSize(w, 64<<10), resets: resets}
}

// Write writes one request as a line. The error is the writer's.
func (j *JSONLWriter) Write(r *store.Request) error {
	j.buf = appendRecord(j.buf[:0], r)
	if len(j.resets) > 0 {
		j.buf, j.resets = appendResets(j.buf, r.Tenant, j.resets)
	}
	j.buf = append(j.buf, '}', '\n')
	if _, err := j.w.Write(j.buf); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	return nil
}

// Flush writes what is buffered.
func (j *JSONLWriter) Flush() error {
	if err := j.w.Flush(); err != nil {
		return fmt.Errorf("write requests: %w", err)
	}
	return nil
}

// WriteJSONL writes all requests of seq and stops at its first error, which is returned as it is.
func WriteJSONL(w io.Writer, seq iter.Seq2[store.Request, error], resets ...Reset) error {
	j := NewJSONLWriter(w, resets...)
	for r, err := range seq {
		if err != nil {
			return err
		}
		if err := j.Write(&r); err != nil {
			return err
		}
	}
	return j.Flush()
}

// appendRecord writes all of a record but its end.
func appendRecord(b []byte, r *store.Request) []byte {
	b = append(b, `{"started_at":"`...)
	b = appendStart(b, r)
	b = append(b, `","method":`...)
	method := ""
	if r.Route != nil {
		method = r.Route.Method
	}
	b = appendString(b, method)
	b = appendString(append(b, `,"url":`...), r.URL())
	b = strconv.AppendInt(append(b, `,"status":`...), int64(r.Status), 10)
	b = appendString(append(b, `,"tenant":`...), r.Tenant)
	if r.Duration != 0 {
		b = appendMillis(append(b, `,"duration_ms":`...), r.Duration)
	}
	b = appendCount(b, fieldRequestBytes, r.RequestBytes)
	b = appendCount(b, fieldResponseBytes, r.ResponseBytes)
	if r.CutShort {
		b = append(b, `,"complete":false`...)
	}
	b = appendText(b, fieldParamsHash, r.Params)
	b = appendCount(b, fieldRetryAfterS, r.RetryAfter)
	b = appendText(b, fieldClient, r.Client)
	b = appendText(b, fieldError, r.Error)
	b = appendText(b, fieldVendorID, r.VendorID)
	if r.DateSkew.Known {
		b = strconv.AppendInt(appendName(b, fieldDateSkewS), r.DateSkew.N, 10)
	}
	if r.Route != nil && r.Route.Class == store.StorageClass {
		b = appendText(b, fieldStorageOf, cmp.Or(r.Key, unknownRecording))
	}
	return appendClock(b, r)
}

// appendClock writes what the time means and how exact it is, where the time alone does not show
// it.
func appendClock(b []byte, r *store.Request) []byte {
	if r.Source == nil {
		return b
	}
	if r.Source.TimeIs != store.TimeIsStart {
		b = appendText(b, fieldTimeIs, r.Source.TimeIs.String())
	}
	if s := r.Source.Resolution; s != 0 && !isWholeSecond(r) {
		b = strconv.AppendFloat(appendName(b, fieldResolutionS), float64(s)/1e6, 'f', -1, 64)
	}
	return b
}

// isWholeSecond says whether the time itself shows the clock's resolution: it is written without a
// fraction.
func isWholeSecond(r *store.Request) bool {
	return r.Source != nil && r.Source.Resolution == wholeSecond && r.StartedAt%wholeSecond == 0
}

// exactLayout is a time in UTC with its microseconds.
const exactLayout = "2006-01-02T15:04:05.000000Z"

// appendStart writes the time without a fraction where the source's clock had none: that is how an
// import learns it.
func appendStart(b []byte, r *store.Request) []byte {
	layout := exactLayout
	if isWholeSecond(r) {
		layout = time.RFC3339
	}
	return r.Start().AppendFormat(b, layout)
}

// appendMillis writes microseconds as milliseconds with as many decimals as needed.
func appendMillis(b []byte, micros int64) []byte {
	b = strconv.AppendInt(b, micros/1000, 10)
	rest := micros % 1000
	if rest == 0 {
		return b
	}
	decimals := strings.TrimRight(fmt.Sprintf("%03d", rest), "0")
	return append(append(b, '.'), decimals...)
}

func appendCount(b []byte, field int, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(appendName(b, field), n, 10)
}

func appendText(b []byte, field int, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(appendName(b, field), s)
}

func appendName(b []byte, field int) []byte {
	b = append(b, `,"`...)
	b = append(b, fieldNames[field]...)
	return append(b, `":`...)
}

// appendString writes a JSON string; encoding/json writes those that need escapes. What a terminal
// acts on or what turns the direction of text is escaped too.
func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return appendQuoted(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendQuoted(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string cannot fail
	for _, r := range string(quoted) {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			b = fmt.Appendf(b, "\\u%04x", r) // both lie below U+10000
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}
