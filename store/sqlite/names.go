package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

// queryer is what *sql.Conn, *sql.Tx and *sql.DB have in common here.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

type routeKey struct{ method, origin, template string }

type sourceKey struct {
	kind, name string
	resolution int64
	timeIs     store.TimeMeaning
}

// ids turns the names that requests share into row numbers, adding rows to the small tables as
// names appear. It belongs to one write connection; after a rollback it must be made anew.
type ids struct {
	conn    *sql.Conn
	tenants map[string]int64
	clients map[string]int64
	routes  map[routeKey]int64
	sources map[sourceKey]int64
	// Routes and sources are shared between many requests: a pointer is found in a third of the time
	// of three strings.
	byRoute  map[*store.Route]int64
	bySource map[*store.Source]int64
}

const (
	// maxPointers bounds byRoute and bySource, for callers who share nothing.
	maxPointers = 1024
	// maxNames bounds the other maps, and what of the names is shared: a hostile log may have any
	// number.
	maxNames = 1 << 16
)

func newIDs(conn *sql.Conn) *ids {
	return &ids{
		conn: conn, tenants: map[string]int64{}, clients: map[string]int64{},
		routes: map[routeKey]int64{}, sources: map[sourceKey]int64{},
		byRoute: map[*store.Route]int64{}, bySource: map[*store.Source]int64{},
	}
}

func (n *ids) tenant(ctx context.Context, name string) (int64, error) {
	return lookUp(n.tenants, name, func() (int64, error) { return n.row(ctx, "tenant", "name", name) })
}

// client gives 0 for an unknown client.
func (n *ids) client(ctx context.Context, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	return lookUp(n.clients, name, func() (int64, error) { return n.row(ctx, "client", "name", name) })
}

func (n *ids) route(ctx context.Context, r *store.Route) (int64, error) {
	return pointer(n.byRoute, r, func() (int64, error) { return n.routeByName(ctx, r) })
}

func (n *ids) routeByName(ctx context.Context, r *store.Route) (int64, error) {
	return lookUp(n.routes, routeKey{r.Method, r.Origin, r.Template}, func() (int64, error) {
		id, err := n.row(ctx, "route", "method, origin, template", r.Method, r.Origin, r.Template)
		if errors.Is(err, errMissing) {
			return n.add(ctx, "route", "method, origin, template, class", r.Method, r.Origin, r.Template,
				r.Class)
		}
		return id, err
	})
}

func (n *ids) source(ctx context.Context, s *store.Source) (int64, error) {
	return pointer(n.bySource, s, func() (int64, error) {
		return lookUp(
			n.sources,
			sourceKey{s.Kind, s.Name, s.Resolution, s.TimeIs},
			func() (int64, error) {
				return n.row(ctx, "source", "kind, name, resolution_us, time_is",
					s.Kind, s.Name, s.Resolution, s.TimeIs.String())
			},
		)
	})
}

// pointer is lookUp in a map that is emptied when it has grown too large.
func pointer[T any](known map[*T]int64, p *T, find func() (int64, error)) (int64, error) {
	if id, ok := known[p]; ok {
		return id, nil
	}
	if len(known) >= maxPointers {
		clear(known)
	}
	return lookUp(known, p, find)
}

func lookUp[K comparable](known map[K]int64, name K, find func() (int64, error)) (int64, error) {
	if id, ok := known[name]; ok {
		return id, nil
	}
	id, err := find()
	if err == nil {
		if len(known) >= maxNames {
			clear(known)
		}
		known[name] = id
	}
	return id, err
}

var errMissing = errors.New("no such row")

// row finds the row whose columns have these values, and adds it where it is missing; a route it
// only finds, since that has a column more.
func (n *ids) row(ctx context.Context, table, columns string, values ...any) (id int64, err error) {
	where := "(" + columns + ") = (?" + strings.Repeat(",?", len(values)-1) + ")"
	err = n.conn.QueryRowContext(ctx, "SELECT id FROM "+table+" WHERE "+where, values...).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if table == "route" {
		return 0, errMissing
	}
	return n.add(ctx, table, columns, values...)
}

func (n *ids) add(ctx context.Context, table, columns string, values ...any) (id int64, err error) {
	query := "INSERT INTO " + table + " (" + columns + ") VALUES (?" + strings.Repeat(",?",
		len(values)-1) + ") RETURNING id"
	if err := n.conn.QueryRowContext(ctx, query, values...).Scan(&id); err != nil {
		return 0, fmt.Errorf("add %s: %w", table, err)
	}
	return id, nil
}

// loadNames reads the small tables, for reading.
func loadNames(ctx context.Context, q queryer) (*packed.Names, error) {
	n := packed.NewNames()
	shared := packed.Interner{}
	err := errors.Join(
		each(ctx, q, "SELECT id, name FROM tenant", func(scan func(...any) error) error {
			var id int64
			var name string
			err := scan(&id, &name)
			n.AddTenant(id, name)
			return err
		}),
		each(ctx, q, "SELECT id, name FROM client ORDER BY id", func(scan func(...any) error) error {
			var id int64
			var name string
			err := scan(&id, &name)
			n.Clients.Set(id, name)
			return err
		}),
		each(ctx, q, "SELECT id, method, origin, template, class FROM route ORDER BY id",
			func(scan func(...any) error) error {
				var r store.Route
				var method, origin, template, class sql.RawBytes
				err := scan(&r.ID, &method, &origin, &template, &class)
				r.Method, r.Origin = shared.Text(method), shared.Text(origin)
				r.Template, r.Class = shared.Text(template), shared.Text(class)
				n.AddRoute(&r)
				return err
			}),
		each(ctx, q, "SELECT id, kind, name, resolution_us, time_is FROM source",
			func(scan func(...any) error) error {
				var s store.Source
				var timeIs string
				err := scan(&s.ID, &s.Kind, &s.Name, &s.Resolution, &timeIs)
				s.TimeIs = store.ParseTimeMeaning(timeIs)
				n.Sources[s.ID] = &s
				return err
			}),
	)
	return n, err
}

// each calls f for each row of the query. Columns have types that SQLite checks, so a value of
// another one is damage; what it holds may be anything and is not told.
func each(
	ctx context.Context, q queryer, query string, f func(scan func(...any) error) error, args ...any,
) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	scan := func(to ...any) error {
		err := rows.Scan(to...)
		if err != nil && ctx.Err() == nil {
			return errValue
		}
		return err
	}
	for rows.Next() {
		if err := f(scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

var errValue = fmt.Errorf("%w: a row holds a value of another kind than its column; restore a copy, "+
	"or save what is readable with \"sqlite3 FILE .recover\"", store.ErrDamaged)
