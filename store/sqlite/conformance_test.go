package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/sqlite"
	"github.com/6dcca832/headroom/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() (store.Log, error) {
		path := filepath.Join(t.TempDir(), "requests.db")
		return func() (store.Log, error) { return sqlite.Open(path) }
	})
}
