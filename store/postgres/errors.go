package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/6dcca832/headroom/store"
)

// errDamaged: the cache is not what was written.
var errDamaged = fmt.Errorf("the cache of packed requests %w: have it made anew from the rows with "+
	"psql -c \"DELETE FROM cache_chunk\"", store.ErrDamaged)

// explain turns what the driver says into one of our errors, with what to do. It repeats neither
// the URL nor what PostgreSQL says of values, since both may hold what is nobody's business.
func explain(err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return explainServer(server, err)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, context.Canceled), ours(err):
		return err
	case errors.As(err, &connect):
		return fmt.Errorf("%w: the server does not answer; check that it runs, and the address (%s)",
			store.ErrIO, cause(connect.Unwrap()))
	case errors.As(err, &network), lost(err):
		return fmt.Errorf("%w: the connection to the server broke (%s)", store.ErrIO, cause(err))
	}
	return err
}

// ours says whether the error is one of package store's already.
func ours(err error) bool {
	for _, e := range []error{
		store.ErrNotOurs, store.ErrNewer, store.ErrDamaged, store.ErrLocked, store.ErrReadOnly,
		store.ErrFull, store.ErrIO, store.ErrNoFile,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// lost says whether the connection is gone, and with it the answer.
func lost(err error) bool {
	if err == nil {
		return false
	}
	words := []string{"EOF", "conn closed", "closed pool", "connection reset", "broken pipe"}
	for _, s := range words {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// cause is the innermost reason, on which drivers hang addresses and user names.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// explainServer reads SQLSTATE, appendix A of PostgreSQL's manual.
func explainServer(e *pgconn.PgError, err error) error {
	switch {
	case e.Code == "55P03" || e.Code == "40P01":
		return fmt.Errorf("%w: try again when it has finished (%s)", store.ErrLocked, e.Message)
	case e.Code == "42501" || e.Code == "25006":
		return fmt.Errorf("%w: check the rights of the role; postgres.sql has a writer's and a sealer's (%s)",
			store.ErrReadOnly, e.Message)
	case e.Code == "53100":
		return fmt.Errorf("%w: free some space on the server and run it again; what was written before "+
			"is intact (%s)", store.ErrFull, e.Message)
	case e.Code == "XX001" || e.Code == "XX002":
		return fmt.Errorf("%w: restore a backup (%s)", store.ErrDamaged, e.Message)
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P"),
		strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "58"):
		return fmt.Errorf("%w: the server is not ready (%s)", store.ErrIO, e.Message)
	case strings.HasPrefix(e.Code, "28"):
		return errors.New("the server refuses the user or the password: check PGUSER, PGPASSWORD or " +
			"the pgpass file")
	case e.Code == "3D000":
		return fmt.Errorf("%w: the server has no database of that name; make it with createdb",
			store.ErrNoFile)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the server refuses the connection: %s", e.Message)
	}
	return fmt.Errorf("the server says %s: %s", e.Code, e.Message)
}
