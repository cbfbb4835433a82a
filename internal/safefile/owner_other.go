//go:build !unix

package safefile

import "os"

// noFollow has no counterpart here: check has refused a link before.
const noFollow = 0

// owner is not known here.
func owner(os.FileInfo) (uid int, ok bool) { return 0, false }

// ownGroup is not asked where owners are not known.
func ownGroup(os.FileInfo) bool { return true }

// hold cannot hold a file here.
func hold(string) (release func()) { return func() {} }

// removeUnheld removes nothing here, since it cannot tell what is held.
func removeUnheld(string) {}
