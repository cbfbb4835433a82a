package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/packed"
)

const (
	// maxPointers bounds byRoute and bySource, for callers who share nothing.
	maxPointers = 1024
	// maxNames bounds the other maps: a hostile log may have any number of names.
	maxNames = 1 << 16
)

type routeKey struct{ method, origin, template string }

type sourceKey struct {
	kind, name string
	resolution int64
	timeIs     store.TimeMeaning
}

// ids turns the names that requests share into row numbers, adding rows to the small tables as
// names appear, inside a transaction that writes. Rows there never change, so what is known stays
// true; after a rollback it must be made anew.
type ids struct {
	tenants map[string]int64
	clients map[string]int64
	routes  map[routeKey]int64
	sources map[sourceKey]int64
	// Routes and sources are shared between many requests: a pointer is found in a third of the time
	// of three strings.
	byRoute  map[*store.Route]int64
	bySource map[*store.Source]int64
}

func newIDs() *ids {
	return &ids{
		tenants: map[string]int64{}, clients: map[string]int64{},
		routes: map[routeKey]int64{}, sources: map[sourceKey]int64{},
		byRoute: map[*store.Route]int64{}, bySource: map[*store.Source]int64{},
	}
}

func (n *ids) tenant(ctx context.Context, conn *pgx.Conn, name string) (int64, error) {
	return lookUp(n.tenants, name, maxNames, func() (int64, error) {
		return row(ctx, conn, "tenant", "name", "", encodeText(name))
	})
}

// client gives 0 for an unknown client.
func (n *ids) client(ctx context.Context, conn *pgx.Conn, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	return lookUp(n.clients, name, maxNames, func() (int64, error) {
		return row(ctx, conn, "client", "name", "", encodeText(name))
	})
}

func (n *ids) route(ctx context.Context, conn *pgx.Conn, r *store.Route) (int64, error) {
	return lookUp(n.byRoute, r, maxPointers, func() (int64, error) {
		key := routeKey{r.Method, r.Origin, r.Template}
		return lookUp(n.routes, key, maxNames, func() (int64, error) {
			return row(ctx, conn, "route", "method, origin, template", "class",
				encodeText(r.Method), encodeText(r.Origin), encodeText(r.Template), encodeText(r.Class))
		})
	})
}

func (n *ids) source(ctx context.Context, conn *pgx.Conn, s *store.Source) (int64, error) {
	return lookUp(n.bySource, s, maxPointers, func() (int64, error) {
		key := sourceKey{s.Kind, s.Name, s.Resolution, s.TimeIs}
		return lookUp(n.sources, key, maxNames, func() (int64, error) {
			return row(ctx, conn, "source", "kind, name, resolution_us, time_is", "",
				encodeText(s.Kind), encodeText(s.Name), s.Resolution, s.TimeIs.String())
		})
	})
}

// lookUp finds a name in a map that is emptied when it has grown too large.
func lookUp[K comparable](
	known map[K]int64, name K, limit int, find func() (int64, error),
) (int64, error) {
	if id, ok := known[name]; ok {
		return id, nil
	}
	id, err := find()
	if err == nil {
		if len(known) >= limit {
			clear(known)
		}
		known[name] = id
	}
	return id, err
}

// row finds the row whose key columns have the first of these values, and adds it where it is
// missing; a column more, where there is one, takes the last value.
func row(
	ctx context.Context, conn *pgx.Conn, table, key, more string, values ...any,
) (id int64, err error) {
	n := strings.Count(key, ",") + 1
	err = conn.QueryRow(ctx, fmt.Sprintf("SELECT id FROM %s WHERE (%s) = (%s)", table, key, marks(n)),
		values[:n]...).Scan(&id)
	if !errors.Is(err, pgx.ErrNoRows) {
		return id, err
	}
	columns := key
	if more != "" {
		columns += ", " + more
	}
	query := fmt.Sprintf("INSERT INTO %s (%s, id) SELECT %s, coalesce(max(id), 0) + 1 FROM %s RETURNING id",
		table, columns, marks(len(values)), table)
	if err := conn.QueryRow(ctx, query, values...).Scan(&id); err != nil {
		return 0, fmt.Errorf("add %s: %w", table, err)
	}
	return id, nil
}

// marks are the places of n values.
func marks(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i+1)
	}
	return b.String()
}

// loadNames reads the small tables.
func loadNames(ctx context.Context, conn *pgx.Conn) (*packed.Names, error) {
	n := packed.NewNames()
	shared := packed.Interner{}
	text := func(b []byte) string { return decodeText(shared.Text(b)) }
	return n, errors.Join(
		each(ctx, conn, "SELECT id, name FROM tenant", func(scan scanFunc) error {
			var id int64
			var name string
			err := scan(&id, &name)
			n.AddTenant(id, decodeText(name))
			return err
		}),
		each(ctx, conn, "SELECT id, name FROM client ORDER BY id", func(scan scanFunc) error {
			var id int64
			var name string
			err := scan(&id, &name)
			n.Clients.Set(id, decodeText(name))
			return err
		}),
		each(ctx, conn, "SELECT id, method, origin, template, class FROM route ORDER BY id",
			func(scan scanFunc) error {
				var r store.Route
				var method, origin, template, class []byte
				err := scan(&r.ID, &method, &origin, &template, &class)
				r.Method, r.Origin = text(method), text(origin)
				r.Template, r.Class = text(template), text(class)
				n.AddRoute(&r)
				return err
			}),
		each(ctx, conn, "SELECT id, kind, name, resolution_us, time_is FROM source",
			func(scan scanFunc) error {
				var s store.Source
				var timeIs string
				err := scan(&s.ID, &s.Kind, &s.Name, &s.Resolution, &timeIs)
				s.Kind, s.Name = decodeText(s.Kind), decodeText(s.Name)
				s.TimeIs = store.ParseTimeMeaning(timeIs)
				n.Sources[s.ID] = &s
				return err
			}),
	)
}

// scanFunc reads the columns of a row.
type scanFunc = func(...any) error

// each calls f for each row of the query.
func each(
	ctx context.Context, conn *pgx.Conn, query string, f func(scan scanFunc) error, args ...any,
) error {
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
