package commands

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/ingest/logs"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/safefile"
	"github.com/6dcca832/headroom/store"
)

// standardInput is how the command line names it.
const standardInput = "-"

func newImportCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "read requests from log files, or a recording list",
		ArgsUsage: "FILE…",
		Description: "Reads JSON Lines, HAR 1.2, access logs in combined form and CSV with a header; \"-\" is standard input, and\n" +
			"gzip and bzip2 are unpacked. What was imported before is not counted twice. Of the vendor's recording list, a JSON array, it takes\n" +
			"key, start, length and size: they measure the cap and tell what is still to be pulled.\n\n" +
			"Examples:\n" +
			"  headroom import access.log access.log.1.gz\n" +
			"  headroom import --tenant acme --log-format '$remote_addr [$time_local] \"$request\" $status $body_bytes_sent $request_time' access.log\n" +
			"  headroom import --tenant acme --map caddy caddy.log\n" +
			"  zcat old.gz | headroom import --tenant acme --time end --rejects rejected.txt -\n" +
			"  headroom call GET \"https://acme.xima.cloud/rest/api/v2/recordings?startTime=…\" | headroom import --tenant acme -",
		Flags: []cli.Flag{
			newChoiceFlag("input-format", "`FORMAT` of the files", logs.Formats()...),
			&cli.StringFlag{
				Name: "map",
				Usage: "read another program's log: " + strings.Join(logs.MappingNames(),
					", ") + ", a `FILE.toml`, or started_at=ts,method=request.method,…",
			},
			&cli.StringFlag{
				Name:  "log-format",
				Usage: "the `FORMAT` string of nginx's log_format or Apache's LogFormat, or nginx, apache, apache-vhost",
			},
			newOptionalChoice("time",
				"what the log's times are of requests: `start|end` (default: what the format says; an access log does not)",
				string(logs.TimeStart), string(logs.TimeEnd)),
			&cli.StringFlag{Name: "tenant", Usage: "the `NAME` of the tenant, for requests that do not say"},
			&cli.StringFlag{
				Name:  "rejects",
				Usage: "write what cannot be read to this `FILE`, with file, line and reason (default: standard error)",
			},
		},
		Action: withFacts(s, readImportOptions, runImport),
	}
}

type importOptions struct {
	files                   []string
	format, tenant, rejects string
	mapping                 *logs.Mapping
	time                    logs.TimeOption
}

func readImportOptions(c *cli.Context, _ *streams) (o importOptions, err error) {
	o.files, o.tenant, o.rejects = c.Args().Slice(), c.String("tenant"), c.String("rejects")
	if len(o.files) == 0 {
		return o, errors.New("no file is named; name one or more, or \"-\" for standard input")
	}
	if c.IsSet("tenant") {
		if err := privacy.CheckTenant(o.tenant); err != nil {
			return o, fmt.Errorf("flag --tenant: %w", err)
		}
	}
	o.format, o.time = c.String("input-format"), logs.TimeOption(c.String("time"))
	if o.mapping, err = readMapping(c); err != nil {
		return o, err
	}
	return o, checkInputs(o.files, c.String("db"), o.rejects)
}

// readMapping reads --map and --log-format; nil without either.
func readMapping(c *cli.Context) (m *logs.Mapping, err error) {
	given := 0
	for _, name := range []string{"map", "log-format", "input-format"} {
		if c.IsSet(name) {
			given++
		}
	}
	switch name := c.String("map"); {
	case given > 1:
		return nil, errors.New(
			"flags --map, --log-format and --input-format: each says how to read the files; give one of them")
	case c.IsSet("log-format"):
		if m, err = logs.ParseLogFormat(c.String("log-format")); err != nil {
			return nil, fmt.Errorf("flag --log-format: %w", err)
		}
	case strings.HasSuffix(name, ".toml"):
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("flag --map: %w", err)
		}
		return logs.ParseMappingFile(name, data)
	case c.IsSet("map"):
		if m, err = logs.ParseMapping(name); err != nil {
			return nil, fmt.Errorf("flag --map: %w", err)
		}
	}
	return m, nil
}

func runImport(c *cli.Context, se *session, o importOptions) error {
	if err := recognisable(c.Context, se, o, c.String("db")); err != nil {
		return err
	}
	return se.open(c.Context, c.String("db"), func() (err error) {
		if err := se.writable(); err != nil {
			return err
		}
		rejects, done, err := openRejects(o.rejects, se.err)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, done()) }()
		im := importer{session: se, o: o, rejects: rejects, ahead: se.sealAhead()}
		err = im.all(c.Context)
		se.autoSealAfter(context.WithoutCancel(c.Context), im.ahead) // what was stored, also after Ctrl-C
		return err
	})
}

// openRejects makes the file for rejects, whose lines are as many as those of the input may be.
func openRejects(name string, stderr io.Writer) (w *bufio.Writer, done func() error, err error) {
	if name == "" {
		const untilTheBarEnds = 1 << 20 // bytes; lines in between would be wiped out by a progress bar
		w = bufio.NewWriterSize(stderr, untilTheBarEnds)
		return w, w.Flush, nil
	}
	f, err := safefile.Create(name)
	if err != nil {
		return nil, nil, fmt.Errorf("flag --rejects: %w", err)
	}
	w = bufio.NewWriter(f)
	return w, func() error { return errors.Join(w.Flush(), f.Close()) }, nil
}

// importer imports one file after the other.
type importer struct {
	*session
	o       importOptions
	rejects *bufio.Writer
	ahead   *evidence.Ahead // nil where only the end seals
	total   counts
	failed  int // files that could not be read, or not to their end
	told    int // rejects on standard error
	untold  int // rejects that would have been too many there
}

// maxTold is how many rejects are told on standard error: a log of another kind has millions.
const maxTold = 20

// counts are those of the result line, whose sum is always right.
type counts struct{ added, duplicate, rejected int64 }

func (n *counts) add(m counts) {
	n.added += m.added
	n.duplicate += m.duplicate
	n.rejected += m.rejected
}

func (n counts) read() int64 { return n.added + n.duplicate + n.rejected }

func (n counts) String() string {
	return fmt.Sprintf("read %d = new %d + duplicate %d + rejected %d", n.read(), n.added, n.duplicate,
		n.rejected)
}

// all imports the files. An error of the database ends it; a file that cannot be read is told, and
// the others go on.
func (im *importer) all(ctx context.Context) error {
	for _, name := range im.o.files {
		n, err := im.file(ctx, name)
		im.total.add(n)
		if err != nil {
			im.failed++
			if n.read() == 0 && (len(im.o.files) == 1 || storeFailed(err) && im.total.read() == 0) {
				return err
			}
			im.warn("headroom: import: %v", im.explain(ctx, err))
		}
		if err == nil || n.read() > 0 {
			if err := im.print(shown(name), n); err != nil {
				return err
			}
		}
		if ctx.Err() != nil || storeFailed(err) {
			break
		}
	}
	if im.untold > 0 {
		im.tell("headroom: import: %d more were rejected; --rejects FILE writes all of them", im.untold)
	}
	if len(im.o.files) > 1 {
		if err := im.print("total", im.total); err != nil {
			return err
		}
	}
	return im.verdict()
}

// print prints a result line; of an import that took all, only where --quiet is not given.
func (im *importer) print(of string, n counts) error {
	if im.quiet && n.rejected == 0 {
		return nil
	}
	_, err := fmt.Fprintf(im.out, "%s: %v\n", oneLine(of), n)
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

func (im *importer) verdict() error {
	switch {
	case im.failed == len(im.o.files) && im.total.read() == 0:
		return errors.New("none of the files could be read")
	case im.failed > 0 || im.total.rejected > 0:
		return errPartly
	}
	return nil
}

// explain says what an interruption means.
func (im *importer) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New(
			"interrupted: what was counted is in the database; import the files again to add the rest")
	}
	return err
}

// storeFailed says that the trouble is with the database and not with the input.
func storeFailed(err error) bool {
	return slices.ContainsFunc(
		[]error{store.ErrDamaged, store.ErrFull, store.ErrLocked, store.ErrReadOnly, store.ErrIO},
		func(e error) bool { return errors.Is(err, e) })
}

// file imports one file and says what became of its records, also where it fails on the way.
func (im *importer) file(ctx context.Context, name string) (n counts, err error) {
	in, size, err := im.openInput(ctx, name)
	if err != nil {
		return counts{}, err
	}
	defer in.Close()
	// What was read is kept when the user interrupts, so the store does not hear of it.
	storing := context.WithoutCancel(ctx)
	before, err := im.timesUnknown(storing, name)
	if err != nil {
		return counts{}, err
	}
	sink, err := im.store.BeginImport(storing)
	if err != nil {
		return counts{}, err
	}
	if im.ahead != nil {
		sink.OnStored(im.ahead.Stored)
	}
	var resets []logs.Reset
	bar := im.startBar(shown(name), size)
	result, err := logs.Import(ctx, in, uninterrupted{sink}, logs.Options{
		Format: im.o.format, Mapping: im.o.mapping, Time: im.o.time, Tenant: im.o.tenant,
		Policy: im.policy, HashKey: im.store.HashKey(), Name: filepath.Base(shown(name)),
		OnProgress: bar.set,
		OnReset:    func(r logs.Reset) { resets = append(resets, r) },
		OnReject: func(r logs.Reject) {
			n.rejected++
			if im.o.rejects == "" && im.told >= maxTold && !r.Damage {
				im.untold++
				return
			}
			im.told++
			fmt.Fprintf(im.rejects, "%s:%d: %s\n", oneLine(shown(name)), r.Line, oneLine(r.Reason))
		},
	})
	bar.stop(err)
	err = errors.Join(err, sink.Close(storing), im.rejects.Flush())
	n.added, n.duplicate = sink.Added(), sink.Duplicates()
	if again := sink.Rejected(); again > 0 {
		n.rejected += again
		im.tell(
			"headroom: import: %s holds %s that an earlier export has as it was before it had ended: what is there stays",
			shown(name),
			measure.Count(again, "request"),
		)
	}
	if at, ok := sink.Boundary(); ok && err == nil {
		im.tell(
			"headroom: import: %s: %s began in the second %s: if the log was rotated then, and the files do not "+
				"overlap, they are more requests; join the files (cat) and import them into a new database to count them",
			shown(name),
			all(n.duplicate, "duplicate"),
			time.UnixMicro(at).UTC().Format(time.RFC3339),
		)
	}
	if err == nil && n.read() != result.Read {
		err = fmt.Errorf("%d records were read, but %d are accounted for", result.Read, n.read())
	}
	if err == nil {
		err = im.takeResets(storing, name, resets)
	}
	im.tellResult(name, result)
	if before && result.Read > 0 && result.TimesUnknown == 0 {
		im.tell(
			"headroom: import: %s, or a log of that name, is here already with times of unknown meaning: that stays, and what "+
				"now has another start counts a second time; if it is the same log, import it into a new database",
			shown(name),
		)
	}
	if err != nil {
		err = fmt.Errorf("read %s: %w", shown(name), err)
	}
	return n, err
}

// takeResets records the resets that an export carries.
func (im *importer) takeResets(ctx context.Context, name string, resets []logs.Reset) error {
	added, err := im.addResets(ctx, resets)
	if added > 0 {
		im.tell(
			"headroom: import: %s also holds resets of the egress window that were not known: %d recorded",
			shown(name), added)
	}
	return err
}

// uninterrupted finishes a batch that was begun.
type uninterrupted struct{ store.Importer }

func (u uninterrupted) Add(ctx context.Context, batch []store.Request) error {
	return u.Importer.Add(context.WithoutCancel(ctx), batch)
}

func (u uninterrupted) AddRecordings(ctx context.Context, batch []store.Recording) error {
	return u.Importer.AddRecordings(context.WithoutCancel(ctx), batch)
}
