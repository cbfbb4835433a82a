package forecast

import "time"

type Series struct {
	Start    time.Time
	Bytes    []float64
	Closures map[int]string
	Faults   []Fault
	Backlog  []float64
}
type Fault struct {
	Day   int
	Extra float64 // signed
}
