// Package pgtest starts a PostgreSQL server for tests: one for each test binary, on a socket in a
// temporary folder, without a network port. The server refuses to run as root, so there it runs as
// user postgres or nobody.
//
// A test binary that uses it has a TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a server of PostgreSQL. Its user and its database are called headroom.
type Server struct {
	programs, folder string
	process          *exec.Cmd
	ended            chan struct{}
	output           bytes.Buffer
}

var (
	once    sync.Once
	shared  *Server
	problem error
	schemas atomic.Int64
)

// Run runs the tests and then stops the server, if one was started.
func Run(m *testing.M) (code int) {
	defer func() {
		if shared != nil {
			shared.Stop()
			os.RemoveAll(shared.folder)
		}
	}()
	return m.Run()
}

// Start gives the binary's server. It skips the test where PostgreSQL is not installed, and fails
// it under HEADROOM_CI=1.
func Start(tb testing.TB) *Server {
	tb.Helper()
	once.Do(func() { shared, problem = newServer() })
	if problem != nil {
		if errors.Is(problem, errMissing) && os.Getenv("HEADROOM_CI") != "1" {
			tb.Skip(problem)
		}
		tb.Fatal(problem)
	}
	return shared
}

// Schema makes an empty schema and gives the URL that leads into it.
func Schema(tb testing.TB) string {
	tb.Helper()
	s := Start(tb)
	name := fmt.Sprintf("test%d", schemas.Add(1))
	s.Exec(tb, "CREATE SCHEMA "+name)
	return s.URL(name)
}

// URL leads into a schema.
func (s *Server) URL(schema string) string {
	query := url.Values{"host": {s.folder}, "search_path": {schema}}
	return "postgres://headroom@/headroom?" + query.Encode()
}

// Folder is where the socket lies.
func (s *Server) Folder() string { return s.folder }

// Exec runs statements as the owner of everything.
func (s *Server) Exec(tb testing.TB, sql string) {
	tb.Helper()
	conn, err := pgx.Connect(context.Background(), s.URL("public"))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

var errMissing = errors.New("PostgreSQL's server is not installed: apt-get install postgresql")

// programs finds the folder with initdb and postgres, which Debian keeps out of the PATH.
func programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errMissing
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

func newServer() (s *Server, err error) {
	s = &Server{}
	if s.programs, err = programs(); err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "headroom-pg-"); err != nil {
		return nil, err
	}
	if err = giveAway(s.folder); err == nil {
		err = s.command("initdb", "-D", s.data(), "-U", "headroom", "-A", "trust", "-E", "UTF8",
			"--locale=C", "-N").Run()
	}
	if err == nil {
		err = s.Restart()
	}
	if err == nil {
		err = s.createDatabase()
	}
	if err != nil {
		s.Stop()
		os.RemoveAll(s.folder)
		return nil, fmt.Errorf("start PostgreSQL: %w\n%s", err, &s.output)
	}
	return s, nil
}

func (s *Server) createDatabase() error {
	conn, err := pgx.Connect(context.Background(), s.first())
	if err != nil {
		return err
	}
	_, err = conn.Exec(context.Background(), "CREATE DATABASE headroom")
	return errors.Join(err, conn.Close(context.Background()))
}

// first is the URL of the database that is always there.
func (s *Server) first() string {
	return "postgres://headroom@/postgres?host=" + url.QueryEscape(s.folder)
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// command is one of PostgreSQL's programs, with the rights of the server's user.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.programs, name), args...)
	c.Dir, c.Stdout, c.Stderr, c.SysProcAttr = s.folder, &s.output, &s.output, rights()
	return c
}

// Restart starts the server, which does not run, and waits until it answers.
func (s *Server) Restart() error {
	s.output.Reset()
	s.process = s.command("postgres", "-D", s.data(), "-k", s.folder, "-c", "listen_addresses=",
		"-c", "fsync=off", "-c", "max_connections=200")
	if err := start(s.process); err != nil {
		s.process = nil
		return err
	}
	s.ended = make(chan struct{})
	go func(p *exec.Cmd, ended chan struct{}) {
		_ = p.Wait() // how it ended is its own affair
		close(ended)
	}(s.process, s.ended)
	for range 300 {
		conn, err := pgx.Connect(context.Background(), s.first())
		if err == nil {
			return conn.Close(context.Background())
		}
		select {
		case <-s.ended:
			return errors.New("the server ended")
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("the server does not answer")
}

// Stop stops the server at once, as pg_ctl stop -m immediate does: transactions are cut off, and
// the next start recovers.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGQUIT) // it may have ended
	<-s.ended
	s.process = nil
}
