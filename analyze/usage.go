package analyze

import "time"

// UsageBy is what usage is counted by.
type UsageBy string

// What usage can be counted by.
const (
	ByTenant    UsageBy = "tenant"
	ByClass     UsageBy = "class"
	ByClient    UsageBy = "client"
	ByStatus    UsageBy = "status"
	ByDay       UsageBy = "day"
	ByHour      UsageBy = "hour" // of the week, in the tenant's zone
	ByRecording UsageBy = "recording"
)

// UsageReport tells who used how much of the API.
type UsageReport struct {
	By UsageBy
	// Since is inclusive, Until exclusive; without a range, Since is that of the last NowNights
	// nights, and a zero Until means up to AsOf.
	AsOf, Since, Until time.Time
	Rows               []UsageRow // most bytes first; days and hours in order
	Total              UsageRow   // of all rows, its Name is ""
}

// UsageRow is the use of one tenant, class, client, status, day, hour or recording.
type UsageRow struct {
	Name                                  string
	Requests, RequestBytes, ResponseBytes int64
	Errors                                int64 // answers from 400 on, and no answers
	Duration, FirstByte                   Percentiles
	BytesPerSecond                        float64 // median of downloads while they ran; 0 means not known
	WastedRequests, WastedBytes           int64   // refused, repeated, or retried in vain
	// BusyShare is the share of the nightly window in which requests ran; -1 where no window or no
	// duration is known.
	BusyShare float64
}

// Percentiles are by nearest rank, in microseconds; N is how many values are known, and 0 means
// that there are none.
type Percentiles struct{ N, P50, P95, P99 int64 }
