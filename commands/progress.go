package commands

import (
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/6dcca832/headroom/internal/measure"
)

// bar shows how much of something is done, on a terminal only. A nil bar shows nothing.
type bar struct {
	writer  progress.Writer
	tracker *progress.Tracker
	ended   chan struct{} // closed when nothing more will be shown
}

// In what a bar counts.
var (
	inBytes = progress.Units{Formatter: measure.Bytes}
	inDays  = progress.Units{Formatter: func(n int64) string { return measure.Count(n, "day") }}
)

// startBar shows a bar for a file of size bytes; 0 means that the size is not known, and there is
// no bar.
func (s *streams) startBar(name string, size int64) *bar {
	return s.startBarIn(inBytes, name, size)
}

// startBarIn shows a bar of something else.
func (s *streams) startBarIn(units progress.Units, name string, size int64) *bar {
	if _, ok := terminal(s.err); !ok || size == 0 || s.quiet {
		return nil
	}
	return newBar(s.err, units, name, size)
}

func newBar(w io.Writer, units progress.Units, name string, size int64) *bar {
	b := &bar{
		writer:  progress.NewWriter(),
		tracker: &progress.Tracker{Message: oneLine(name), Total: size, Units: units},
		ended:   make(chan struct{}),
	}
	b.writer.Style().Options.TimeInProgressPrecision = time.Second
	b.writer.Style().Options.TimeDonePrecision = 100 * time.Millisecond
	b.writer.SetOutputWriter(w)
	b.writer.SetTrackerPosition(progress.PositionRight)
	b.writer.SetAutoStop(false)
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.AppendTracker(b.tracker)
	go func() {
		defer close(b.ended)
		b.writer.Render()
	}()
	return b
}

func (b *bar) set(bytesRead int64) {
	if b != nil {
		b.tracker.SetValue(bytesRead)
	}
}

// setOf moves the bar where the size may have become another.
func (b *bar) setOf(done, size int64) {
	if b != nil {
		b.tracker.UpdateTotal(size)
		b.tracker.SetValue(done)
	}
}

// stop ends the bar in the state that err says, so that what is printed next stands below it.
func (b *bar) stop(err error) {
	if b == nil {
		return
	}
	if err != nil {
		b.tracker.MarkAsErrored()
	} else {
		b.tracker.MarkAsDone()
	}
	for { // Stop does nothing to what has not begun yet, as with a small file
		b.writer.Stop()
		select {
		case <-b.ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
