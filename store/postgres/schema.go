package postgres

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/6dcca832/headroom/store"
)

// schema makes the tables; the authored page is postgres.sql at the top of the repository.
//
//go:embed schema.sql
var schema string

// format is the meta.format of tables that this package writes.
const format = 2

//go:embed migrations/1.sql
var toFormat2 string

// migrations[v] brings tables of format v to v+1, inside one transaction. Format 1 is the first.
var migrations = map[int]string{1: toFormat2}

// lockClass is the first half of the advisory locks' keys, "HDRQ"; the second names the schema.
const lockClass = 0x48445251

var takeLock = fmt.Sprintf("SELECT pg_advisory_xact_lock(%d, hashtext(current_schema()))", lockClass)

// prepare makes or migrates the tables. Several processes may do so at once: they wait for each
// other's lock.
func prepare(ctx context.Context, conn *pgx.Conn, o options) error {
	if err := checkEncoding(ctx, conn); err != nil {
		return err
	}
	version, err := formatOf(ctx, conn)
	if err != nil || version == format {
		return err
	}
	if version == 0 && o.mustExist {
		return errNoTables
	}
	if o.readOnly {
		return fmt.Errorf("%w, and an older headroom made its tables (format %d, this one reads %d): "+
			"open it once as their owner", store.ErrReadOnly, version, format)
	}
	return inTransaction(ctx, conn, func() error {
		if _, err := conn.Exec(ctx, takeLock); err != nil {
			return err
		}
		version, err := formatOf(ctx, conn)
		if err != nil || version == format {
			return err
		}
		if version == 0 {
			return create(ctx, conn, o.hashKey)
		}
		if err := migrate(ctx, conn, version, migrations, format); !isRefused(err) {
			return err
		}
		return fmt.Errorf("%w: an older headroom made the tables: open them once with this one as their "+
			"owner", store.ErrReadOnly)
	})
}

// isRefused says whether the role lacks a right.
func isRefused(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "42501"
}

var errNoTables = fmt.Errorf("%w: the database has no headroom tables; make them with \"headroom "+
	"push\", \"headroom import\" or \"headroom run\"", store.ErrNoFile)

// checkEncoding refuses a database that cannot hold every text, and a schema that is not there.
func checkEncoding(ctx context.Context, conn *pgx.Conn) error {
	var encoding string
	var named bool
	err := conn.QueryRow(ctx, "SELECT current_setting('server_encoding'), current_schema() IS NOT NULL").
		Scan(&encoding, &named)
	switch {
	case err != nil:
		return err
	case encoding != "UTF8":
		return fmt.Errorf("%w: its encoding is %s; make one with createdb -E UTF8",
			store.ErrNotOurs, encoding)
	case !named:
		return fmt.Errorf("%w: no schema of the search_path is there; make it with CREATE SCHEMA",
			store.ErrNoFile)
	}
	return nil
}

// formatOf gives the format of the tables, 0 where there are none. It refuses what is not
// headroom's, and what a newer one made.
func formatOf(ctx context.Context, conn *pgx.Conn) (int, error) {
	var meta, request bool
	err := conn.QueryRow(ctx, `SELECT
		to_regclass(quote_ident(current_schema()) || '.meta') IS NOT NULL,
		to_regclass(quote_ident(current_schema()) || '.request') IS NOT NULL`).Scan(&meta, &request)
	if err != nil || !meta && !request {
		return 0, err
	}
	var text string
	if meta {
		err = conn.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'format'").Scan(&text)
	}
	var misfit *pgconn.PgError // such as: meta has no such column
	foreign := errors.As(err, &misfit) && misfit.Code != "42501" || errors.Is(err, pgx.ErrNoRows)
	if err != nil && !foreign {
		return 0, err
	}
	version, _ := strconv.Atoi(text)
	switch {
	case version < 1:
		return 0, fmt.Errorf("%w: the schema holds another program's tables, and was not touched; name "+
			"another one with ?search_path=NAME in the URL", store.ErrNotOurs)
	case version > format:
		return 0, fmt.Errorf("%w (format %d, this one knows up to %d): install the newer headroom",
			store.ErrNewer, version, format)
	}
	return version, nil
}

func create(ctx context.Context, conn *pgx.Conn, key []byte) error {
	if _, err := conn.Exec(ctx, schema); err != nil {
		return err
	}
	if key == nil {
		key = make([]byte, 32)
		rand.Read(key) // never fails: crypto/rand
	}
	if _, err := conn.Exec(ctx, "INSERT INTO secret VALUES ($1)", key); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, "INSERT INTO meta VALUES ('created_at', $1)",
		strconv.FormatInt(time.Now().UnixMicro(), 10))
	return err
}

// migrate brings the tables from one format to another, inside the caller's transaction.
func migrate(
	ctx context.Context, conn *pgx.Conn, version int, steps map[int]string, target int,
) error {
	for ; version < target; version++ {
		step, ok := steps[version]
		if !ok {
			return fmt.Errorf("%w: its format %d is none that was ever written; restore a backup",
				store.ErrDamaged, version)
		}
		if _, err := conn.Exec(ctx, step); err != nil {
			return fmt.Errorf("migrate format %d: %w", version, err)
		}
	}
	_, err := conn.Exec(ctx, fmt.Sprintf(`ALTER TABLE meta DISABLE TRIGGER USER;
		UPDATE meta SET value = '%d' WHERE name = 'format';
		ALTER TABLE meta ENABLE TRIGGER USER`, target))
	return err
}

// inTransaction runs f in a transaction, which an error of f rolls back.
func inTransaction(ctx context.Context, conn *pgx.Conn, f func() error) error {
	t, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		_ = t.Rollback(context.WithoutCancel(ctx)) // the first error is the one to tell
		return err
	}
	return t.Commit(ctx)
}
