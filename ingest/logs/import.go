package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/6dcca832/headroom/ingest/jsonscan"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// Errors of Import that a caller may want to tell apart. With either of them nothing was given to
// the sink.
var (
	// ErrFormat says that the input is in no format that Import reads; the message names what it looks
	// like.
	ErrFormat = errors.New("format not recognised")
	// ErrEmpty says that there is nothing to recognise a format by: no bytes, or blank lines only.
	ErrEmpty = errors.New("input is empty")
)

// The formats that Import reads.
const (
	FormatAuto       = "auto"
	FormatJSONL      = "jsonl"
	FormatHAR        = "har"
	FormatCombined   = "combined"
	FormatCSV        = "csv"
	FormatRecordings = "recordings" // the vendor's recording list, for a RecordingSink
	FormatMapped     = "mapped"     // whatever Options.Mapping describes
)

// TimeOption says what the times of a log mean.
type TimeOption string

// The values of a TimeOption.
const (
	// TimeAsLogged is what the format says: the start but for formats that log the end. An access log
	// in combined form does not say: Apache's have the start, nginx's the end.
	TimeAsLogged TimeOption = ""
	TimeStart    TimeOption = "start"
	TimeEnd      TimeOption = "end"
)

func (t TimeOption) meaning() store.TimeMeaning { return store.ParseTimeMeaning(string(t)) }

// parsers read a whole input in one of the formats that have a name of their own.
var parsers = []struct {
	format string
	parse  func(*input, *feeder) error
}{
	{FormatJSONL, parseJSONL},
	{FormatHAR, parseHAR},
	{FormatCombined, parseCombined},
	{FormatCSV, parseCSV},
	{FormatRecordings, parseListing},
}

// Formats are the names of the formats, "auto" first.
func Formats() []string {
	names := []string{FormatAuto}
	for _, p := range parsers {
		names = append(names, p.format)
	}
	return names
}

// Sink takes requests in the order of the input.
type Sink interface {
	// Add takes a batch. The slice is reused after the call returns. Keys and queries share memory
	// with a block of the input of some 256 KiB: clone those that are kept for long. Routes, sources,
	// tenants and clients do not.
	Add(ctx context.Context, batch []store.Request) error
}

// Options say how one input is read. Policy is required; so is HashKey where not all of a URL may
// be kept.
type Options struct {
	// Format is one of the Format constants. By default, "auto".
	Format string
	// Mapping says how the records of another program's log are read; it takes the place of Format. By
	// default, nil.
	Mapping *Mapping
	// Time says what the input's times mean. By default, what its format says.
	Time TimeOption
	// Tenant is for records that name none and whose host is no tenant's. By default, those are
	// rejected.
	Tenant string
	// Policy says what may be kept of a URL and which class it has.
	Policy *limits.Policy
	// HashKey is the file's own key for the hash over parameters that are not kept.
	HashKey []byte
	// Name is the input's base name, for Source.Name and Reject.File.
	Name string
	// OnReject is told of each record that was not taken, in the order of the input. By default, they
	// are only counted.
	OnReject func(Reject)
	// OnReset is told of each reset that an export wrote beside a request, after that request was
	// given to the sink. By default, they are left out.
	OnReset func(Reset)
	// OnProgress is told how many bytes of the input were read so far (before decompression), after
	// each batch.
	OnProgress func(bytesRead int64)
	// Now is what "in the future" is measured by. By default, the time of the call.
	Now time.Time
}

// Reject is a record that was not taken. It never holds anything of the record itself.
type Reject struct {
	File string
	// Line counts from 1; in a HAR file or a recording list it is the number of the entry.
	Line   int64
	Reason string
	// Damage says that the input itself is damaged here: of compressed data, also what was read before
	// may be wrong.
	Damage bool
}

// Result is what became of an input: Read records (of a recording list: entries) were found,
// Rejected of them not taken, the others were given to the sink. Blank lines and a header line are
// not records.
type Result struct {
	// Format is the one that was read, detected or as given.
	Format   string
	Read     int64
	Rejected int64
	// UnknownSize counts the accepted records that had a body whose size on the wire nobody wrote down
	// (HAR only). They are stored with 0 bytes, so the egress is too low by their sizes.
	UnknownSize int64
	// TimesUnknown counts the accepted records whose start is not known: their time is the end, or may
	// be.
	TimesUnknown int64
	// NeverFound are the fields that a mapping names, that records usually have a value for, and that
	// no record of this input had one for.
	NeverFound []string
	// Waiting is the number of a last line that has no line end and may be half-written; 0 for none.
	// It is no record yet: the next import of the grown file reads it.
	Waiting int64
}

// Import reads all records of r into sink. The input may be compressed with gzip and may begin with
// a byte order mark. Parsing goes on in a goroutine of its own while the sink works; sink, OnReject
// and OnProgress are called from the calling goroutine only. It uses constant memory, whatever the
// length of the input or of a line.
//
// A record that cannot be taken is a Reject, not an error. Errors are ErrFormat and ErrEmpty
// (nothing was read), a failing r or sink, and a done ctx; the result then says how far it came.
func Import(ctx context.Context, r io.Reader, sink Sink, o Options) (Result, error) {
	if o.Policy == nil {
		return Result{}, errors.New("import requests: no policy given")
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	raw := &countingReader{r: r}
	in, err := openInput(raw, o.Mapping != nil)
	if err != nil {
		return Result{}, err
	}
	format, err := chooseFormat(in, o)
	if err != nil {
		return Result{}, err
	}
	if _, ok := sink.(RecordingSink); format == FormatRecordings && !ok {
		return Result{}, fmt.Errorf("%w: it is a recording list, which the sink does not take", ErrFormat)
	}
	return runImport(ctx, in, raw, sink, o, format)
}

// runImport joins the parsing goroutine and the sink, batch by batch.
func runImport(
	ctx context.Context, in *input, raw *countingReader, sink Sink, o Options, format string,
) (Result, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	f := newFeeder(ctx, o, format)
	var parseErr error
	go func() {
		defer close(f.full)
		parseErr = f.parse(in, format)
		if parseErr == nil {
			parseErr = f.flush()
		}
	}()
	sinkErr := drain(ctx, f, raw, sink, o)
	if sinkErr != nil {
		stop()
		for range f.full { // until the parser has seen the end
		}
		return f.result, fmt.Errorf("add requests: %w", sinkErr)
	}
	return f.result, parseErr
}

// drain gives every batch to the sink and the callbacks until the parser ends or the sink fails.
func drain(ctx context.Context, f *feeder, raw *countingReader, sink Sink, o Options) error {
	for b := range f.full {
		if len(b.requests) > 0 {
			if err := sink.Add(ctx, b.requests); err != nil {
				return err
			}
		}
		if len(b.recordings) > 0 {
			// Import made sure that it is one.
			if err := sink.(RecordingSink).AddRecordings(ctx, b.recordings); err != nil {
				return err
			}
		}
		if o.OnReset != nil {
			for _, reset := range b.resets {
				o.OnReset(reset)
			}
		}
		if o.OnReject != nil {
			for _, reject := range b.rejects {
				o.OnReject(reject)
			}
		}
		if o.OnProgress != nil {
			o.OnProgress(raw.n.Load())
		}
		f.free <- b
	}
	return nil
}

// batchSize is small enough for a batch to stay in a core's cache, batchCount lets a sink's commit
// overlap with parsing.
const (
	batchSize  = 1024
	batchCount = 6
)

// batch is what goes from the parser to the sink and back.
type batch struct {
	requests   []store.Request
	recordings []store.Recording
	rejects    []Reject
	resets     []Reset
}

// feeder collects what a parser finds into batches and counts it.
type feeder struct {
	ctx     context.Context
	full    chan *batch
	free    chan *batch
	cur     *batch
	asm     *assembler
	mapping *Mapping
	name    string
	result  Result
}

func newFeeder(ctx context.Context, o Options, format string) *feeder {
	f := &feeder{
		ctx: ctx, full: make(chan *batch, batchCount), free: make(chan *batch, batchCount),
		asm: newAssembler(o, sourceKind(o, format)), mapping: o.Mapping, name: o.Name,
		result: Result{Format: format},
	}
	for range batchCount - 1 {
		f.free <- &batch{}
	}
	f.cur = &batch{}
	return f
}

// sourceKind is what a source's Kind says of a format.
func sourceKind(o Options, format string) string {
	switch {
	case format != FormatMapped:
		return format
	case o.Mapping.layout == layoutLine && o.Mapping.builtin() == "":
		return FormatCombined
	}
	return cmp.Or(o.Mapping.builtin(), FormatMapped)
}

// parse runs the parser of the format, which chooseFormat has chosen, over the whole input.
func (f *feeder) parse(in *input, format string) error {
	for _, p := range parsers {
		if p.format == format {
			return p.parse(in, f)
		}
	}
	return parseMapped(in, f, f.mapping)
}

// add takes a record that a parser has read.
func (f *feeder) add(d *draft) error {
	n := len(f.cur.requests)
	f.cur.requests = slices.Grow(f.cur.requests, 1)[:n+1]
	if reason := f.asm.assemble(d, &f.cur.requests[n]); reason != "" {
		f.cur.requests = f.cur.requests[:n]
		return f.reject(d.line, reason)
	}
	// Here and not in the store, which is the slower of the two goroutines.
	f.cur.requests[n].Identify()
	f.result.Read++
	if d.resets != "" {
		f.cur.resets = append(f.cur.resets, parseResets(d.resets, f.cur.requests[n].Tenant, f.asm.now)...)
	}
	if d.unknownSize {
		f.result.UnknownSize++
	}
	if f.cur.requests[n].Source.TimeIs != store.TimeIsStart {
		f.result.TimesUnknown++
	}
	return f.flushIfFull()
}

// list takes a recording that a list names.
func (f *feeder) list(r store.Recording) error {
	f.cur.recordings = append(f.cur.recordings, r)
	f.result.Read++
	return f.flushIfFull()
}

// brokenOff is what an error inside a JSON document comes to: the reject of record number next
// where others came before it, else a document that is no what.
func (f *feeder) brokenOff(err error, begun bool, next int64, what string) error {
	var damage *damageError
	switch {
	case errors.As(err, &damage) && begun:
		return f.damaged(next, damage)
	case errors.Is(err, jsonscan.ErrJSON) && begun:
		return f.reject(next, "cannot be read from here on: "+err.Error())
	case errors.As(err, &damage):
		return fmt.Errorf("%w: %s, before any entry", ErrFormat, damage.reason)
	case errors.Is(err, jsonscan.ErrJSON):
		return fmt.Errorf("%w: %w, so it is no %s", ErrFormat, err, what)
	}
	return err
}

// wait leaves a last line that may be half-written for the next import.
func (f *feeder) wait(line textLine) error {
	f.result.Waiting = line.number
	return nil
}

// reject takes note of a record that cannot be taken.
func (f *feeder) reject(line int64, reason string) error {
	return f.refuse(Reject{Line: line, Reason: reason})
}

// damaged takes note of where an input cannot be read any further.
func (f *feeder) damaged(line int64, damage *damageError) error {
	return f.refuse(Reject{Line: line, Reason: damage.reason, Damage: true})
}

func (f *feeder) refuse(r Reject) error {
	r.File = f.name
	f.result.Read++
	f.result.Rejected++
	f.cur.rejects = append(f.cur.rejects, r)
	return f.flushIfFull()
}

func (f *feeder) flushIfFull() error {
	if max(len(f.cur.requests), len(f.cur.recordings), len(f.cur.rejects),
		len(f.cur.resets)) < batchSize {
		return nil
	}
	return f.flush()
}

// flush sends the current batch and takes a free one, waiting for the sink where none is.
func (f *feeder) flush() error {
	if err := f.ctx.Err(); err != nil { // select picks at random where both can go on
		return err
	}
	select {
	case f.full <- f.cur:
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
	select {
	case f.cur = <-f.free:
	case <-f.ctx.Done():
		return f.ctx.Err()
	}
	f.cur.requests, f.cur.recordings = f.cur.requests[:0], f.cur.recordings[:0]
	f.cur.rejects, f.cur.resets = f.cur.rejects[:0], f.cur.resets[:0]
	return nil
}
