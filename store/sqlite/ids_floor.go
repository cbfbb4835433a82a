package sqlite

import (
	"context"
	"errors"
	"fmt"
)

// A seal covers rows up to a number, so a number must never be given twice. SQLite gives a new row
// the largest number that is there plus one, and a prune may have removed the rows with the largest
// ones. Then a passing row with the last number that was sealed stands in the table while the first
// new ones are inserted.

// placeholders make such a row, by table.
var placeholders = map[string]string{
	"request":   "INSERT INTO request (id, tenant_id, route_id, source_id, started_at, status, response_bytes) VALUES (?, 0, 0, 0, 0, 0, 0)",
	"event":     "INSERT INTO event (id, kind, at, recorded_at) VALUES (?, '', 0, 0)",
	"recording": "INSERT INTO recording (id, tenant_id, started_at, key, duration_us, bytes, listed_at) VALUES (?, 0, 0, '', 0, 0, 0)",
	"capture":   "INSERT INTO capture (id, span, kind, at, version) VALUES (?, 0, '', 0, '')",
}

// aboveSealed runs insert, inside the caller's transaction, so that the table's new rows get
// numbers above all sealed ones.
func (w *writer) aboveSealed(ctx context.Context, table string, insert func() error) error {
	var last, sealed int64
	query := fmt.Sprintf(
		"SELECT (SELECT coalesce(max(id), 0) FROM %s), coalesce((SELECT %s_upto FROM seal_run ORDER BY n DESC LIMIT 1), 0)",
		table, table)
	if err := w.conn.QueryRowContext(ctx, query).Scan(&last, &sealed); err != nil {
		return err
	}
	if last >= sealed {
		return insert()
	}
	if _, err := w.conn.ExecContext(ctx, placeholders[table], sealed); err != nil {
		return err
	}
	return errors.Join(insert(), w.remove(ctx, table, sealed))
}

// remove deletes one row in spite of the trigger, which others never miss.
func (w *writer) remove(ctx context.Context, table string, id int64) error {
	trigger := table + "_no_delete"
	if _, err := w.conn.ExecContext(ctx, "DROP TRIGGER IF EXISTS "+trigger); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, "DELETE FROM "+table+" WHERE id = ?", id); err != nil {
		return err
	}
	_, err := w.conn.ExecContext(ctx, triggers[trigger])
	return err
}
