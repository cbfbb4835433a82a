// Package cgo stops a build without cgo with a sentence that says why: package sqlite uses SQLite's
// C code. It has nothing else to give.
package cgo
