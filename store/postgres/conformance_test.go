package postgres_test

import (
	"context"
	"os"
	"testing"

	"github.com/6dcca832/headroom/internal/pgtest"
	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/postgres"
	"github.com/6dcca832/headroom/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() (store.Log, error) {
		url := pgtest.Schema(t)
		return func() (store.Log, error) { return postgres.Open(context.Background(), url) }
	})
}
