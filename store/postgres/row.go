package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// storedRow is a row of request as it stands in the table.
type storedRow struct {
	request store.Request // without names, and what is derived
	refs    packed.Ref
}

const rowColumns = `SELECT id, tenant_id, route_id, source_id, coalesce(client_id, 0), started_at,
	status, cut_short, response_bytes, request_bytes, duration_us, first_byte_us, retry_after_s,
	coalesce(date_skew_s, 0), date_skew_s IS NOT NULL, coalesce(key, ''), coalesce(query, ''),
	coalesce(params, ''), coalesce(error, ''), coalesce(vendor_id, '') FROM request `

// scan reads rowColumns.
func (r *storedRow) scan(scan scanFunc) error {
	q, f := &r.request, &r.refs
	var status int16
	err := scan(&q.ID, &f.Tenant, &f.Route, &f.Source, &f.Client, &q.StartedAt, &status, &q.CutShort,
		&q.ResponseBytes, &q.RequestBytes, &q.Duration, &q.FirstByte, &q.RetryAfter, &q.DateSkew.N,
		&q.DateSkew.Known, &q.Key, &q.Query, &q.Params, &q.Error, &q.VendorID)
	q.Status = int(status)
	q.Key, q.Query, q.Params = decodeText(q.Key), decodeText(q.Query), decodeText(q.Params)
	q.Error, q.VendorID = decodeText(q.Error), decodeText(q.VendorID)
	return err
}

// readRows calls f with each row of the query, until f fails.
func readRows(
	ctx context.Context, conn *pgx.Conn, query string, f func(*storedRow) error, args ...any,
) error {
	return each(ctx, conn, query, func(scan scanFunc) error {
		var r storedRow
		if err := r.scan(scan); err != nil {
			return err
		}
		return f(&r)
	}, args...)
}

// whole joins the names.
func (r *storedRow) whole(n *packed.Names) store.Request {
	q := r.request
	q.Tenant, q.Route = n.Tenants[r.refs.Tenant], n.Route(r.refs.Route)
	q.Client, q.Source = n.Clients.Get(r.refs.Client), n.Sources[r.refs.Source]
	q.Identify()
	return q
}

// entry is the row with its hashes, for reading and matching.
func (r *storedRow) entry(n *packed.Names) pack.Entry {
	q := r.whole(n)
	return packed.NewEntry(&q, r.refs)
}

// packable is the row for a chunk, which has no place for what its route says. The route is needed
// only for the hash of a query: hashing it for each row would cost too much.
func (r *storedRow) packable(n *packed.Names) pack.Entry {
	q := r.request
	if q.Query != "" {
		q.Route = n.Route(r.refs.Route)
	}
	return packed.NewEntry(&q, r.refs)
}

// fetchRows is how many rows a cursor gives at once: some 2 MB.
const fetchRows = 8192

// cursorRows calls f with each row of a query without arguments, in parts, so that a caller who
// wants no more need not read the rest. It needs a transaction.
func cursorRows(
	ctx context.Context, conn *pgx.Conn, query string, f func(*storedRow) (more bool),
) error {
	if _, err := conn.Exec(ctx, "DECLARE reading NO SCROLL CURSOR FOR "+query); err != nil {
		return err
	}
	more := true
	for n := fetchRows; more && n == fetchRows; {
		n = 0
		fetch := fmt.Sprintf("FETCH %d FROM reading", fetchRows)
		err := readRows(ctx, conn, fetch, func(r *storedRow) error {
			n++
			more = more && f(r)
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, "CLOSE reading")
	return err
}
