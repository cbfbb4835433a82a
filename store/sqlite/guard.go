package sqlite

import (
	"context"
	"database/sql"
	"regexp"
)

// guard is schema.sql's trigger that refuses to REPLACE a request. It is the one trigger that every inserted row pays for,
// with a fifth of an import's time, so a large import takes it down and puts it up again when it ends. Should the import
// be killed, the next Open puts it up.
var guard = regexp.MustCompile(`(?s)CREATE TRIGGER (request_no_replace .*?END;)`).FindStringSubmatch(schema)[1]

// guardDown must be in a transaction of its caller's: until that commits, nobody else sees it.
func (w *writer) guardDown(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx, "DROP TRIGGER IF EXISTS request_no_replace")
	return err
}

func (w *writer) guardUp(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx, "CREATE TRIGGER IF NOT EXISTS "+guard)
	return err
}

// guarded puts the guard up where it is missing. Where that cannot be done now, a later Open will.
func guarded(ctx context.Context, db *sql.DB) {
	_, _ = db.ExecContext(ctx, "CREATE TRIGGER IF NOT EXISTS "+guard)
}
