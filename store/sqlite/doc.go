// Package sqlite keeps the request log: one SQLite file, one row per HTTP attempt, rows only ever
// added.
//
// For most uses, Open a file, hand store.NewRecorder to ingest.NewTransport, and read back with
// Store.Snapshot:
//
//	st, err := sqlite.Open("headroom.db")
//	…
//	defer st.Close()
//	snap, err := st.Snapshot(ctx)
//	…
//	for batch, err := range snap.Scan(ctx, "acme", store.Range{}) { … }
//
// # Guarantees
//
// A request is one row, and a row stays: triggers refuse UPDATE, DELETE and, but while a large
// import runs, REPLACE. Rows that one call to Append or one Import.Add wrote are there together or
// not at all. Several processes may write to one file at once; a writer waits for its turn, 30
// seconds at most. A reader needs no lock: where another process holds it, the cache is not brought
// up to date, and reading is slower.
//
// The tables whose names begin with cache_ are derived from the rows, can be emptied at any time
// (Store.DropCache) and are made anew by the next Refresh, with the same answers. They hold the
// requests packed by tenant in order of time, which makes an audit of ten million requests one pass
// of less than a second. They carry checksums: a cache that is not what was written gives an error,
// or counts as missing, and never another answer.
//
// A file that is not headroom's, that a newer headroom wrote, that defines what headroom did not,
// or that is damaged is refused before anything is written to it and before anything that it
// defines could run; see the Err… values of package store. A file that is moved, replaced or
// deleted while it is open is noticed by the next write or snapshot. A new file may be read and
// written by its user only.
//
// # What it does not do
//
// It does not decide what may be kept of a URL (package limits does), and stores no header, no body
// and no credentials: Request has no place for them. It does not defend against somebody who edits
// the file with another program, and does not notice a bit that the disk flips inside a row's
// value: SQLite has no checksums.
package sqlite
