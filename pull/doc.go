// Package pull fetches every listed recording once, within the vendor's limits, and says what is
// missing.
//
// For most uses, make a Destination with Folder or S3, give Run the tenants and a Log, and look at
// each Result: Missing is empty when every listed recording is accounted for.
//
//	how := pull.Options{Policy: p, Log: log, To: pull.Folder("calls")}
//	results, err := pull.Run(ctx, tenants, how)
//
// # Guarantees
//
// A pull is a reconciliation, not a cursor: it lists a trailing window again, since recordings
// appear late, and compares it with the ledger by recording key. A recording counts as stored only
// when its answer passed the gate (status, kind of content, size against the list), the file was
// written under another name, hashed, flushed to the disk, renamed, and the ledger row added, in
// this order. A process that is killed leaves files under names that end in ".partial", which the
// next run removes, and in ".whole", which it keeps where their hash is the one that the name
// tells; a whole file without its row is taken over. So nothing that came whole is fetched again,
// but for the one recording that was under way. Without an interval the next may have been asked
// for while the last bytes of one were still being hashed; then both may be fetched again.
//
// Requests of one tenant are made one at a time, whatever else is done meanwhile: while a body
// comes in, those before it are hashed, flushed and written down. No recording is started that
// would pass the rolling cap less Options.Reserve, as far as the log knows the bytes of the window;
// none is cut. What does not pass the gate is not read to its end, so that its row says that it was
// not taken whole, which no audit takes for a download. That needs a length in the answer's header,
// or a body of at least 12 bytes or one that calls itself JSON, HTML or XML and begins like it. The
// first 401 or 403 ends a tenant's run, a 509 its downloads, for RefusedWait those of later runs,
// too; a Lock notes it as soon as the answer is there.
//
// Memory does not grow with the length of the list by more than some 150 bytes a recording: what is
// long of its entries lies in a file until the run ends.
//
// # What it does not do
//
// It keeps no interval between processes: the API's transport does (ingest.WithPace). Bytes that
// were downloaded without being recorded in the log are not seen. Recordings that the vendor's list
// never names cannot be missed.
package pull
