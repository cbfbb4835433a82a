package commands

import "os"

// forwarded are the signals that the program is to get: the one that there is.
var forwarded = []os.Signal{os.Interrupt}

// fromKeyboard is always so here: Windows sends Ctrl-C to all programs of a console by itself.
func fromKeyboard(os.Signal) bool { return true }
