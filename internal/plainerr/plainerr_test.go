package plainerr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("open EOF.log: no such file"), "open EOF.log: no such file"},
		{fmt.Errorf("read answer: %w", io.ErrUnexpectedEOF), "read answer: ended too early"},
		{fmt.Errorf("no answer from x: %w", io.EOF), "no answer from x: ended before anything came"},
		{errors.Join(fmt.Errorf("a: %w", context.Canceled), io.ErrUnexpectedEOF), "a: interrupted\nended too early"},
		{fmt.Errorf("connect: %w", context.DeadlineExceeded), "connect: took too long"},
	} {
		if got := Text(c.err); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
