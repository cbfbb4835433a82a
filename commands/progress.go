package commands

import (
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// bar shows how much of a file has been read, on a terminal only. A nil bar shows nothing.
type bar struct {
	writer  progress.Writer
	tracker *progress.Tracker
}

// startBar shows a bar for a file of size bytes; 0 means that the size is not known, and there is no bar.
func startBar(stderr io.Writer, name string, size int64) *bar {
	if _, ok := terminal(stderr); !ok || size == 0 {
		return nil
	}
	b := &bar{progress.NewWriter(), &progress.Tracker{Message: oneLine(name), Total: size, Units: progress.UnitsBytes}}
	b.writer.SetOutputWriter(stderr)
	b.writer.SetTrackerPosition(progress.PositionRight)
	b.writer.SetAutoStop(false)
	b.writer.SetUpdateFrequency(100 * time.Millisecond)
	b.writer.AppendTracker(b.tracker)
	go b.writer.Render()
	return b
}

func (b *bar) set(bytesRead int64) {
	if b != nil {
		b.tracker.SetValue(bytesRead)
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
	for b.writer.Stop(); b.writer.IsRenderInProgress(); {
		time.Sleep(time.Millisecond)
	}
}
