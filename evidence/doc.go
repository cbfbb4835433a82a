// Package evidence makes what a ticket's attachment must hold: proof of what was recorded that does
// not rest on trusting who sends it.
//
// Each tenant has a log: a Merkle tree as in RFC 6962 whose leaves are lines of text, one for each
// request, event and listed recording, and for what was done to the log itself. A Sealer appends
// what was recorded since the last time and signs the head, a checkpoint; VerifyLog recomputes all
// of it from the rows. A bundle is a ZIP file with a contiguous part of one tenant's log, the proof
// that it belongs to a checkpoint, and pages for people; OpenBundle and Bundle.Check read and check
// one without the database and without the sender.
//
// # Guarantees
//
// A checkpoint, or the seal line over all of them, that left the machine at some time proves that
// the rows were sealed by then and are unchanged since. A contiguous range of leaves proves that
// nothing that was sealed in it was left out. The figures follow from the leaves, so a reader
// recomputes them.
//
// # What it does not do
//
// It does not prove that rows are true, that every call was recorded, whose clock was right, or who
// somebody is. Whoever owns key and database can seal another history with a fresh log; only a
// checkpoint, line or key that the reader held before contradicts it. Hence a check ends in a
// grade, and never in a plain yes.
//
// The package reads no database and no clock: what it needs comes through arguments.
package evidence
