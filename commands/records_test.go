package commands

import (
	"fmt"
	"strings"
	"time"
)

// records are n downloads of one tenant as JSON Lines, the first at 2026-11-01 02:00 UTC, each of 1,000 bytes.
func records(tenant string, n int, gap float64) string {
	var b strings.Builder
	start := time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(float64(i) * gap * float64(time.Second)))
		fmt.Fprintf(&b, `{"started_at":%q,"method":"GET","url":"https://%s.xima.cloud/rest/api/v2/recordings/6f9619ff-8b86-4011-b42d-%012x-1767225600000/audio","status":200,"response_bytes":1000,"client":"nightly"}`+"\n",
			at.Format("2006-01-02T15:04:05.000000Z"), tenant, i)
	}
	return b.String()
}
