// Package notices holds the licences of what the program is built from, as those licences ask. go
// generate renews them after a change of go.mod.
package notices

import _ "embed"

//go:generate go run ./make

// Text is a heading and the licence of each module, of the Go standard library and of the page's
// scripts.
//
//go:embed notices.txt
var Text string
