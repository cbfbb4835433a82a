package commands

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
)

const (
	defaultServe = "127.0.0.1:8484"
	// serveGrace is how long answers under way may take once the server is stopped.
	serveGrace = 5 * time.Second
)

func newServeCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "show the report live in a browser, with /metrics for Prometheus, until it is stopped",
		ArgsUsage: "[TENANT…]",
		Description: "Serves the page of \"headroom report\", which follows the log as it grows; /metrics for Prometheus; and /healthz, which\n" +
			"says whether the log can be read. It answers nobody but this machine, unless --allow-remote is given: the page names\n" +
			"tenants and clients, and asks for no password. With --textfile it writes the metrics into a file and ends.\n\n" +
			"Examples:\n" +
			"  headroom serve\n" +
			"  headroom serve --listen 127.0.0.1:9000 --tenant acme\n" +
			"  headroom serve --textfile /var/lib/prometheus/node-exporter/headroom.prom",
		Flags: []cli.Flag{
			tenantsFlag(), asOfFlag(),
			&cli.StringFlag{Name: "listen", Value: defaultServe, Usage: "listen on this `ADDRESS`"},
			&cli.BoolFlag{
				Name:  "allow-remote",
				Usage: "listen on an address that other machines reach, where anybody may read the page",
			},
			textfileFlag(),
		},
		Action: withStore(s, readServeOptions, runServe, mustExist),
	}
}

type serveOptions struct {
	tenants []string
	listen  string
	remote  bool
	// textfile is the file to write the metrics into, instead of serving; "" means to serve.
	textfile string
	// asOf is the zero time for a clock that goes on.
	asOf time.Time
}

func readServeOptions(c *cli.Context, _ *streams) (o serveOptions, err error) {
	if o.tenants, err = readTenants(c); err != nil {
		return o, err
	}
	o.listen, o.remote, o.textfile = c.String("listen"), c.Bool("allow-remote"), c.String("textfile")
	if o.textfile != "" && c.IsSet("listen") {
		return o, errors.New("flag --textfile: writes the metrics and serves nothing; leave out --listen")
	}
	if o.asOf, err = readTime(c, "as-of", time.Now()); err != nil {
		return o, err
	}
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return o, fmt.Errorf("flag --listen: %q must be written like %q", o.listen, defaultServe)
	}
	if !o.remote && !local(host) {
		return o, fmt.Errorf(
			"flag --listen: other machines reach %q; listen on 127.0.0.1, or add --allow-remote", o.listen)
	}
	return o, nil
}

// writeTextfile writes the metrics once.
func (s *session) writeTextfile(ctx context.Context, o serveOptions) error {
	snap, names, err := s.snapshot(ctx, o.tenants)
	if err != nil {
		return err
	}
	defer snap.Close()
	sp := span{asOf: orNow(o.asOf)}
	r, err := s.audit(ctx, snap, sp, names)
	if err != nil {
		return err
	}
	return s.exportMetrics(ctx, snap, sp, names, r, o.textfile)
}

// local says whether a host's name or address is this machine's own.
func local(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// listenAt listens on an address that a user chose, and says what to do where another program has
// it.
func listenAt(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf(
			"flag --listen: another program already listens on %s; end that one, or choose another port",
			address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	return l, nil
}

func runServe(c *cli.Context, se *session, o serveOptions) error {
	if o.textfile != "" {
		return se.writeTextfile(c.Context, o)
	}
	l, err := listenAt(o.listen)
	if err != nil {
		return err
	}
	site, err := newSite(se, o)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{
		Handler: site.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return c.Context },
	}
	se.tell("headroom: the page is at http://%s/, for Prometheus http://%s/metrics", l.Addr(),
		l.Addr())
	ctx := c.Context
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	go se.keepSealing(ctx)
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), serveGrace)
	defer cancel()
	return server.Shutdown(grace)
}
