//go:build !linux

package commands

import (
	"context"
	"errors"

	"github.com/6dcca832/headroom/ingest/proxy"
)

// keepVariable has no meaning here: see keep_linux.go.
const keepVariable = "HEADROOM_KEEP"

// carriers are not known here. What a program leaves running finds neither proxy nor certificate
// once run has ended: its HTTPS fails.
func carriers(string) []int { return nil }

func pidList([]int) string { return "" }

func (c *capture) handOver(*runFolder, *proxy.Authority) bool { return false }

func (s *session) keep(context.Context, runOptions) error { return errors.ErrUnsupported }
