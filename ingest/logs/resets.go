package logs

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/6dcca832/headroom/ingest/privacy"
)

// Reset says that support reset a tenant's egress window. It is no request, yet an audit of a copy
// is the same only where its resets are known too. So an export writes them beside the tenant's
// first request, in a field that other readers ignore as unknown:
//
//	"egress_resets":[{"at":"2026-11-03T14:20:00.000000Z","note":"ticket 4711"}]
type Reset struct {
	Tenant string
	At     int64 // microseconds since 1970 UTC
	Note   string
}

// resetRecord is a Reset as it is written.
type resetRecord struct {
	At   string `json:"at"`
	Note string `json:"note,omitempty"`
}

// appendResets writes those of the tenant and returns the others.
func appendResets(b []byte, tenant string, resets []Reset) ([]byte, []Reset) {
	var records []resetRecord
	for _, r := range resets {
		if r.Tenant == tenant {
			records = append(records, resetRecord{time.UnixMicro(r.At).UTC().Format(exactLayout), r.Note})
		}
	}
	if len(records) == 0 {
		return b, resets
	}
	text, _ := json.Marshal(records) // texts cannot fail
	b = append(appendName(b, fieldResets), text...)
	return b, slices.DeleteFunc(slices.Clone(resets), func(r Reset) bool { return r.Tenant == tenant })
}

// resetSkew is how far a reset may be ahead of this machine's clock: nobody knows one that is to
// come.
const resetSkew = 24 * time.Hour

// parseResets reads the field. Anything of another shape is somebody else's field of that name, and
// ignored.
func parseResets(text, tenant string, now time.Time) (resets []Reset) {
	latest := now.Add(resetSkew).UnixMicro()
	var records []resetRecord
	if json.Unmarshal([]byte(text), &records) != nil {
		return nil
	}
	for _, r := range records {
		at, _, reason := parseRFC3339(r.At)
		if reason != "" || at < 0 || at > latest {
			return nil
		}
		resets = append(resets, Reset{tenant, at, privacy.Note(r.Note)})
	}
	return resets
}
