// Package packed keeps the packed requests of a log beside its rows, whatever database holds both:
// which chunks a tenant has, how they are read in order of time, how new and late requests get
// into them, and how an import finds what is there already. Package pack says what a chunk's bytes
// are; a kind of store says how tables are read and written.
//
// For most uses, a store fills a Reader when it opens a snapshot and embeds it; calls Flush with a
// Builder of the rows that came after the mark; and makes its import of a Matcher.
//
// # Guarantees
//
// A Reader gives a tenant's requests in order of (StartedAt, ID), each once, from chunks and from
// the rows that are not packed yet. Flush leaves chunks that are disjoint, in order, and at most
// pack.MaxRows long. What does not decode, or lies where it does not belong, is an error and never
// another answer.
//
// # What it does not do
//
// It knows no SQL and opens no transaction. The order of calls, and that they see one state of the
// database, is the store's affair.
package packed
