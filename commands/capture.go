package commands

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/internal/config"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// captureOptions are what the commands that capture other programs' calls have in common.
type captureOptions struct {
	client    string
	upstreams map[string]*url.URL
	roots     *x509.CertPool // nil means the system's
	all, pace bool
	closed    []string // programs whose HTTPS is not opened
	remote    bool     // other machines are served
}

func captureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "client", Usage: "record the requests as sent by this `NAME`"},
		upstreamFlag(),
		&cli.StringFlag{
			Name:  "upstream-ca",
			Usage: "trust the certificate authorities in this PEM `FILE`, too, when calling the vendor",
		},
		&cli.StringSliceFlag{
			Name: "tunnel",
			Usage: "leave the HTTPS of this program closed, by the `NAME` that headroom tells of it: it does not " +
				"trust headroom's certificate; may be given more than once",
		},
		&cli.BoolFlag{
			Name:  "all",
			Usage: "record calls to hosts that the policy does not know, too; their HTTPS stays closed",
		},
		&cli.BoolFlag{
			Name:  "pace",
			Usage: "hold requests back so that they keep the policy's least interval, together with all others on this database",
		},
	}
}

func readCaptureOptions(c *cli.Context) (o captureOptions, err error) {
	o = captureOptions{
		client: c.String("client"),
		all:    c.Bool("all"),
		pace:   c.Bool("pace"),
		closed: c.StringSlice("tunnel"),
	}
	if o.upstreams, err = readUpstreams(c); err != nil {
		return o, err
	}
	o.roots, err = readRoots(c.String("upstream-ca"))
	return o, err
}

func upstreamFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name:  "upstream",
		Usage: "send a tenant's requests to another place than the policy's host, `TENANT=URL`; may be given more than once",
	}
}

// readUpstreams gives the places of tenants, by name.
func readUpstreams(c *cli.Context) (map[string]*url.URL, error) {
	upstreams := map[string]*url.URL{}
	for _, pair := range c.StringSlice("upstream") {
		tenant, to, found := strings.Cut(pair, "=")
		u, err := url.Parse(to)
		isPlace := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") &&
			u.User == nil
		if !found || !plainTenant(tenant) || !isPlace {
			return nil, badUpstream(tenant)
		}
		upstreams[strings.ToLower(tenant)] = u
	}
	return upstreams, nil
}

// badUpstream says how an upstream is written. Of the flag it repeats a tenant's name at most: the
// URL may hold a password, and so may what stands before a "=" that belongs to it.
func badUpstream(tenant string) error {
	which := ""
	if plainTenant(tenant) {
		which = fmt.Sprintf("%q ", tenant)
	}
	return fmt.Errorf(
		"flag --upstream: %smust be written like \"acme=https://acme.example.com\", without user or password",
		which,
	)
}

// plainTenant says whether a name can be a tenant's in a host name.
func plainTenant(name string) bool {
	return name != "" && len(name) < 64 &&
		strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
}

// readRoots adds the authorities of a file to the system's; without a file it gives nil.
func readRoots(name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("flag --upstream-ca: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("flag --upstream-ca: %s holds no certificate in PEM form", pathname.Quote(name))
	}
	return roots, nil
}

// check refuses what the policy cannot serve, before a database is made.
func (o *captureOptions) check(p *limits.Policy) error {
	for _, tenant := range slices.Sorted(maps.Keys(o.upstreams)) {
		if _, fits := p.Host(tenant); !fits {
			return fmt.Errorf("flag --upstream: the policy's hosts, such as %q, do not fit the tenant %q",
				p.Hosts[0], tenant)
		}
	}
	if o.pace && p.Frequency.MinInterval <= 0 {
		return fmt.Errorf("flag --pace: the policy %q has no least interval", p.Name)
	}
	return nil
}

// addHosts adds the places that the config gives to tenants. Flags come first.
func (o *captureOptions) addHosts(known *config.Config) {
	for name, t := range known.Tenants {
		name = strings.ToLower(name) // as the policy sees it in a host
		if _, ok := o.upstreams[name]; !ok && t.Place() != nil {
			o.upstreams[name] = t.Place()
		}
	}
}

// hosts are the upstreams' host names.
func (o *captureOptions) hosts() []string {
	var hosts []string
	for _, u := range o.upstreams {
		if net.ParseIP(u.Hostname()) == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// tally counts what passes on its way to the recorder.
type tally struct {
	to              ingest.ListRecorder
	requests, bytes atomic.Int64
	opaque          atomic.Int64
}

// RecordListed passes on what a recording list tells.
func (t *tally) RecordListed(recordings []store.Recording) { t.to.RecordListed(recordings) }

// Record counts a request and passes it on.
func (t *tally) Record(r store.Request) {
	t.requests.Add(1)
	t.bytes.Add(r.ResponseBytes)
	if r.Route.Class == proxy.OpaqueClass {
		t.opaque.Add(1)
	}
	t.to.Record(r)
}

// capture is a proxy that records into a session's log.
type capture struct {
	*session
	proxy     *proxy.Proxy
	authority *proxy.Authority
	listener  net.Listener
	recorder  *store.Recorder
	tally     *tally
	pacer     *ingest.Pacer
	secret    string // of the run, "" for none
	served    chan error
}

// captureAt says where a capture listens, and for whom.
type captureAt struct {
	name      string       // of the source
	listener  net.Listener // nil: a free port of this machine
	authority *proxy.Authority
	password  string // that clients must give, "" for none
	secret    string // as password, of a run's own
}

// runSecret is a password for the programs of one run, where the system does not tell which user a
// connection comes from. Where it does, programs need none, and "" is returned: not all of them
// know how to give one.
func runSecret() string {
	if proxy.PeersKnown() {
		return ""
	}
	return rand.Text()
}

// startCapture starts a proxy. The caller must stop it.
func (s *session) startCapture(o captureOptions, at captureAt) (*capture, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	c := &capture{
		session:   s,
		authority: at.authority,
		listener:  at.listener,
		secret:    at.secret,
		served:    make(chan error, 1),
	}
	if o.pace {
		c.pacer = ingest.NewPacer(s.policy, s.store, func(err error) {
			s.warn("headroom: --pace: %v", err)
		})
	}
	c.recorder = s.record(store.KeepCaptures(version()))
	c.tally = &tally{to: c.recorder}
	var err error
	c.proxy, err = proxy.New(proxy.Config{
		Policy: s.policy, Recorder: c.tally, HashKey: s.store.HashKey(), Name: at.name, Client: o.client,
		Upstreams: o.upstreams,
		All:       o.all, Closed: o.closed,
		Authority: at.authority, Password: cmp.Or(at.password, at.secret),
		AllowRemote: o.remote, Roots: o.roots,
		Pacer: c.pacer, Proxy: environmentProxy(),
		Tell: func(line string) { s.tell("headroom: %s", line) },
	})
	if err == nil && c.listener == nil {
		c.listener, err = listenLocal()
	}
	if err != nil {
		return nil, errors.Join(err, c.recorder.Close())
	}
	go func() { c.served <- c.proxy.Serve(c.listener) }()
	return c, nil
}

// proxyURL is the proxy as a program of this run is to name it.
func (c *capture) proxyURL() string {
	u := &url.URL{Scheme: "http", Host: c.addr()}
	if c.secret != "" {
		u.User = url.UserPassword("run", c.secret)
	}
	return u.String()
}

func (c *capture) addr() string { return c.listener.Addr().String() }

// stop lets what is under way finish for the time grace, and writes what there is to write. It
// returns when all is in the file.
func (c *capture) stop(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := c.proxy.Shutdown(ctx); err != nil {
		c.warn("headroom: what was still under way after %v was broken off, and is recorded as cut short",
			grace)
	}
	return errors.Join(c.recorder.Close(), c.recordHeld())
}

// recordHeld leaves in the log what pacing did.
func (c *capture) recordHeld() error {
	if c.pacer == nil {
		return nil
	}
	held := c.pacer.Held()
	for _, tenant := range slices.Sorted(maps.Keys(held)) {
		h := held[tenant]
		e := store.Event{
			Kind: store.EventPaced, At: time.Now().UnixMicro(), Tenant: tenant, Count: h.Requests,
			Note: "held for " + measure.Duration(h.Time.Microseconds()) + " in all",
		}
		if err := c.store.AddEvent(context.Background(), e); err != nil {
			return err
		}
	}
	return nil
}

// summary is what was captured, in one line.
func (c *capture) summary() string {
	line := measure.Count(c.tally.requests.Load(), "request") + ", " +
		measure.Bytes(c.tally.bytes.Load())
	if n := c.tally.opaque.Load(); n > 0 {
		line += fmt.Sprintf(", %d of them opaque (see \"headroom doctor\")", n)
	}
	if c.pacer == nil {
		return line
	}
	var all ingest.Held
	for _, h := range c.pacer.Held() {
		all.Requests += h.Requests
		all.Time += h.Time
	}
	return line + fmt.Sprintf(", %d held back for %v", all.Requests,
		all.Time.Round(100*time.Millisecond))
}
