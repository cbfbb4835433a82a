package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/storetest"
)

// conforming gives *store.Store the method types of storetest, which name interfaces.
type conforming struct{ *store.Store }

func (c conforming) BeginImport(ctx context.Context) (storetest.Import, error) {
	return c.Store.BeginImport(ctx)
}

func (c conforming) Recorder() storetest.Recorder { return c.Store.Recorder() }

func (c conforming) Snapshot(ctx context.Context) (storetest.Snapshot, error) {
	n, err := c.Store.Snapshot(ctx)
	return conformingSnapshot{n}, err
}

func (c conforming) SaveStates(ctx context.Context, n storetest.Snapshot, key []byte, states []store.State) error {
	return c.Store.SaveStates(ctx, n.(conformingSnapshot).Snapshot, key, states)
}

func (c conforming) Again() (storetest.Store, error) {
	st, err := store.Open(c.Path(), store.MustExist())
	return conforming{st}, err
}

type conformingSnapshot struct{ *store.Snapshot }

func (n conformingSnapshot) History(ctx context.Context, tenant string) storetest.History {
	return n.Snapshot.History(ctx, tenant)
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		st, err := store.Open(filepath.Join(t.TempDir(), "requests.db"))
		if err != nil {
			t.Fatal(err)
		}
		return conforming{st}
	})
}
