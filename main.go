// Command headroom records calls to a contact-centre vendor's API and tells how much room is left under its limits.
package main

import (
	"context"
	"os"

	"github.com/6dcca832/headroom/commands"
)

func main() {
	os.Exit(commands.Main(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
