package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
	"github.com/6dcca832/headroom/store/packed"
)

// storedRow is a row of request as it stands in the table.
type storedRow struct {
	request store.Request // without names, and what is derived
	refs    packed.Ref
}

const (
	rowHead = `SELECT id, tenant_id, route_id, source_id, client_id, started_at, status, cut_short,
	response_bytes, request_bytes, duration_us, first_byte_us, retry_after_s,
	key, query, params, error`
	rowColumns = rowHead + ", date_skew_s, vendor_id FROM request "
	// packColumns leave out what no chunk holds.
	packColumns = rowHead + ", NULL::bigint, NULL::text FROM request "
)

// decode reads rowColumns or packColumns.
func (r *storedRow) decode(f *fields) error {
	q, refs := &r.request, &r.refs
	q.ID = f.int()
	refs.Tenant, refs.Route, refs.Source, refs.Client = f.int(), f.int(), f.int(), f.int()
	q.StartedAt, q.Status, q.CutShort = f.int(), int(f.int()), f.bool()
	q.ResponseBytes, q.RequestBytes, q.Duration, q.FirstByte = f.int(), f.int(), f.int(), f.int()
	q.RetryAfter = f.int()
	q.Key, q.Query, q.Params, q.Error = f.text(), f.text(), f.text(), f.text()
	q.DateSkew.Known = !f.isNull()
	q.DateSkew.N, q.VendorID = f.int(), f.text()
	return f.err
}

// fields reads the values of a row one after the other, as the server sent them: the driver's own
// way, which finds out for each value how to read it, takes four times as long. NULL is 0 or "".
type fields struct {
	about  []pgconn.FieldDescription
	values [][]byte
	next   int
	err    error
}

func (f *fields) take() (value []byte, binary bool) {
	f.next++
	return f.values[f.next-1], f.about[f.next-1].Format == pgx.BinaryFormatCode
}

func (f *fields) isNull() bool { return f.values[f.next] == nil }

// int reads a whole number of any size.
func (f *fields) int() int64 {
	v, isBinary := f.take()
	switch {
	case v == nil:
		return 0
	case isBinary && len(v) == 8:
		return int64(binary.BigEndian.Uint64(v))
	case isBinary && len(v) == 2:
		return int64(int16(binary.BigEndian.Uint16(v)))
	case isBinary:
		f.fail(v)
		return 0
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		f.fail(v)
	}
	return n
}

func (f *fields) bool() bool {
	v, isBinary := f.take()
	if len(v) != 1 {
		f.fail(v)
		return false
	}
	return isBinary && v[0] != 0 || !isBinary && v[0] == 't'
}

func (f *fields) text() string {
	v, _ := f.take() // both forms are the same
	return decodeText(string(v))
}

func (f *fields) fail(v []byte) {
	if f.err == nil {
		f.err = fmt.Errorf("column %q holds %d bytes that are not of its kind",
			f.about[f.next-1].Name, len(v))
	}
}

// readRows calls f with each row of the query, until f fails. The row is valid until it returns.
func readRows(
	ctx context.Context, conn *pgx.Conn, query string, f func(*storedRow) error, args ...any,
) error {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	from := fields{about: rows.FieldDescriptions()}
	var r storedRow
	for rows.Next() {
		from.values, from.next = rows.RawValues(), 0
		r = storedRow{}
		if err := r.decode(&from); err != nil {
			return err
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	return rows.Err()
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
