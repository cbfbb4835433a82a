package commands

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/postgres"
	"github.com/6dcca832/headroom/store/sqlite"
)

// This is the one file of the commands that chooses a kind of store; push has one of each.

// openMode changes how openLog opens.
type openMode int

const (
	mustExist openMode = iota // fail with store.ErrNoFile where there is no log; by default, make one
	readOnly                  // never write
)

// openLog opens the log that --db names: a file, or a database in PostgreSQL by its URL. While a
// write waits for another process, waiting is called.
func openLog(
	ctx context.Context, db string, waiting func(), modes ...openMode,
) (store.Log, error) {
	if isURL(db) {
		opts := []postgres.Option{postgres.WhenWaiting(waiting)}
		if slices.Contains(modes, mustExist) {
			opts = append(opts, postgres.MustExist())
		}
		if slices.Contains(modes, readOnly) {
			opts = append(opts, postgres.ReadOnly())
		}
		return asLog(postgres.Open(ctx, db, opts...))
	}
	if db == "" {
		return nil, errors.New("flag --db: is empty; name a file")
	}
	opts := []sqlite.Option{sqlite.WhenWaiting(waiting)}
	if slices.Contains(modes, mustExist) {
		opts = append(opts, sqlite.MustExist())
	}
	if slices.Contains(modes, readOnly) {
		opts = append(opts, sqlite.ReadOnly())
	}
	return asLog(sqlite.Open(db, opts...))
}

// asLog keeps a nil store from becoming an interface that is not nil.
func asLog[S store.Log](s S, err error) (store.Log, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// isURL says whether a log is no file.
func isURL(db string) bool { return postgres.IsURL(db) }

// folderOf is where what belongs beside a log lies: its own folder, or the current one for a log
// that is no file.
func folderOf(db string) string {
	if isURL(db) {
		return "."
	}
	return filepath.Dir(db)
}

// sameLog says whether two names are of one log.
func sameLog(a, b string) bool {
	if isURL(a) || isURL(b) {
		return a == b
	}
	return sameFile(a, b)
}
