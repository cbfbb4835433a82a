package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/store"
)

// cursorNote is the note of an event store.EventTold: what "audit --new" told, under the name of a
// cursor. Each event holds only what is not in those before, since most nights bring nothing.
type cursorNote struct {
	Cursor string           `json:"cursor,omitempty"`
	Told   map[string]int64 `json:"told"` // by the id of the incident, of how much it consisted
}

// readCursor gives what was told under a cursor, never nil, and when something last was; the zero
// time where nothing ever was.
func readCursor(
	ctx context.Context, snap store.Snapshot, cursor string,
) (told map[string]int64, at time.Time, err error) {
	events, err := snap.Events(ctx)
	if err != nil {
		return nil, at, err
	}
	told = map[string]int64{}
	for _, e := range events {
		if e.Kind != store.EventTold {
			continue
		}
		var note cursorNote
		if err := json.Unmarshal([]byte(e.Note), &note); err != nil {
			return nil, at, fmt.Errorf("read what was told before: event %d: %w", e.ID, err)
		}
		if note.Cursor == cursor {
			at = time.UnixMicro(e.At)
			for id, n := range note.Told {
				told[id] = n
			}
		}
	}
	return told, at, nil
}

// saveCursor keeps what has been told now. It is called when that has been written.
func (s *session) saveCursor(
	ctx context.Context, cursor string, before map[string]int64, r *analyze.Report,
) error {
	note := cursorNote{Cursor: cursor, Told: map[string]int64{}}
	for id, n := range r.Seen {
		if before[id] != n {
			note.Told[id] = n
		}
	}
	if len(note.Told) == 0 {
		return nil
	}
	text, err := json.Marshal(note)
	if err != nil {
		return fmt.Errorf("keep what was told: %w", err)
	}
	e := store.Event{
		Kind:  store.EventTold,
		At:    time.Now().UnixMicro(),
		Count: int64(len(note.Told)),
		Note:  string(text),
	}
	if err := s.store.AddEvent(ctx, e); err != nil {
		return fmt.Errorf("keep what was told, which the next --new tells again: %w", err)
	}
	return nil
}
