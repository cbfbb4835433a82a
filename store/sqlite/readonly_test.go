//go:build unix

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/6dcca832/headroom/store"
)

const nobody = 65534

func init() { children["readOnly"] = childReadOnly }

// A file or a folder without write permission is opened for reading. Permissions do not bind root, so under root a
// child that is nobody looks.
func TestReadOnlyFile(t *testing.T) {
	for _, tt := range []struct {
		name         string
		file, folder os.FileMode
	}{
		{"file", 0o444, 0o777},
		{"folder", 0o444, 0o555},
	} {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			path := filepath.Join(folder, "requests.db")
			st := openTest(t, path)
			must(t, st.Append(context.Background(), numbered(0, 0, 3)))
			must(t, st.Close())
			must(t, os.Chmod(path, tt.file))
			must(t, os.Chmod(folder, tt.folder))
			defer os.Chmod(folder, 0o777)
			if os.Geteuid() != 0 {
				must(t, childReadOnly([]string{path}))
				return
			}
			asNobody(t, path)
		})
	}
}

// asNobody runs childReadOnly in a copy of this program that nobody may run.
func asNobody(t *testing.T, path string) {
	exe, err := os.Executable()
	must(t, err)
	program, err := os.ReadFile(exe)
	must(t, err)
	folder, err := os.MkdirTemp("", "store-test-")
	must(t, err)
	defer os.RemoveAll(folder)
	must(t, os.Chmod(folder, 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "test"), program, 0o755))
	cmd := child(t, "readOnly", path)
	cmd.Path, cmd.Dir = filepath.Join(folder, "test"), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	must(t, os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
	if err := cmd.Run(); err != nil {
		t.Errorf("as nobody: %v", err)
	}
}

func childReadOnly(args []string) error {
	st, err := Open(args[0])
	if err != nil {
		return err
	}
	defer st.Close()
	if !st.ReadOnly() {
		return errors.New("the store does not know that it cannot be written")
	}
	ctx := context.Background()
	if err := st.Append(ctx, numbered(0, 3, 3)); !errors.Is(err, store.ErrReadOnly) {
		return fmt.Errorf("append says %v", err)
	}
	if err := st.Refresh(ctx); err != nil {
		return err
	}
	n, err := st.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer n.Close()
	rows := 0
	for batch, err := range n.Scan(ctx, "writer 0", store.Range{}) {
		if err != nil {
			return err
		}
		rows += len(batch)
	}
	if rows != 3 {
		return fmt.Errorf("%d rows are there, not 3", rows)
	}
	return st.SaveStates(ctx, n, []byte("k"), []store.State{{Tenant: "writer 0"}})
}

// ReadOnly leaves a file that could be written as it is.
func TestReadOnlyOption(t *testing.T) {
	path := filepath.Join(t.TempDir(), "requests.db")
	st := openTest(t, path)
	must(t, st.Append(context.Background(), numbered(0, 0, 3)))
	must(t, st.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	st = openTest(t, path, ReadOnly())
	if got := numbers(t, st, 0); len(got) != 3 {
		t.Errorf("%d rows are there", len(got))
	}
	rows, err := st.SnapshotOfRows(context.Background())
	must(t, err)
	if all := rows.Tenants(); len(all) != 1 || all[0].Requests != 3 {
		t.Errorf("the tenants are %v", all)
	}
	must(t, rows.Close())
	if _, err := st.db.Exec("DELETE FROM cache_mark"); err == nil {
		t.Error("the connection writes")
	}
	if _, err := st.BeginImport(context.Background()); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("BeginImport says %v", err)
	}
	must(t, st.Close())
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("the file was changed")
	}
}

// Opening a pipe would wait for ever, deaf to signals.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	done := make(chan error, 1)
	go func() {
		_, err := Open(path)
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, store.ErrNotOurs) {
			t.Errorf("Open of a pipe says %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Open waits for the pipe's other end")
	}
}
