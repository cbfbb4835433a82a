package sqlite

import (
	"context"
	"database/sql"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// storedRow is a row of request as it stands in the file.
type storedRow struct {
	id, tenant, route, source      int64
	client                         sql.NullInt64
	at, status, bytes              int64
	key, query, params             sql.NullString
	duration, firstByte, sentBytes int64
	cutShort                       bool
	retryAfter                     int64
	err, vendorID                  sql.NullString
	dateSkew                       sql.NullInt64
}

const rowColumns = `SELECT id, tenant_id, route_id, source_id, client_id, started_at, status,
	response_bytes, key, query, params,
	duration_us, first_byte_us, request_bytes, cut_short, retry_after_s, error,
	vendor_id, date_skew_s FROM request `

const (
	rowsAfter   = rowColumns + "WHERE id > ? ORDER BY id LIMIT ?"
	rowsBetween = rowColumns + "WHERE id > ? AND id <= ? ORDER BY id"
	rowByID     = rowColumns + "WHERE id = ?"
)

// readRows calls f with each row, in the order of the query, until f fails; the row is reused.
func readRows(
	ctx context.Context, q queryer, query string, f func(*storedRow) error, args ...any,
) error {
	var r storedRow
	return each(ctx, q, query, func(scan func(...any) error) error {
		err := scan(&r.id, &r.tenant, &r.route, &r.source, &r.client, &r.at, &r.status, &r.bytes, &r.key,
			&r.query, &r.params, &r.duration, &r.firstByte, &r.sentBytes, &r.cutShort, &r.retryAfter, &r.err,
			&r.vendorID, &r.dateSkew)
		if err != nil {
			return err
		}
		return f(&r)
	}, args...)
}

// request joins the names.
func (r *storedRow) request(n *packed.Names) store.Request {
	q := r.whole(n)
	q.Identify()
	return q
}

// whole is request without what is derived.
func (r *storedRow) whole(n *packed.Names) store.Request {
	return store.Request{
		ID: r.id, Tenant: n.Tenants[r.tenant], StartedAt: r.at, Duration: r.duration,
		FirstByte:    r.firstByte,
		RequestBytes: r.sentBytes, ResponseBytes: r.bytes, Status: int(r.status), CutShort: r.cutShort,
		RetryAfter: r.retryAfter,
		Error:      r.err.String, Route: n.Route(r.route), Key: r.key.String, Query: r.query.String,
		Params: r.params.String,
		Client: n.Clients.Get(r.client.Int64), Source: n.Sources[r.source], VendorID: r.vendorID.String,
		DateSkew: store.Seconds{N: r.dateSkew.Int64, Known: r.dateSkew.Valid},
	}
}

// entry packs the row. The route is needed only for the hash of a query: hashing it for each row
// would cost too much.
func (r *storedRow) entry(n *packed.Names) pack.Entry {
	q := store.Request{
		ID: r.id, StartedAt: r.at, Duration: r.duration, FirstByte: r.firstByte,
		RequestBytes:  r.sentBytes,
		ResponseBytes: r.bytes, Status: int(r.status), CutShort: r.cutShort,
		RetryAfter: r.retryAfter, Error: r.err.String, Key: r.key.String, Query: r.query.String,
		Params: r.params.String,
	}
	if q.Query != "" {
		q.Route = n.Route(r.route)
	}
	return newEntry(&q, r.ref())
}

// ref are the numbers of the row's names.
func (r *storedRow) ref() ref {
	return ref{Tenant: r.tenant, Route: r.route, Source: r.source, Client: r.client.Int64}
}
