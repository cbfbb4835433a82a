package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/internal/pathname"
	"github.com/6dcca832/headroom/internal/safefile"
)

const (
	defaultListen = "127.0.0.1:8480"
	defaultCAFile = "headroom-ca.pem"
	defaultGrace  = 30 * time.Second
)

func newProxyCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "proxy",
		Usage: "record the calls of programs that use a proxy, until it is stopped",
		Description: "Two ways lead through the one port. Reverse: a program asks for http://127.0.0.1:8480/t/acme/rest/… instead of\n" +
			"https://acme.xima.cloud/rest/…, and needs no certificate. Forward: a program uses http://127.0.0.1:8480 as its proxy\n" +
			"for HTTP and HTTPS, and trusts the certificate in --ca-file, which is new at each start; a program that does not is\n" +
			"passed unseen from its second call on, and recorded as opaque. A user name given to the proxy\n" +
			"(http://nightly@127.0.0.1:8480) is recorded as the client. SIGTERM lets what is under way finish.\n\n" +
			"Examples:\n" +
			"  headroom proxy\n" +
			"  headroom proxy --pace --upstream acme=https://gateway.example.com/acme",
		Flags: slices.Concat(captureFlags(), []cli.Flag{
			&cli.StringFlag{Name: "listen", Value: defaultListen, Usage: "listen on this `ADDRESS`"},
			&cli.BoolFlag{
				Name:  "allow-remote",
				Usage: "listen on an address that other machines reach; needs --password-env",
			},
			&cli.StringFlag{
				Name:  "password-env",
				Usage: "ask for the password in the environment variable of this `NAME`, with any user name, in Proxy-Authorization",
			},
			&cli.StringFlag{
				Name:  "ca-file",
				Value: defaultCAFile,
				Usage: "write the certificate that programs must trust to this `FILE`, and remove it in the end",
			},
			&cli.DurationFlag{
				Name:  "grace",
				Value: defaultGrace,
				Usage: "let what is under way take this `DURATION` once the proxy is stopped",
			},
		}),
		Action: withFacts(s, readProxyOptions, runProxy),
	}
}

type proxyOptions struct {
	captureOptions
	listen, password, caFile string
	grace                    time.Duration
}

func readProxyOptions(c *cli.Context, _ *streams) (o proxyOptions, err error) {
	if err := noArguments(c); err != nil {
		return o, err
	}
	if o.captureOptions, err = readCaptureOptions(c); err != nil {
		return o, err
	}
	o.listen, o.caFile, o.grace = c.String("listen"), c.String("ca-file"), c.Duration("grace")
	if name := c.String("password-env"); name != "" {
		if o.password = os.Getenv(name); o.password == "" {
			return o, fmt.Errorf("flag --password-env: the environment variable %q is empty", name)
		}
	}
	o.remote = c.Bool("allow-remote")
	return o, o.checkListen()
}

// checkListen refuses an address that other machines reach, unless that is wanted and guarded.
func (o *proxyOptions) checkListen() error {
	host, _, err := net.SplitHostPort(o.listen)
	if err != nil {
		return fmt.Errorf("flag --listen: %q must be written like %q", o.listen, defaultListen)
	}
	switch {
	case local(host) && !o.remote:
		return nil
	case !o.remote:
		return fmt.Errorf(
			"flag --listen: other machines reach %q; listen on 127.0.0.1, or add --allow-remote and --password-env",
			o.listen)
	case o.password == "":
		return errors.New(
			"flag --allow-remote: needs --password-env, or anybody could call the vendor from this machine")
	}
	return nil
}

func runProxy(c *cli.Context, se *session, o proxyOptions) error {
	defer surviveSIGPIPE()()
	// What is refused makes no database.
	if err := errors.Join(o.check(se.policy), checkCA(o.caFile)); err != nil {
		return err
	}
	l, err := listenAt(o.listen)
	if err != nil {
		return err
	}
	defer l.Close() // once more, where it was served
	return se.open(c.Context, c.String("db"), func() error { return serveProxy(c, se, o, l) })
}

func serveProxy(c *cli.Context, se *session, o proxyOptions, l net.Listener) (err error) {
	o.addHosts(se.config)
	se.tellRedirects()
	authority, err := proxy.NewAuthority(se.policy, o.hosts()...)
	if err != nil {
		return err
	}
	capture, err := se.startCapture(o.captureOptions,
		captureAt{name: "proxy", listener: l, authority: authority, password: o.password})
	if err != nil {
		return err
	}
	// Not before the address is ours: it may be that of a proxy that runs here already.
	if err := writeCA(o.caFile, authority.PEM()); err != nil {
		return errors.Join(fmt.Errorf("flag --ca-file: %w", err), capture.stop(0))
	}
	defer removeCA(o.caFile, authority.PEM())
	defer func() {
		err = errors.Join(err, capture.stop(o.grace))
		se.tell("headroom: %s; headroom audit", capture.summary())
		se.autoSeal(context.Background()) // whatever ended the proxy
	}()
	go se.keepSealing(c.Context)
	se.tell("headroom: recording on http://%s (reverse: /t/TENANT/…; forward: trust %s)",
		capture.addr(), o.caFile)
	select {
	case <-c.Done():
		return nil
	case err := <-capture.served:
		return err
	}
}

// checkCA refuses to write over anything but a certificate of an earlier run of this user's:
// whoever takes the flag for the one of curl must not lose his authorities, and a link must not
// lead us to a file that somebody else chose.
func checkCA(name string) error {
	st, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(name)); err != nil {
			return fmt.Errorf("flag --ca-file: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("flag --ca-file: %w", err)
	case !st.Mode().IsRegular():
		return fmt.Errorf(
			"flag --ca-file: %s is a link, or no plain file; name another, which headroom is to write",
			pathname.Quote(name))
	}
	old, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("flag --ca-file: %w", err)
	}
	if !proxy.MadeHere(old) {
		return fmt.Errorf(
			"flag --ca-file: %s is there and is not headroom's certificate; name another, which headroom is to write",
			pathname.Quote(name))
	}
	return nil
}

// writeCA puts the certificate in the place of an old one.
func writeCA(name string, certificate []byte) error {
	err := checkCA(name)
	if err != nil {
		return err
	}
	err = safefile.Replace(name, func(w io.Writer) error {
		_, err := w.Write(certificate)
		return err
	})
	if err != nil {
		return fmt.Errorf("flag --ca-file: %w", err)
	}
	return nil
}

// removeCA removes the certificate, unless it is another proxy's by now.
func removeCA(name string, certificate []byte) {
	if st, err := os.Lstat(name); err != nil || !st.Mode().IsRegular() {
		return
	}
	if now, err := os.ReadFile(name); err == nil && bytes.Equal(now, certificate) {
		os.Remove(name)
	}
}
