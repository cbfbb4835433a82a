//go:build !cgo

package cgo

// The name is the message: the compiler prints it.
var _ = headroom_needs_cgo_for_SQLite__set_CGO_ENABLED_to_1_and_install_a_C_compiler
