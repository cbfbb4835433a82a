// Package store says what a request log holds, as records and interfaces: one Request a HTTP
// attempt, only ever added. Package store/sqlite keeps such a log in a file, store/postgres in a
// database that many machines share.
//
// For most uses, open a log, hand NewRecorder to ingest.NewTransport, and read back with
// Log.Snapshot:
//
//	log, err := sqlite.Open("headroom.db")
//	…
//	defer log.Close()
//	recorder := store.NewRecorder(log)
//	…
//	snap, err := log.Snapshot(ctx)
//	…
//	for batch, err := range snap.Scan(ctx, "acme", store.Range{}) { … }
//
// # Guarantees
//
// What one call of a Writer wrote is there as a whole or not at all. What Recorder.Record took is
// in the log within 100 ms, unless another process holds it locked for longer; it is then written
// as soon as that ends, and what does not fit the queue meanwhile is counted as dropped.
//
// # What it does not do
//
// It does not decide what may be kept of a URL (package limits does), and keeps no header, no body
// and no credentials: Request has no place for them. It opens no file and knows no database.
package store
