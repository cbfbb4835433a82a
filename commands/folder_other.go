//go:build !unix

package commands

import (
	"errors"
	"io/fs"
	"os"
)

// isPrivate trusts the user's profile, which Windows keeps from other users.
func isPrivate(string) error { return nil }

// ownerOf cannot tell owners apart here.
func ownerOf(fs.FileInfo) int { return os.Geteuid() }

// lockFile cannot lock here: what killed runs leave is not removed.
func lockFile(string, bool) (*os.File, error) { return nil, errors.ErrUnsupported }
