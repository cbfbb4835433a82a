// Package pack turns requests into compact columns of bytes and back. It reads and writes nothing
// else: a store keeps the bytes.
//
// A chunk holds requests of one tenant in order of (StartedAt, ID): Encode makes it, Columns.Decode
// reads it. A filter says which recordings a chunk may hold. Seal adds a checksum to either, so
// that damage is noticed.
//
// # What it does not do
//
// What it makes is a cache of the rows and holds less than they do: no key, query or text, only
// their hashes. The checksum protects against accidents, not against somebody who means to deceive.
package pack
