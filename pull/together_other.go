//go:build !linux

package pull

// mayFlushTogether says no: there is no syncfs.
func mayFlushTogether(map[string]bool) bool { return false }

// flushTogether is never called here.
func flushTogether(map[string]bool, []string) error { return nil }

// beginFlush does nothing.
func beginFlush(string) {}
