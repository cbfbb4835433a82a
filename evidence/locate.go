package evidence

import (
	"bytes"
	"context"
	"fmt"

	"github.com/6dcca832/headroom/store"
)

// A changed, removed or inserted row moves or changes all leaves after it, so the root tells only
// that something is wrong. To name the row, the rows of the run are encoded once more, each at the
// place where its leaf should be, and compared with the hints. Hints are no proof: they are as good
// as who wrote them, and name the place of an accident or of an alteration that left them alone.
// Where they have been changed too, only the run is named.

// lookAhead is how many rows that were removed or inserted in one place are still found.
const lookAhead = 256

// placedRow is a row and how its leaf would be with a given seq.
type placedRow struct {
	name   func() string
	encode func(line []byte, seq int64) []byte
}

// locate names the first row of a part that is not as it was sealed.
func (w *runWalk) locate(ctx context.Context, p *part) error {
	rows, err := w.placedRows(ctx, p)
	if err != nil {
		return err
	}
	hinted := func(seq int64) []byte {
		at := (seq - p.from) * hintSize
		if at+hintSize > int64(len(p.head.Hints)) {
			return nil
		}
		return p.head.Hints[at : at+hintSize]
	}
	var line []byte
	fits := func(r *placedRow, seq int64) bool {
		line = r.encode(line[:0], seq)
		h := HashLeaf(line)
		return bytes.Equal(h[:hintSize], hinted(seq))
	}
	where := fmt.Sprintf("log of %q, seal %d", p.head.Tenant, w.run.N)
	places := w.places(p)
	for i := range max(len(places), len(rows)) {
		switch {
		case i >= len(rows) && i == 0:
			return altered("%s: all its %d rows were removed", where, len(places))
		case i >= len(rows):
			return altered("%s: %d rows were removed, the first after %s", where, len(places)-i,
				rows[i-1].name())
		case i >= len(places):
			return altered("%s: %s was inserted after it was sealed", where, rows[i].name())
		case fits(&rows[i], places[i]):
			continue
		}
		for k := 1; k <= lookAhead && i+k < len(places); k++ {
			if fits(&rows[i], places[i+k]) {
				return altered("%s: %d rows were removed, the first before %s (leaf %d)", where, k,
					rows[i].name(), places[i])
			}
		}
		for k := 1; k <= lookAhead && i+k < len(rows); k++ {
			if fits(&rows[i+k], places[i]) {
				return altered("%s: %s was inserted after it was sealed", where, rows[i].name())
			}
		}
		if len(rows) < len(places) && i == len(rows)-1 {
			return altered("%s: %d rows were removed, near %s", where, len(places)-len(rows), rows[i].name())
		}
		return altered("%s: %s was changed (leaf %d)", where, rows[i].name(), places[i])
	}
	for _, l := range p.head.Lines {
		if h := HashLeaf([]byte(l.Line)); !bytes.Equal(h[:hintSize], hinted(l.Seq)) {
			return altered("%s: leaf %d, which no row says, was changed", where, l.Seq)
		}
	}
	return altered(
		"%s: rows before it, removed rows' hashes or its checkpoint are not the ones that were sealed",
		where)
}

// places are the seqs of a part's leaves that rows say.
func (w *runWalk) places(p *part) (places []int64) {
	lines := map[int64]bool{}
	for _, l := range p.head.Lines {
		lines[l.Seq] = true
	}
	pruned := map[int64]bool{}
	for _, h := range p.b.allPruned {
		for seq := h.N << h.Level; seq < (h.N+1)<<h.Level; seq++ {
			if seq >= p.from && seq < p.head.Size {
				pruned[seq] = true
			}
		}
	}
	for seq := p.from; seq < p.head.Size; seq++ {
		if !lines[seq] && !pruned[seq] {
			places = append(places, seq)
		}
	}
	return places
}

// placedRows reads the part's rows once more.
func (w *runWalk) placedRows(ctx context.Context, p *part) (rows []placedRow, err error) {
	for r, err := range w.in.Requests(ctx, p.head.Tenant, after(w.last).Request, w.run.Upto.Request) {
		if err != nil {
			return nil, err
		}
		own := *r
		rows = append(rows, placedRow{func() string { return requestName(&own) },
			func(line []byte, seq int64) []byte { return p.b.encodeRequest(line, seq, &own) }})
	}
	events, err := w.in.Events(ctx, p.head.Tenant, after(w.last).Event, w.run.Upto.Event)
	if err != nil {
		return nil, err
	}
	for i := range events {
		if e := &events[i]; sealedEvent(e) {
			rows = append(rows, placedRow{func() string { return eventName(e) },
				func(line []byte, seq int64) []byte { return p.b.encodeEvent(line, seq, e) }})
		}
	}
	captures, err := w.in.Captures(ctx, after(w.last).Capture, w.run.Upto.Capture)
	if err != nil {
		return nil, err
	}
	for i := range captures {
		c := &captures[i]
		rows = append(
			rows,
			placedRow{
				func() string { return fmt.Sprintf("capture %d (%s, %s)", c.ID, c.Kind, sealTime(c.At)) },
				func(line []byte, seq int64) []byte {
					return append(line, CaptureLine(seq, c.At, c.Kind, c.Version)...)
				},
			},
		)
	}
	from, to := after(w.last).Recording, w.run.Upto.Recording
	for r, err := range w.in.Listed(ctx, p.head.Tenant, from, to) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, placedRow{func() string { return recordingName(&r) },
			func(line []byte, seq int64) []byte { return p.b.encodeRecording(line, seq, &r) }})
	}
	return rows, nil
}

func requestName(r *store.Request) string {
	return fmt.Sprintf("request %d (%s, %s)", r.ID, r.Tenant, sealTime(r.StartedAt))
}

func eventName(e *store.Event) string {
	return fmt.Sprintf("event %d (%s, %s)", e.ID, e.Kind, sealTime(e.At))
}

func recordingName(r *store.ListedRecording) string {
	return fmt.Sprintf("listed recording %d (%s, %s)", r.ID, r.Tenant, sealTime(r.StartedAt))
}
