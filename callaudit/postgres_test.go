package callaudit_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/6dcca832/headroom/callaudit"
	"github.com/6dcca832/headroom/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// A program can record into a database that others share.
func TestLogInPostgres(t *testing.T) {
	url := pgtest.Schema(t)
	for want := int64(1); want < 3; want++ {
		log, err := callaudit.Open(url)
		if err != nil {
			t.Fatal(err)
		}
		if err := get(&http.Client{Transport: log.Transport(vendor{})}, audio); err != nil {
			t.Error(err)
		}
		r, err := log.Audit(t.Context(), callaudit.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Tenants) != 1 || r.Tenants[0].Requests != want {
			t.Errorf("the audit of program %d: %+v", want, r.Tenants)
		}
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}
