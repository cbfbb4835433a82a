// Package plainerr puts errors of Go's libraries into words that a user who knows no Go can read.
package plainerr

import (
	"context"
	"errors"
	"io"
	"strings"
)

// words are what stands for the errors that name nothing outside Go. The longer text comes first,
// since it holds the shorter one.
var words = []struct {
	err  error
	text string
}{
	{io.ErrUnexpectedEOF, "ended too early"},
	{io.EOF, "ended before anything came"},
	{context.Canceled, "interrupted"},
	{context.DeadlineExceeded, "took too long"},
}

// Text is an error's text in plain words; "" for nil.
func Text(err error) string {
	if err == nil {
		return ""
	}
	s := err.Error()
	for _, w := range words {
		if errors.Is(err, w.err) {
			s = strings.ReplaceAll(s, w.err.Error(), w.text)
		}
	}
	return s
}
