package sqlite

import (
	"strings"
	"testing"
)

// TestOpenURL: the URL of another kind of database is no file, and is not repeated, since it may hold
// a password.
func TestOpenURL(t *testing.T) {
	if _, err := Open("mysql://u:hunter2@host/db"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}
