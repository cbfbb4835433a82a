// Command headroom records calls to a contact-centre vendor's API and tells how much room is left
// under its limits.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/6dcca832/headroom/commands"
)

func main() {
	// Live data is small and garbage plenty: collecting less often halves an audit's time, the limit
	// bounds its memory.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(80 << 20)
	os.Exit(commands.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
