package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/6dcca832/headroom/analyze/egress"
	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// toldWait is how long a wait must be to be told.
const toldWait = 10 * time.Second

// defaultStaging is the folder for what is not uploaded to a bucket yet.
const defaultStaging = "headroom-staging"

// destination opens what --dest, or the config's dest, names.
func (s *session) destination(o *pullOptions) (pull.Destination, error) {
	dest := o.settings.Dest
	if dest == "" {
		return nil, errors.New(
			"there is nowhere to put recordings: name a folder or a bucket with --dest, or as dest under [pull] in the config",
		)
	}
	bucket, ok := strings.CutPrefix(dest, "s3://")
	if !ok {
		if strings.Contains(dest, "://") {
			return nil, fmt.Errorf("flag --dest: %q is neither a folder nor s3://bucket/prefix", dest)
		}
		return pull.Folder(dest), nil
	}
	bucket, prefix, _ := strings.Cut(bucket, "/")
	client, err := newS3Client()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dest, err)
	}
	return pull.S3(client, bucket, prefix, cmp.Or(o.settings.Staging, defaultStaging)), nil
}

// newS3Client takes keys, region and endpoint from the variables and files that S3 tools share.
func newS3Client() (*minio.Client, error) {
	endpoint, secure := "s3.amazonaws.com", true
	for _, env := range []string{"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"} {
		text := os.Getenv(env)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("the environment variable %s is no URL", env)
		}
		endpoint, secure = u.Host, u.Scheme != "http"
		break
	}
	return minio.New(endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: secure, Region: cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	})
}

// pullTenants are the tenants to pull: those named, else all of the config.
func (s *session) pullTenants(ctx context.Context, asked []string) ([]string, error) {
	snap, names, err := s.snapshot(ctx, asked)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = s.config.Names()
	}
	return names, errors.Join(s.checkTokens(names), snap.Close())
}

// pullable makes each tenant ready. One that cannot be called, for want of a token, has its result
// already.
func (s *session) pullable(
	ctx context.Context, names []string, rec *store.Recorder, o *pullOptions,
) ([]pull.Tenant, []pull.Result, error) {
	k, err := s.known(ctx, names, o.held.refused)
	if err != nil {
		return nil, nil, err
	}
	defer k.snap.Close()
	pacer := ingest.NewPacer(s.policy, s.store, func(err error) {
		s.warn("headroom: pull: pacing in this process alone: %v", err)
	})
	var ready []pull.Tenant
	var failed []pull.Result
	for _, name := range names {
		t := pull.Tenant{Name: name, Until: s.windowEnd(name, k.now)}
		if t.API, err = s.client(name, rec, pacer, o); err != nil {
			failed = append(failed, pull.Result{Tenant: name, Err: err, Started: k.now, Ended: k.now})
			continue
		}
		if err := k.fill(ctx, s.policy, &t); err != nil {
			return nil, nil, err
		}
		if ended := k.caps[name].Ended(); ended != "" {
			s.tell("headroom: pull: %s: %s", name, ended)
		}
		if wait := time.Until(t.NotBefore); wait >= toldWait {
			s.tell("headroom: pull: %s: waits until %s, as the vendor's last answer asks", name,
				measure.Stamp(t.NotBefore, time.UTC))
		}
		ready = append(ready, t)
	}
	return ready, failed, nil
}

// client calls a tenant's API, recorded and paced.
func (s *session) client(
	tenant string, rec *store.Recorder, pacer *ingest.Pacer, o *pullOptions,
) (*api.Client, error) {
	env := s.tokenEnv(tenant)
	token := readToken(env)
	if token == "" {
		return nil, fmt.Errorf("there is no token: put it into the environment variable %s", env)
	}
	var base http.RoundTripper = o.base
	if to := cmp.Or(o.upstream, s.config.Tenant(tenant).Place()); to != nil {
		base = elsewhere{base, to, s.policy, tenant}
	}
	base = refusals{base, s.policy, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, flushPatience)
		defer cancel()
		if err := o.held.note(ctx, tenant); err != nil {
			s.warn("headroom: pull: %s: %v", tenant, err)
		}
	}}
	kept := windowRecorder{Recorder: rec}
	if kept.from, kept.before = o.Window(time.Now()); o.From.IsZero() {
		kept.before = time.Time{} // what begins meanwhile is fetched as well
	}
	rt := ingest.NewTransport(api.WithoutReplays(base), kept, ingest.WithPolicy(s.policy),
		ingest.WithHashKey(s.store.HashKey()), ingest.WithClient("headroom-pull"),
		ingest.WithSource(&store.Source{Kind: "transport", Name: "pull"}), ingest.WithPacer(pacer))
	return api.New(tenant, token, api.WithPolicy(s.policy), api.WithTransport(rt))
}

// windowRecorder keeps of lists what began in a pull's window. A pull lists a day more on either
// side and fetches nothing of it: an audit would find those recordings missing.
type windowRecorder struct {
	*store.Recorder
	from, before time.Time // before is zero for no end
}

func (r windowRecorder) RecordListed(all []store.Recording) {
	all = slices.DeleteFunc(all, func(rec store.Recording) bool {
		at := time.UnixMicro(rec.StartedAt)
		return at.Before(r.from) || !r.before.IsZero() && !at.Before(r.before)
	})
	if len(all) > 0 {
		r.Recorder.RecordListed(all)
	}
}

// readUpstream reads the URL that requests are sent to; nil means the vendor's host.
func readUpstream(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, errors.New(
			"flag --upstream: it must be a URL with scheme and host, and without a password",
		) // which is not repeated
	}
	return u, nil
}

// elsewhere sends a tenant's requests to another host than the one they are recorded under. What a
// redirect sends to a third host goes there.
type elsewhere struct {
	base   http.RoundTripper
	to     *url.URL
	policy *limits.Policy
	tenant string
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	if host, ok := e.policy.Host(e.tenant); !ok || r.URL.Host != host {
		return e.base.RoundTrip(r)
	}
	out, at := r.WithContext(r.Context()), *r.URL
	at.Scheme, at.Host = e.to.Scheme, e.to.Host
	at.Path = strings.TrimRight(e.to.Path, "/") + at.Path
	at.RawPath = ""
	out.URL, out.Host = &at, r.URL.Host
	resp, err := e.base.RoundTrip(out)
	if resp != nil {
		resp.Request = r // where it was meant to go: a redirect is relative to that
	}
	return resp, err
}

// windowEnd is when the tenant's nightly window ends, where now lies within it.
func (s *session) windowEnd(tenant string, now time.Time) time.Time {
	t := s.config.Tenant(tenant)
	zone := t.Location
	if zone == nil {
		zone = time.UTC
	}
	local := now.In(zone)
	if t.Window.IsZero() || !t.Window.Contains(local) {
		return time.Time{}
	}
	end := func(day int) time.Time { // by the clock on the wall, which may be set meanwhile
		return time.Date(local.Year(), local.Month(), day, 0, int(t.Window.To.Minutes()), 0, 0, zone)
	}
	if today := end(local.Day()); today.After(now) {
		return today
	}
	return end(local.Day() + 1)
}

// pullLog is the store as package pull asks for it.
type pullLog struct {
	store.Log
	policy *limits.Policy
}

func (l pullLog) Recordings(
	ctx context.Context, tenant string, from, to int64,
) ([]store.Recording, error) {
	snap, err := l.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	list, err := snap.Recordings(ctx, tenant, from, to)
	return list, errors.Join(err, snap.Close())
}

func (l pullLog) Ledger(
	ctx context.Context, tenant string, from, to int64,
) ([]store.LedgerEntry, error) {
	snap, err := l.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	list, err := snap.Ledger(ctx, tenant, from, to)
	return list, errors.Join(err, snap.Close())
}

// Downloaded are the items of complete answers to requests for recordings.
func (l pullLog) Downloaded(
	ctx context.Context, tenant string, since int64,
) (map[uint64]bool, error) {
	snap, err := l.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	items := map[uint64]bool{}
	for batch, err := range snap.Scan(ctx, tenant, store.Range{From: since}) {
		if err != nil {
			return nil, err
		}
		for i := range batch {
			c := &batch[i]
			if !c.CutShort && l.policy.Role(c.Status) == limits.RoleOK &&
				egress.Counts(l.policy, egress.Class(l.policy, c.Route)) {
				items[c.ItemHash] = true
			}
		}
	}
	return items, nil
}

// progressOf shows how far a pull is: a bar on a terminal, a line a tenant and tenth elsewhere.
type progressOf struct {
	s  *session
	mu sync.Mutex
	at map[string]pull.Progress
	// list counts days of lists until the first recording is there, pull bytes from then on.
	list, pull *bar
}

func (s *session) pullProgress() *progressOf {
	return &progressOf{s: s, at: map[string]pull.Progress{}}
}

func (p *progressOf) set(now pull.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.at[now.Tenant]
	p.at[now.Tenant] = now
	p.show()
	if tenths(now) > tenths(before) {
		p.s.detail("headroom: pull: %s: %d of %d recordings", now.Tenant, now.Done, now.Total)
	}
}

func tenths(p pull.Progress) int {
	if p.Total == 0 {
		return 0
	}
	return 10 * p.Done / p.Total
}

// show moves the bar, which counts what all tenants have. The lock is held.
func (p *progressOf) show() {
	var listed, days, done, total int64
	for _, t := range p.at {
		listed, days = listed+int64(t.Listed), days+int64(t.Days)
		done, total = done+t.Bytes, total+t.TotalBytes
	}
	if total == 0 {
		if p.list == nil {
			p.list = p.s.startBarIn(inDays, "list", days)
		}
		p.list.setOf(listed, days)
		return
	}
	if p.pull == nil {
		p.list.stop(nil)
		p.list, p.pull = nil, p.s.startBar("pull", total)
	}
	p.pull.setOf(min(done, total), total)
}

func (p *progressOf) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list.stop(nil)
	p.pull.stop(nil)
}
