package commands

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/store"
)

const (
	// defaultTokenEnv is the environment variable of the token where the config names none.
	defaultTokenEnv = "HEADROOM_TOKEN"
	// barFrom is the size in bytes from which a download shows its progress.
	barFrom = 1 << 20
)

func newCallCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "call",
		Usage:     "make one recorded call",
		UsageText: "headroom call [-H 'NAME: VALUE'] [-d BODY|@FILE] [-o FILE] METHOD URL",
		Description: "Prints the answer's body. The token comes from the environment, HEADROOM_TOKEN or what the config's token_env names,\n" +
			"and goes to the tenant's host alone, by HTTPS, or to this machine. As with curl --fail, an answer of 400 or more\n" +
			"makes the exit code 1 and never fills FILE, and so does a redirect, which is told and not followed; a body that breaks off gives 3, no answer 2.\n\n" +
			"Examples:\n" +
			"  headroom call GET 'https://acme.xima.cloud/rest/api/v2/recordings?startTime=2026-11-01T00:00:00Z&endTime=2026-11-02T00:00:00Z'\n" +
			"  headroom call POST https://acme.xima.cloud/rest/api/v1/historic-data/agent-summary -d @report.json -o report.out",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{
				Name:    "header",
				Aliases: []string{"H"},
				Usage:   "send this `HEADER`, written 'NAME: VALUE'; may be given more than once",
			},
			&cli.StringFlag{
				Name:    "data",
				Aliases: []string{"d"},
				Usage:   "send this `BODY`, or that of @FILE, or of standard input with @-; it is JSON unless -H says otherwise",
			},
			&cli.StringFlag{
				Name:    "output",
				Aliases: []string{"o"},
				Usage:   "write the body to this `FILE`, whole or not at all (default: standard output)",
			},
			&cli.BoolFlag{Name: "no-token", Usage: "send no token"},
			&cli.StringFlag{
				Name:  "client",
				Value: "headroom",
				Usage: "record the call as sent by this `NAME`",
			},
			upstreamFlag(),
			&cli.StringFlag{
				Name:  "upstream-ca",
				Usage: "trust the certificate authorities in this PEM `FILE`, too",
			},
		},
		Action: withFacts(s, readCallOptions, runCall),
	}
}

type callOptions struct {
	request *http.Request
	host    string // where it goes
	output  string
	client  string
	noToken bool
	base    *http.Transport
	to      *url.URL // the place that it is sent to, nil for its own host
	// upstreams are the places of tenants, by name.
	upstreams map[string]*url.URL
}

func readCallOptions(c *cli.Context, s *streams) (o callOptions, err error) {
	if c.NArg() != 2 {
		return o, errors.New("name a method and a URL; see \"headroom help call\"")
	}
	u, err := url.Parse(c.Args().Get(1))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		// It is not repeated: it may hold anything.
		return o, errors.New("the URL must begin with https:// and a host")
	}
	if u.User != nil {
		return o, errors.New(
			"the URL must not hold a user or password: others see it in the list of processes")
	}
	method := strings.ToUpper(c.Args().First())
	if o.request, err = http.NewRequestWithContext(c.Context, method, u.String(), nil); err != nil {
		return o, fmt.Errorf("method %q is none", c.Args().First())
	}
	o.host = u.Host
	if err := setHeaders(o.request.Header, c.StringSlice("header")); err != nil {
		return o, err
	}
	o.request.Host = o.request.Header.Get("Host") // net/http takes it from there; "" means the URL's
	if o.upstreams, err = readUpstreams(c); err != nil {
		return o, err
	}
	roots, err := readRoots(c.String("upstream-ca"))
	if err != nil {
		return o, err
	}
	o.base = http.DefaultTransport.(*http.Transport).Clone()
	o.base.Proxy = environmentProxy()
	if roots != nil {
		o.base.TLSClientConfig.RootCAs = roots
	}
	o.output, o.client, o.noToken = c.String("output"), c.String("client"), c.Bool("no-token")
	if c.IsSet("data") {
		err = setBody(o.request, c.String("data"), s.in)
	}
	return o, err
}

func setHeaders(h http.Header, fields []string) error {
	for _, f := range fields {
		name, value, found := strings.Cut(f, ":")
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		switch {
		case !found || name == "":
			return fmt.Errorf("flag -H: a header must be written like 'Accept: audio/wav'")
		case name == "Authorization" || name == "Cookie" || name == "Proxy-Authorization":
			return fmt.Errorf(
				"flag -H: %s is a secret that others see in the list of processes; put the token into %s", name,
				defaultTokenEnv)
		}
		h.Add(name, strings.TrimSpace(value))
	}
	return nil
}

// setBody takes the body of the command line, of a file or of standard input.
func setBody(r *http.Request, data string, stdin io.Reader) error {
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	name, isFile := strings.CutPrefix(data, "@")
	switch {
	case data == "":
		r.Body = http.NoBody
	case !isFile:
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(data)), int64(len(data))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(data)), nil }
	case name == "-":
		r.Body, r.ContentLength = io.NopCloser(stdin), -1
	default:
		f, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("flag -d: %w", err)
		}
		r.Body, r.ContentLength = f, -1
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			if r.ContentLength = st.Size(); st.Size() == 0 {
				r.Body = http.NoBody // else a length of 0 means that it is unknown
				return f.Close()
			}
		}
	}
	return nil
}

func runCall(c *cli.Context, se *session, o callOptions) (err error) {
	defer surviveSIGPIPE()()
	if o.to, err = se.place(&o); err != nil {
		return err
	}
	if !o.noToken {
		if err := se.authorize(o.request, o.to); err != nil {
			return err // and no database is made
		}
	}
	return se.open(c.Context, c.String("db"), func() error { return se.call(o) })
}

// call makes a call whose place and token are settled.
func (s *session) call(o callOptions) (err error) {
	if err := s.writable(); err != nil {
		return err
	}
	if name := s.policyTenant(o.request.URL); !o.noToken && o.to != nil && o.upstreams[name] == nil {
		s.tellRedirects(name)
	}
	var rec ingest.Recorder = unrecorded{}
	if !s.recordsElsewhere(o.request) {
		recorder := s.record()
		defer func() { err = errors.Join(err, recorder.Close()) }()
		rec = recorder
	}
	transport := ingest.NewTransport(o.placed(), rec, ingest.WithPolicy(s.policy),
		ingest.WithHashKey(s.store.HashKey()), ingest.WithClient(o.client),
		ingest.WithSource(&store.Source{Kind: "transport", Name: "call"}))
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s.exchange(client, o)
}

// authorize adds the token, if its going to a place is safe; nil means the request's own host.
func (s *session) authorize(r *http.Request, to *url.URL) error {
	tenant := s.tenantOf(r.URL)
	env := s.tokenEnv(tenant)
	token := os.Getenv(env)
	if to == nil {
		to = r.URL
	}
	host := to.Hostname()
	switch {
	case token == "":
		return fmt.Errorf("there is no token: put it into the environment variable %s, or add --no-token",
			env)
	case local(host):
	case tenant == "":
		return fmt.Errorf(
			"the token is not sent to %s, which is no host of the policy or the config; add --no-token to call it without",
			host)
	case to.Scheme != "https":
		return fmt.Errorf(
			"the token is not sent to %s without encryption: write https://, or add --no-token", host)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// place is where a request really goes, nil for its own host. One to a tenant's place in the config
// becomes one to the policy's host, under which it is recorded, as by the proxy.
func (s *session) place(o *callOptions) (*url.URL, error) {
	for tenant := range o.upstreams {
		if _, fits := s.policy.Host(tenant); !fits {
			return nil, badUpstream("")
		}
	}
	if tenant := s.policyTenant(o.request.URL); tenant != "" {
		if to, ok := o.upstreams[tenant]; ok {
			return to, nil
		}
		if known := s.config.Tenant(tenant); known.Upstream != nil {
			return known.Upstream, nil
		}
		return nil, nil
	}
	host, fits := s.policy.Host(strings.ToLower(s.tenantAt(o.request.URL)))
	if !fits {
		return nil, nil
	}
	to := &url.URL{Scheme: o.request.URL.Scheme, Host: o.request.URL.Host}
	o.request.URL.Scheme, o.request.URL.Host = "https", host
	return to, nil
}

// placed is the base that sends requests to their place, and not to their host.
func (o *callOptions) placed() http.RoundTripper {
	to := o.to
	if to == nil {
		return o.base
	}
	o.host = to.Host
	o.base.DisableCompression = true // the transport cannot see that it unpacks
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		out, at := r.WithContext(r.Context()), *r.URL
		at.Scheme, at.Host = to.Scheme, to.Host
		at.Path = strings.TrimSuffix(to.Path, "/") + r.URL.Path
		at.RawPath = strings.TrimSuffix(to.EscapedPath(), "/") + r.URL.EscapedPath()
		out.URL = &at
		return o.base.RoundTrip(out)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// tenantOf is the tenant whose host a URL has, by the policy or the config; "" means none.
func (s *session) tenantOf(u *url.URL) string {
	return cmp.Or(s.policyTenant(u), s.tenantAt(u))
}

// policyTenant is the tenant that the policy sees in a URL's host; "" means none.
func (s *session) policyTenant(u *url.URL) string { return s.policy.Tenant(u.Host) }

// tenantAt is the tenant whose host the config gives; "" means none.
func (s *session) tenantAt(u *url.URL) string {
	for _, name := range slices.Sorted(maps.Keys(s.config.Tenants)) {
		host := s.config.Tenants[name].Host
		if host != "" && (strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname())) {
			return name
		}
	}
	return ""
}
