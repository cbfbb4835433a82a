// Package postgres keeps the request log in PostgreSQL, for machines that share one: the same rows
// and the same answers as package sqlite, over a network.
//
// For most uses, Open a URL, hand store.NewRecorder to ingest.NewTransport, and read back with
// Store.Snapshot. Machines that must go on while the database is away record into a file of their
// own, and send it on with Push.
//
// # Guarantees
//
// A request is one row, and rows are only ever added: triggers refuse UPDATE, DELETE and TRUNCATE,
// and the roles that postgres.sql names have no right to them. Prune, which needs the rights of the
// tables' owner, takes the triggers down inside its transaction. Numbers are given in order of
// arrival: a writer's transaction holds an advisory lock of the database, so that whoever sees a
// row sees all with lower numbers. What one call wrote is there as a whole or not at all, also
// where the connection broke while it was committed: Append then asks the server what became of it,
// and does not return before it knows or its context ends.
//
// Push sends each row of a file once, whatever is killed meanwhile. A file that is older than what
// it has sent, or that was copied and grew in two ways, is refused.
//
// The tables whose names begin with cache_ are derived from the rows, as in package sqlite.
//
// Passwords come from the URL, from PGPASSWORD or from a pgpass file, and stand in no error and not
// in Path.
//
// # What it does not do
//
// Seals cover rows in their order of arrival here, whichever machine sent them. They are made with
// one key, the sealer's; what a machine has sealed in its own file stays there.
//
// It does not defend against the owner of the tables or a superuser, who can take the triggers
// down; only a seal line that somebody else holds does. Nothing was tried on Citus; a test checks
// of the tables what Citus asks of them.
package postgres
