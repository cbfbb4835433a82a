package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/6dcca832/headroom/store"
)

// schema is the file format of a new file; the authored page is schema.sql at the top of the
// repository.
//
//go:embed schema.sql
var schema string

const (
	applicationID = 0x48445251 // "HDRQ"
	// formatVersion is the user_version of a file this package writes.
	formatVersion = 3
	// headerSize is what identify reads: the SQLite header, https://sqlite.org/fileformat.html section
	// 1.3.
	headerSize = 100
)

// migrations[v] brings a file of format v to v+1, inside one transaction. A test proves that every
// chain of them ends in what schema.sql says.
var migrations = map[int]string{1: format1to2, 2: format2to3}

//go:embed migrations/1.sql
var format1to2 string

//go:embed migrations/2.sql
var format2to3 string

// identity is what a file says of itself before SQLite opens it.
type identity struct {
	empty   bool // absent, or of no bytes: a database may be made here
	version int
}

// identify reads the file's header itself, since merely connecting to a stranger's file in WAL mode
// would change it.
func identify(path string) (identity, error) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return identity{empty: true}, nil
	case err != nil:
		return identity{}, err
	case st.IsDir():
		return identity{}, fmt.Errorf("%w: it is a folder; name a file", store.ErrNotOurs)
	case !st.Mode().IsRegular(): // opening a pipe would wait for its other end
		return identity{}, fmt.Errorf("%w: it is no plain file; name another one",
			store.ErrNotOurs)
	}
	f, err := os.Open(path)
	if err != nil {
		return identity{}, err
	}
	defer f.Close()
	header := make([]byte, headerSize)
	n, err := io.ReadFull(f, header)
	if n == 0 && err == io.EOF {
		return identity{empty: true}, nil
	}
	if err != nil && err != io.ErrUnexpectedEOF {
		return identity{}, err
	}
	if err != nil || string(header[:16]) != "SQLite format 3\x00" {
		return identity{}, fmt.Errorf(
			"%w: it is no SQLite file, and was not touched; name another one", store.ErrNotOurs)
	}
	version := int(binary.BigEndian.Uint32(header[60:]))
	if id := binary.BigEndian.Uint32(header[68:]); id != applicationID {
		return identity{}, fmt.Errorf(
			"%w: it is another program's SQLite file, and was not touched; name another one",
			store.ErrNotOurs)
	}
	if version > formatVersion {
		return identity{}, newer(version)
	}
	return identity{version: version}, nil
}

func newer(version int) error {
	return fmt.Errorf("%w (format %d, this one knows up to %d): install the newer headroom",
		store.ErrNewer, version, formatVersion)
}

func userVersion(ctx context.Context, q queryer) (version int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version)
	return version, err
}

// create makes the tables of a new file. Two processes may do so at once: the second finds it done.
func create(ctx context.Context, db *sql.DB, hashKey []byte) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// 8 KiB pages hold 80 rows of the log; they must be chosen before the first table.
	if _, err := conn.ExecContext(ctx, "PRAGMA page_size = 8192"); err != nil {
		return err
	}
	return inImmediate(ctx, conn, func() error {
		var id int
		if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil ||
			id == applicationID {
			return err
		}
		return createTables(ctx, conn, hashKey)
	})
}

func createTables(ctx context.Context, conn *sql.Conn, hashKey []byte) error {
	if err := makeTables(ctx, conn); err != nil {
		return err
	}
	key := hashKey
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key) // never fails: crypto/rand
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO meta VALUES ('hash_key', ?), ('created_at', ?)", key,
		time.Now().UnixMicro())
	return err
}

func makeTables(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, schema); err != nil {
		return err
	}
	return makeTriggers(ctx, conn)
}

// migrate brings an older file to this format, all steps in one transaction. The header that
// identify read may be older than what the write-ahead log holds, so the file may turn out to be
// migrated already, or even to be a newer headroom's.
func migrate(ctx context.Context, db *sql.DB, steps map[int]string, target int) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	version, err := userVersion(ctx, conn)
	if err != nil || version == target {
		return err
	}
	return inImmediate(ctx, conn, func() error {
		version, err := userVersion(ctx, conn)
		if err != nil {
			return err
		}
		if version > target {
			return newer(version)
		}
		for ; version < target; version++ {
			step, ok := steps[version]
			if !ok {
				return fmt.Errorf("%w: its format %d is none that was ever written; restore a copy",
					store.ErrDamaged, version)
			}
			step += fmt.Sprintf("; PRAGMA user_version = %d", version+1)
			if _, err := conn.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("migrate format %d: %w", version, err)
			}
		}
		return makeTriggers(ctx, conn)
	})
}

// requireCurrent refuses a file of an older format that must not be migrated, because it is only
// read.
func requireCurrent(ctx context.Context, db *sql.DB) error {
	version, err := userVersion(ctx, db)
	switch {
	case err != nil:
		return err
	case version > formatVersion:
		return newer(version)
	case version < formatVersion:
		return fmt.Errorf(
			"%w, and an older headroom wrote it (format %d, this one reads %d): make it and its folder "+
				"writable once, or read a copy",
			store.ErrReadOnly,
			version,
			formatVersion,
		)
	}
	return nil
}

// inImmediate runs f in a transaction that takes the write lock at once: one that read first and
// wrote later would fail "locked" in spite of the busy timeout. A panic or an error of f rolls
// back.
func inImmediate(ctx context.Context, conn *sql.Conn, f func() error) (err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			_, err = conn.ExecContext(context.WithoutCancel(ctx), "COMMIT")
		}
		if err != nil {
			// The first error is the one to tell.
			_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		}
	}()
	return f()
}
