package sqlite

import (
	"context"
	"fmt"
	"strings"
)

// appendOnly names the tables whose rows stay, with what tells their rows apart. Each gets three
// triggers: against UPDATE, DELETE and REPLACE, which deletes without firing a DELETE trigger.
var appendOnly = []struct {
	table string
	what  string     // the message begins with it
	keys  [][]string // a row that has all of one of them is there already
	again string     // what happens to such a row, if not an error
}{
	{table: "meta", what: "names are", keys: [][]string{{"name"}}},
	{table: "tenant", what: "names are", keys: [][]string{{"id"}, {"name"}}},
	{table: "route", what: "names are", keys: [][]string{{"id"}, {"method", "origin", "template"}}},
	{table: "client", what: "names are", keys: [][]string{{"id"}, {"name"}}},
	{table: "source", what: "names are",
		keys: [][]string{{"id"}, {"kind", "name", "resolution_us", "time_is"}}},
	{table: "request", what: "the request log is", keys: [][]string{{"id"}}},
	{table: "recording", what: "the list of recordings is", again: "RAISE(IGNORE)",
		keys: [][]string{{"id"}, {"tenant_id", "started_at", "key"}}},
	{table: "event", what: "events are", keys: [][]string{{"id"}}},
	{table: "ledger", what: "the ledger is", keys: [][]string{{"id"}}},
	{table: "capture", what: "the times of capture are", keys: [][]string{{"id"}}},
	{table: "seal_log", what: "seals are", keys: [][]string{{"tenant_id"}}},
	{table: "seal_run", what: "seals are", keys: [][]string{{"n"}}},
	{table: "seal_told", what: "seals are", keys: [][]string{{"n"}}},
	{table: "seal_stamp", what: "seals are", keys: [][]string{{"n"}}},
	{table: "seal_head", what: "seals are", keys: [][]string{{"tenant_id", "run"}}},
	{table: "seal_leaf", what: "seals are", keys: [][]string{{"tenant_id", "seq"}}},
	{table: "seal_pruned", what: "seals are", keys: [][]string{{"tenant_id", "level", "n"}}},
}

// triggers are the statements that make the triggers, by name.
var triggers = func() map[string]string {
	all := map[string]string{}
	for _, t := range appendOnly {
		refuse := fmt.Sprintf("RAISE(ABORT, '%s append-only')", t.what)
		again := t.again
		if again == "" {
			again = refuse
		}
		var known []string
		for _, key := range t.keys {
			known = append(known, alreadyThere(t.table, key))
		}
		add := func(name, when, what string) {
			name = t.table + name
			all[name] = fmt.Sprintf("CREATE TRIGGER %s BEFORE %s BEGIN SELECT %s; END", name, when, what)
		}
		add("_no_update", "UPDATE ON "+t.table, refuse)
		add("_no_delete", "DELETE ON "+t.table, refuse)
		add("_no_replace", "INSERT ON "+t.table+" WHEN "+strings.Join(known, " OR "), again)
	}
	return all
}()

// alreadyThere is the condition that a row with the new row's key exists. An id that is not given
// is −1 before the insert; to ask for it would cost a look-up a row.
func alreadyThere(table string, key []string) string {
	if key[0] == "id" {
		return fmt.Sprintf("NEW.id > 0 AND EXISTS (SELECT 1 FROM %s WHERE id = NEW.id)", table)
	}
	columns := strings.Join(key, ", ")
	values := "NEW." + strings.Join(key, ", NEW.")
	return fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE (%s) = (%s))", table, columns, values)
}

// makeTriggers makes all triggers anew, inside the caller's transaction.
func makeTriggers(ctx context.Context, q queryer) error {
	var old []string
	err := each(
		ctx,
		q,
		"SELECT name FROM sqlite_schema WHERE type = 'trigger'",
		func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			old = append(old, name)
			return err
		},
	)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, err := q.ExecContext(ctx, "DROP TRIGGER "+quoted(name)); err != nil {
			return err
		}
	}
	for _, statement := range triggers {
		if _, err := q.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// replaceGuard refuses to REPLACE a request. It costs 20 % of an import, so Import drops it after
// maxPending rows. Close, or the next Open, recreates it.
var replaceGuard = strings.Replace(triggers[optionalName], "CREATE TRIGGER",
	"CREATE TRIGGER IF NOT EXISTS", 1)

// dropReplaceGuard must be in a transaction of its caller's: until that commits, nobody else sees
// it.
func (w *writer) dropReplaceGuard(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx, "DROP TRIGGER IF EXISTS request_no_replace")
	return err
}

func (w *writer) makeReplaceGuard(ctx context.Context) error {
	_, err := w.conn.ExecContext(ctx, replaceGuard)
	return err
}
