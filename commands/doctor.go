package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/6dcca832/headroom/ingest/proxy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// trialPatience is how long one runtime may take; compilers are slow.
const trialPatience = 2 * time.Minute

// trialPolicy is of a vendor whose hosts cannot exist (RFC 6761, section 6.4), so that a program
// that goes around the proxy reaches nobody.
const trialPolicy = `
name = "doctor"
version = "1"
hosts = ["{tenant}.headroom.invalid"]
[[route]]
class = "trial"
path = "/trial"
[[status]]
code = 200
name = "OK"
methods = ["GET"]
role = "ok"
meaning = "Done."
`

const trialURL = "https://doctor.headroom.invalid/trial"

// trial is a way to call a URL with one runtime.
type trial struct {
	name    string
	command []string // FILE stands for the program's file, URL for the URL
	file    string   // the program's file name
	program string
	advice  string // what to do when it is not captured
}

const useReverse = "use the reverse proxy: \"headroom proxy\", and http://127.0.0.1:8480/t/TENANT/… as the base URL"

var trials = []trial{
	{
		name:    "curl",
		command: []string{"curl", "-sS", "--fail", "URL"},
		advice:  "remove a \"proxy\", \"noproxy\" or \"cacert\" line from ~/.curlrc",
	},
	{
		name:    "wget",
		command: []string{"wget", "-q", "-O", "-", "URL"},
		advice:  "remove proxy settings and \"ca_certificate\" from ~/.wgetrc and /etc/wgetrc",
	},
	{
		name: "Python urllib",
		command: []string{
			"python3",
			"-c",
			"import urllib.request; print(urllib.request.urlopen('URL').read())",
		},
		advice: "let the program use the default SSL context; or " + useReverse,
	},
	{
		name:    "Python requests",
		command: []string{"python3", "-c", "import requests; requests.get('URL').raise_for_status()"},
		advice:  "do not set trust_env=False or verify=…; or " + useReverse,
	},
	{
		name: "Node https",
		command: []string{
			"node",
			"-e",
			"require('https').get('URL', r => { r.resume(); r.on('end', () => process.exit(r.statusCode === 200 ? 0 : 1)) })",
		},
		advice: "use Node 22.21, 24.5 or newer, or an agent of the package https-proxy-agent; or " + useReverse,
	},
	{
		name: "Node fetch",
		command: []string{
			"node",
			"-e",
			"fetch('URL').then(r => r.text().then(() => process.exit(r.ok ? 0 : 1)))",
		},
		advice: "use Node 22.21, 24.5 or newer, or undici's EnvHttpProxyAgent; or " + useReverse,
	},
	{
		name: "Java HttpClient", command: []string{"java", "FILE"}, file: "Trial.java",
		program: `import java.net.URI; import java.net.http.*;
public class Trial { public static void main(String[] a) throws Exception {
  var r = HttpClient.newHttpClient().send(
      HttpRequest.newBuilder(URI.create("URL")).build(), HttpResponse.BodyHandlers.ofString());
  System.exit(r.statusCode() == 200 ? 0 : 1); } }`,
		advice: "start it with the java launcher of Java 9 or newer, without an SSLContext or ProxySelector of its own; or " + useReverse,
	},
	{
		name: "Go net/http", command: []string{"go", "run", "FILE"}, file: "trial.go",
		program: `package main
import ("net/http"; "os")
func main() { r, err := http.Get("URL"); if err != nil || r.StatusCode != 200 { os.Exit(1) } }`,
		advice: "on macOS and Windows, Go reads the system's certificates only: wrap the client with ingest.NewTransport; or " + useReverse,
	},
}

func newDoctorCommand(s *streams) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "try which programs' calls \"headroom run\" would capture on this machine",
		Description: "Lets each runtime that is installed call a server of headroom's own on this machine, in the environment of\n" +
			"\"headroom run\", and says what to do where the call was not seen. Nothing is recorded and nobody else is called.\n" +
			"Exits with 1 where a runtime is not captured.\n\n" +
			"Example:\n" +
			"  headroom doctor",
		Action: action(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return runDoctor(c.Context, s)
		}),
	}
}

// notes is a recorder that keeps the last request in memory.
type notes struct {
	mu   sync.Mutex
	last *store.Request
}

// Record keeps a request.
func (n *notes) Record(r store.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = &r
}

func (n *notes) take() *store.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.last
	n.last = nil
	return last
}

func runDoctor(ctx context.Context, s *streams) (err error) {
	folder, err := newRunFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.remove()) }()
	p, err := startTrials(folder.path)
	if err != nil {
		return err
	}
	defer p.stop()
	missed := false
	err = buffered(s.out, func(w io.Writer) error {
		table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, t := range trials {
			verdict, ok := p.try(ctx, t)
			missed = missed || !ok
			fmt.Fprintf(table, "%s\t%s\n", t.name, oneLine(verdict))
		}
		return table.Flush()
	})
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil && missed {
		err = errFindings
	}
	return err
}

// trialProxy is a proxy, and a server behind it, for trials.
type trialProxy struct {
	folder string
	env    []string
	notes  *notes
	proxy  *proxy.Proxy
	server io.Closer
}

func startTrials(folder string) (*trialProxy, error) {
	policy, err := limits.Parse("doctor", []byte(trialPolicy))
	if err != nil {
		return nil, err
	}
	server, at, err := startTrialServer()
	if err != nil {
		return nil, err
	}
	t := &trialProxy{folder: folder, notes: &notes{}, server: server}
	authority, err := proxy.NewAuthority(policy)
	if err == nil {
		t.proxy, err = proxy.New(proxy.Config{
			Policy: policy, Recorder: t.notes, Authority: authority,
			Upstreams: map[string]*url.URL{"doctor": at},
		})
	}
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	l, err := listenLocal()
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	go t.proxy.Serve(l) //nolint:errcheck // ends with Shutdown
	t.env, err = authority.Environment(folder, "http://"+l.Addr().String(), childEnvironment())
	if err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

func (p *trialProxy) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.proxy.Shutdown(ctx) // a trial that outlasts it is over anyway
	_ = p.server.Close()
}

// try lets a runtime call the server; ok is false where it is there and was not captured.
func (p *trialProxy) try(ctx context.Context, t trial) (verdict string, ok bool) {
	if _, err := exec.LookPath(t.command[0]); err != nil {
		return "not installed", true
	}
	file := filepath.Join(p.folder, t.file)
	if t.file != "" {
		program := strings.ReplaceAll(t.program, "URL", trialURL)
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			return "not tried: " + err.Error(), false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	args := make([]string, len(t.command))
	for i, arg := range t.command {
		args[i] = strings.NewReplacer("URL", trialURL, "FILE", file).Replace(arg)
	}
	p.notes.take()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Dir = p.env, p.folder
	end := inOwnGroup(cmd)
	defer end() // nothing may outlive the folder
	cmd.WaitDelay = time.Second
	output, err := cmd.CombinedOutput()
	return t.verdict(p.notes.take(), string(output), err)
}

// verdict judges a trial by what was recorded, what it printed, and how it ended.
func (t *trial) verdict(seen *store.Request, output string, err error) (string, bool) {
	switch {
	case seen != nil && seen.Route.Class != proxy.OpaqueClass && err == nil:
		return "captured", true
	case seen != nil && seen.Route.Class != proxy.OpaqueClass:
		return "captured, but the program failed: " + err.Error(), true
	case seen != nil:
		return "not captured: it does not trust the certificate, and its calls are opaque; " + t.advice, false
	case strings.Contains(output, "No module named"):
		return "not installed", true
	}
	return "not captured: it goes around the proxy, or failed before it came so far" + lastWords(
		output) + "; " + t.advice, false
}

// lastWords are the last line of what a program said, in brackets.
func lastWords(output string) string {
	const enough = 120
	lines := strings.Split(strings.TrimSpace(output), "\n")
	last := []rune(lines[len(lines)-1])
	if len(last) == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s)", string(last[:min(len(last), enough)]))
}
