package commands

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/evidence"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/limits"
)

// maxAnchor bounds a file of --against: a checkpoint, or a mail with a seal line in it.
const maxAnchor = 1 << 20

func newVerifyCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check a database's seals, or a bundle that somebody sent",
		UsageText: "headroom verify [--against FILE|LINE] [--pin FINGERPRINT|FILE] [--require GRADE] [BUNDLE]",
		Description: "Computes everything anew from the rows, or from the bundle's leaves, and prints a grade first: altered,\n" +
			"self-signed (it holds together, and its sender could have made all of it today), held (it extends what\n" +
			"you held before) or anchored (a third party's time stamp covers it). Exits with 0 where the grade is the\n" +
			"required one or better, else with 1; with 2 where there is nothing to check.\n\n" +
			"Examples:\n" +
			"  headroom verify\n" +
			"  headroom verify ticket.zip --against 'headroom seal 2026-11-24T06:00:00Z sha256:…'\n" +
			"  headroom verify ticket.zip --pin SHA256:… --require held\n" +
			"  headroom verify ticket.zip --tsa-ca authority.pem --require anchored",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{
				Name:  "against",
				Usage: "what you held before: a seal line, or a `FILE` with one, with a checkpoint, or an earlier bundle",
			},
			&cli.StringFlag{
				Name:  "pin",
				Usage: "the sender's key, as you know it: its `FINGERPRINT` or a PEM file",
			},
			&cli.StringFlag{
				Name:  "require",
				Usage: "the least `GRADE` that is good enough: self-signed, held or anchored (default: self-signed, or held where --against or --pin is given)",
			},
			&cli.StringFlag{
				Name:  "tsa-ca",
				Usage: "certificates, in PEM, of the time stamping authorities that you trust: a `FILE`",
			},
			outputFlag(),
		},
		Action: withFacts(s, readVerifyOptions, runVerify),
	}
}

type verifyOptions struct {
	bundle      string // "": the database
	anchors     []evidence.Anchor
	authorities *x509.CertPool // whose time stamps are trusted; nil: nobody's
	pin         string
	require     evidence.Grade
	output      string
}

func readVerifyOptions(c *cli.Context, _ *streams) (o verifyOptions, err error) {
	if c.NArg() > 1 {
		return o, errors.New("name one bundle, or none to check the database")
	}
	o.bundle, o.output = c.Args().First(), c.String("output")
	for _, held := range c.StringSlice("against") {
		a, err := readAnchor(held)
		if err != nil {
			return o, fmt.Errorf("flag --against: %w", err)
		}
		o.anchors = append(o.anchors, a)
	}
	if o.pin, err = readPin(c.String("pin")); err != nil {
		return o, fmt.Errorf("flag --pin: %w", err)
	}
	if o.authorities, err = readAuthorities(c.String("tsa-ca")); err != nil {
		return o, fmt.Errorf("flag --tsa-ca: %w", err)
	}
	o.require = evidence.SelfSigned
	if len(o.anchors) > 0 || o.pin != "" {
		o.require = evidence.Held
	}
	if grade := c.String("require"); grade != "" {
		if o.require, err = evidence.ParseGrade(grade); err != nil {
			return o, fmt.Errorf("flag --require: %q %w", grade, err)
		}
	}
	return o, nil
}

// readAnchor reads a seal line as it was typed, or a file.
func readAnchor(held string) (evidence.Anchor, error) {
	if strings.Contains(held, "sha256:") {
		return evidence.ParseAnchor("the seal line", []byte(held))
	}
	data, err := readSmall(held)
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) { // a bundle, which may be larger
		data, err = readBundle(held)
	}
	if err != nil {
		return evidence.Anchor{}, err
	}
	return evidence.ParseAnchor(held, data)
}

// readSmall reads a file that is no larger than a mail.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAnchor+1))
	if err == nil && len(data) > maxAnchor {
		err = fmt.Errorf("%s is larger than 1 MB", name)
	}
	return data, err
}

// readPin gives the fingerprint of the key that was named.
func readPin(pin string) (string, error) {
	if pin == "" || strings.HasPrefix(strings.ToUpper(pin), "SHA256:") {
		return pin, nil
	}
	data, err := readSmall(pin)
	if err != nil {
		return "", err
	}
	key, err := evidence.ParsePublicPEM(data)
	if err != nil {
		return "", fmt.Errorf("%s %w", pin, err)
	}
	return evidence.Fingerprint(key), nil
}

// readAuthorities reads certificates in PEM; nil where no file is named.
func readAuthorities(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	data, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", name)
	}
	return pool, nil
}

func runVerify(c *cli.Context, se *session, o verifyOptions) error {
	if o.bundle != "" {
		return se.verifyBundle(c.Context, o)
	}
	return se.open(c.Context, c.String("db"), func() error { return se.verifyLog(c.Context, o) },
		readOnly)
}

// verifyLog checks the database.
func (s *session) verifyLog(ctx context.Context, o verifyOptions) error {
	key, err := s.existingKey()
	if err != nil {
		return err
	}
	in, err := s.store.Seals(ctx)
	if err != nil {
		return err
	}
	check := evidence.LogOptions{Key: key, Anchors: o.anchors, Authorities: o.authorities}
	r, err := evidence.VerifyLog(ctx, in, check)
	if errors.Is(err, evidence.ErrOtherKey) && s.keyFile == "" && isURL(s.store.Path()) {
		check.Key = nil // this machine's key is for its own file
		r, err = evidence.VerifyLog(ctx, in, check)
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	if r.Problem == nil && o.pin != "" {
		if strings.EqualFold(o.pin, r.Fingerprint) {
			r.Grade = max(r.Grade, evidence.Held)
		} else {
			r.Grade = evidence.Altered
			r.Problem = errors.New("it is signed with another key than the one that you named")
		}
	}
	if err := s.write(o.output, func(w io.Writer) error { return tellLog(w, r) }); err != nil {
		return err
	}
	return graded(r.Grade, o.require)
}

// graded is the exit code.
func graded(got, want evidence.Grade) error {
	if got < want {
		return errFindings
	}
	return nil
}

// tellLog prints what the check of a database found.
func tellLog(w io.Writer, r *evidence.LogResult) error {
	var b strings.Builder
	switch {
	case r.Runs == 0 && r.Problem != nil:
		fmt.Fprintf(&b, "not sealed: %v\n", r.Problem)
	case r.Problem != nil:
		fmt.Fprintf(&b, "%v: %v\n", r.Grade, r.Problem)
	default:
		fmt.Fprintf(&b, "%v: every sealed row is as it was sealed\n", r.Grade)
	}
	if r.Runs > 0 && r.Problem == nil {
		fmt.Fprintf(&b, "sealed           %s of %s in %s\n", measure.Count(r.Sealed, "log entry"),
			measure.Count(int64(r.Logs), "tenant"), measure.Count(int64(r.Runs), "seal"))
		fmt.Fprintf(&b, "sealed since     %s; what was recorded before could be changed until then\n",
			stamp(time.UnixMicro(r.SealedSince)))
		fmt.Fprintf(&b, "newest seal      %s\n", r.Line)
		fmt.Fprintf(&b, "key              %s\n", r.Fingerprint)
		fmt.Fprintf(&b, "not yet sealed   %s\n", measure.Count(r.Unsealed, "row"))
		fmt.Fprintf(&b, "sealed within    %s\n", delayWords(r.LongestDelay))
		if s := r.Stamp; s != nil {
			fmt.Fprintf(&b, "time stamp       %s by %q: %s existed then; %s\n", s.At.Format(time.RFC3339),
				s.Authority, measure.Count(s.Size, "log entry"), s.Line)
		}
		if r.Pruned > 0 {
			fmt.Fprintf(&b, "pruned           the rows of %s are gone; their hashes are here\n",
				measure.Count(r.Pruned, "log entry"))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note             %s\n", note)
	}
	if r.Grade == evidence.SelfSigned {
		b.WriteString(
			"Whoever owns this file and its key could have made all of it today; --against a seal line that was held tells more.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verifyBundle checks a bundle.
func (s *session) verifyBundle(ctx context.Context, o verifyOptions) error {
	data, err := readBundle(o.bundle)
	if err != nil {
		return err
	}
	r := &evidence.Result{}
	b, err := evidence.OpenBundle(data)
	if errors.Is(err, evidence.ErrNoBundle) {
		return fmt.Errorf("%q: %w", o.bundle, err)
	}
	var trouble error
	if err != nil {
		r.Problem = err
	} else {
		r = b.Check(evidence.CheckOptions{
			Pin: o.pin, Anchors: o.anchors, Authorities: o.authorities, Program: version(),
			Render: func(c *evidence.Content) (evidence.Pages, error) {
				pages, err := s.pages(ctx, c)
				if err != nil && ownTrouble(ctx, err) {
					trouble = err
				}
				return pages, err
			},
		})
	}
	if trouble != nil {
		return fmt.Errorf("recompute the pages: %w", trouble)
	}
	if err := writeOutput(s.out, o.output, o.bundle, func(w io.Writer) error {
		return tellBundle(w, r)
	}); err != nil {
		return err
	}
	return graded(r.Grade, o.require)
}

// readBundle reads a file that is small enough to be a bundle.
func readBundle(name string) ([]byte, error) {
	st, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w: it is no plain file", pathname.Quote(name), evidence.ErrNoBundle)
	case st.Size() > evidence.MaxBundle:
		return nil, fmt.Errorf("%s: %w: it is too large", pathname.Quote(name), evidence.ErrNoBundle)
	}
	return os.ReadFile(name)
}

// tellBundle prints what the check of a bundle found.
func tellBundle(w io.Writer, r *evidence.Result) error {
	var b strings.Builder
	if r.Problem != nil {
		fmt.Fprintf(&b, "%v: %s\n", r.Grade, oneLine(r.Problem.Error()))
		_, err := io.WriteString(w, b.String())
		return err
	}
	b.WriteString(map[evidence.Grade]string{
		evidence.SelfSigned: "self-signed: the bundle holds together; its sender could have made all of it today\n",
		evidence.Held:       "held: the bundle holds together and fits what you held before\n",
		evidence.Anchored:   "anchored: the bundle holds together, and a time stamp covers it\n",
	}[r.Grade])
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s %s\n", name, oneLine(fmt.Sprintf(format, args...)))
	}
	f := r.Content.Facts()
	about := r.Content.About
	line("tenant", "%s, %s to %s", about.Tenant, about.Since, strings.Replace(about.Until, ".000001Z", "Z inclusive", 1))
	line("key", "%s", evidence.Fingerprint(r.Public))
	line("log", "%s, leaves %d to %d", r.Content.Log.Origin(), r.Content.Start, r.Content.Size-1)
	line("requests", "%d: %d recorded live, %d imported; %d opaque", f.Requests, f.Live,
		f.Requests-f.Live, f.Opaque)
	line("sealed within", "%s", delayWords(f.LongestDelay))
	line("capture", "%s", captureWords(f))
	if f.Pruned > 0 {
		line("pruned", "the rows of %d leaves were removed from the log", f.Pruned)
	}
	line("policy", "%s", policyWords(r.Content.Policy))
	if f.Settings == 0 {
		line("note", "this part of the log names no policy and no settings: only the bundle's signature does")
	}
	if r.Content.Start > 0 {
		line("note", "the leaf that names the tenant is before this part of the log: only the bundle's "+
			"signature says %q", about.Tenant)
	}
	tellStamps(line, r)
	for _, note := range r.Notes {
		line("note", "%s", note)
	}
	if len(f.VendorIDs) > 0 {
		line("look up", "the vendor's own log should have these request ids: %s",
			strings.Join(f.VendorIDs, ", "))
	}
	line("proven",
		"no row of the log was changed, added or left out in this range since the checkpoint was made; the audit follows from the leaves")
	line("not proven",
		"that the rows are true, that every call was recorded, and that the sender's clock was right")
	_, err := io.WriteString(w, b.String())
	return err
}

// tellStamps tells of the time stamps that were checked.
func tellStamps(line func(name, format string, args ...any), r *evidence.Result) {
	for _, s := range r.Stamps {
		line("time stamp", "%s by %q: the first %d leaves of the log existed then; %s",
			s.At.Format(time.RFC3339), s.Authority, s.Size, s.Line)
	}
	if len(r.Stamps) > 0 {
		longest, unanchored := r.AnchorDelay()
		line("longest to stamp", "%v from a request's end to its time stamp (recorded live); %d have none",
			longest.Round(time.Second), unanchored)
	}
}

// policyWords says whether a policy is a built-in one.
func policyWords(text []byte) string {
	for _, name := range limits.BuiltinNames() {
		builtin, err := limits.BuiltinText(name)
		if err == nil && slices.Equal(builtin, text) {
			return "the built-in " + name
		}
	}
	p, err := limits.Parse("policy.toml", text)
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	return fmt.Sprintf(
		"%s %s is NOT the built-in one of this version: read policy.toml before you rely on the figures",
		p.Name, p.Version)
}

// delayWords says until when a row could still have been changed without trace.
func delayWords(longest time.Duration) string {
	return fmt.Sprintf("%s after the end of a request that was recorded live, at most; until then its "+
		"row could be changed", measure.Duration(longest.Microseconds()))
}

// captureWords says what is known of the times in which a program recorded.
func captureWords(f evidence.Facts) string {
	if f.Started == 0 && f.Stopped == 0 {
		return fmt.Sprintf("no program told when it began and stopped to record; %s dropped",
			measure.Count(f.Dropped, "request"))
	}
	return fmt.Sprintf("programs told %s and %s of their recording; %s dropped",
		measure.Count(f.Started, "start"), measure.Count(f.Stopped, "stop"),
		measure.Count(f.Dropped, "request"))
}
