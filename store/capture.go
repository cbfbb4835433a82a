package store

// The kinds of Capture.
const (
	CaptureStarted = "started"
	CaptureBeat    = "beat" // it still runs
	CaptureStopped = "stopped"
)

// Capture says when a program that makes or carries the calls was writing to the log, so that a gap
// can be told from a time without calls. Rows are only ever added.
type Capture struct {
	ID int64
	// Span is a random number that the rows of one program's run share.
	Span int64
	Kind string
	// At is in microseconds since 1970 UTC.
	At int64
	// Version is the program's.
	Version string
}
