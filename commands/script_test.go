package commands

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to make files that are not ours
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/internal/sim"
	"github.com/6dcca832/headroom/limits"
)

var update = flag.Bool("update", false, "rewrite the expected output inside the scripts")

func TestMain(m *testing.M) {
	testscript.Main(withServer{m}, map[string]func(){
		"headroom": func() { os.Exit(Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr)) },
		"skewed": func() { // headroom on a machine whose clock is off by $CLOCK_SKEW
			off, err := time.ParseDuration(os.Getenv("CLOCK_SKEW"))
			if err != nil {
				panic(err)
			}
			pushClock = func() time.Time { return time.Now().Add(off) }
			os.Exit(Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// withServer stops the PostgreSQL server that tests may have started.
type withServer struct{ m *testing.M }

func (s withServer) Run() int { return pgtest.Run(s.m) }

func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Values[vendorKey{}] = new(vendorOf)
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, ".config"))
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "sqlite": changeDatabase, "damage": damage, "gzip": pack, "log": makeLog, "oneline": oneLineOnly,
			"sameaudit": sameAudit,
			"vendor":    startVendor, "kills": killPulls, "objects": startObjects,
		},
	})
}

// exits runs a command that must exit with the code: exits CODE COMMAND ARG…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	code := 0
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run: %v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// oneLineOnly checks that the last command printed one line on standard error, as a message of headroom's.
func oneLineOnly(ts *testscript.TestScript, _ bool, _ []string) {
	text := ts.ReadFile("stderr")
	if !strings.HasPrefix(text, "headroom: ") || strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("want one line of headroom's on stderr, got %q", text)
	}
}

// sameAudit is sameaudit FILE: the JSON on standard output and that of the file are the same but for the database's id.
func sameAudit(ts *testscript.TestScript, neg bool, args []string) {
	got, want := withoutID(ts.ReadFile("stdout")), withoutID(ts.ReadFile(args[0]))
	if (got == want) == neg || got == ts.ReadFile("stdout") {
		ts.Fatalf("the audit is\n%s\nand the other\n%s", got, want)
	}
}

var databaseID = regexp.MustCompile(`("database": \{\s*"id": )"[0-9a-f]{16}"`)

// withoutID is an audit in JSON without the database's id, which no two databases share.
func withoutID(audit string) string { return databaseID.ReplaceAllString(audit, "$1null") }

// changeDatabase is sqlite FILE STATEMENT: it changes a database behind headroom's back
func changeDatabase(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite3", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// damage overwrites a part of a file: damage FILE OFFSET LENGTH
func damage(ts *testscript.TestScript, _ bool, args []string) {
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	length, err := strconv.Atoi(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteAt([]byte(strings.Repeat("\xa5", length)), offset)
	ts.Check(err)
	ts.Check(f.Close())
}

// pack compresses a file: gzip FROM TO [LENGTH], cut to that many bytes
func pack(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	z := gzip.NewWriter(f)
	_, err = z.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	ts.Check(z.Close())
	if len(args) > 2 {
		n, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		ts.Check(f.Truncate(n))
	}
	ts.Check(f.Close())
}

// makeLog writes JSON Lines: log FILE TENANT COUNT GAP_SECONDS
func makeLog(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	gap, err := strconv.ParseFloat(args[3], 64)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(records(args[1], n, gap)), 0o666))
}

// vendorKey is where a script keeps its vendor.
type vendorKey struct{}

type vendorOf struct{ *sim.Vendor }

// startVendor plays the vendor of one tenant: vendor TENANT [FAULT]. It writes ca.pem and quick.toml, a
// policy with an interval of 5 ms, and sets VENDOR and the token.
func startVendor(ts *testscript.TestScript, _ bool, args []string) {
	c := sim.Config{
		Name: args[0], Agents: 2, MeanCall: time.Hour, BytesPerSecond: 10, Weekend: 1, Interval: 5 * time.Millisecond,
	}
	for _, fault := range args[1:] {
		switch fault {
		case "busy":
			c.Agents, c.MeanCall = 6, 10*time.Minute
		case "slow":
			c.Faults = []sim.Fault{{Class: sim.ClassAudio, Pause: 300 * time.Millisecond}}
		case "storage":
			c.Storage = true
		case "body":
			c.Faults = []sim.Fault{{Class: sim.ClassAudio, Body: `{"error":"not today"}`}}
		default:
			ts.Fatalf("vendor: no fault %q", fault)
		}
	}
	vendor, err := sim.NewVendor(c)
	ts.Check(err)
	server, err := sim.Start(vendor)
	ts.Check(err)
	ts.Defer(func() { _ = server.Close() })
	ts.Value(vendorKey{}).(*vendorOf).Vendor = vendor
	text, err := limits.BuiltinText("xima")
	ts.Check(err)
	quick := strings.Replace(string(text), `min_interval  = "3s"`, `min_interval = "5ms"`, 1)
	ts.Check(os.WriteFile(ts.MkAbs("quick.toml"), []byte(quick), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), server.CA(), 0o600))
	ts.Setenv("VENDOR", "https://"+server.Addr())
	ts.Setenv("HEADROOM_TOKEN", vendor.AddUser(args[0], "Recording Export"))
}
