package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/6dcca832/headroom/store"
)

// Store is an open request log. It is safe for use by several goroutines.
type Store struct {
	path     string // without a password
	pool     *pgxpool.Pool
	opts     options
	readOnly bool
	hashKey  []byte // nil where the role may not read it

	mu     sync.Mutex // one writing transaction at a time; guards what follows
	ids    *ids
	prune  string // the last one that ids know of
	copy   copyBuffer
	leases map[int64]*lease // that this store has, by tenant
}

// Option changes how Open works.
type Option func(*options)

type options struct {
	mustExist, readOnly bool
	waiting             func()
	hashKey             []byte
}

// WhenWaiting has f called when a write has waited for another process for a second. By default,
// nobody is told while it waits.
func WhenWaiting(f func()) Option { return func(o *options) { o.waiting = f } }

// WithHashKey gives tables that Open makes the hash key of another log, so that equal parameters
// are told as such in both. By default, new tables have a random key of their own.
func WithHashKey(key []byte) Option { return func(o *options) { o.hashKey = key } }

// MustExist makes Open fail with ErrNoFile where the schema holds no log. By default, Open makes
// the tables.
func MustExist() Option { return func(o *options) { o.mustExist = true } }

// ReadOnly opens without ever writing; the tables must be there. By default, Open writes, and falls
// back to reading where the role may not (see Store.ReadOnly).
func ReadOnly() Option { return func(o *options) { o.readOnly, o.mustExist = true, true } }

// IsURL says whether the name of a database is the URL of one in PostgreSQL.
func IsURL(name string) bool {
	scheme, _, ok := strings.Cut(name, "://")
	return ok && (strings.EqualFold(scheme, "postgres") || strings.EqualFold(scheme, "postgresql"))
}

// minConns is the least bound on connections: an import reads beside its writing transaction, and
// a server shows pages meanwhile.
const minConns = 16

// connectTimeout bounds one attempt to connect where the URL and PGCONNECT_TIMEOUT do not.
const connectTimeout = 10 * time.Second

// Open opens the request log that a URL names, postgres://USER@HOST:PORT/DATABASE, making or
// migrating its tables as needed. What the URL leaves out comes from the PG* variables, and the
// password from PGPASSWORD or the pgpass file, as for psql. Its errors match ErrNotOurs, ErrNewer,
// ErrReadOnly, ErrIO or ErrNoFile where one of them fits, and never hold the URL's password.
func Open(ctx context.Context, rawURL string, opts ...Option) (*Store, error) {
	config, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	s := &Store{path: shown(config), ids: newIDs(), prune: "0", leases: map[int64]*lease{}}
	for _, opt := range opts {
		opt(&s.opts)
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("open database %q: %w", s.path, explain(err))
	}
	if err := s.open(ctx); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("open database %q: %w", s.path, explain(err))
	}
	return s, nil
}

// parse reads the URL. What the driver says of one that it cannot read may quote it, so that is not
// repeated.
func parse(rawURL string) (*pgxpool.Config, error) {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	authority, _, _ := strings.Cut(rest, "/")
	rawURL = strings.ToLower(scheme) + "://" + rest
	config, err := pgxpool.ParseConfig(rawURL)
	// With a second "@", what follows the first is of the password, and would be shown as a host.
	if err != nil || !IsURL(rawURL) || strings.Count(authority, "@") > 1 {
		return nil, errors.New("open database: the URL cannot be read; it is " +
			"postgres://USER@HOST:PORT/DATABASE, with PGPASSWORD or a pgpass file for the password " +
			"(an @ or / within a name, a password or a parameter is written %40 or %2F)")
	}
	if !strings.Contains(rawURL, "pool_max_conns") {
		config.MaxConns = max(config.MaxConns, minConns)
	}
	conn := config.ConnConfig
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectTimeout
	}
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = "headroom"
	}
	return config, nil
}

// shown is the URL without a password.
func shown(config *pgxpool.Config) string {
	c := config.ConnConfig
	u := url.URL{Scheme: "postgres", User: url.User(c.User), Path: "/" + c.Database}
	if strings.HasPrefix(c.Host, "/") { // a folder with a socket
		u.RawQuery = url.Values{"host": {c.Host}}.Encode()
		return u.String()
	}
	u.Host = net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	return u.String()
}

// open looks at the tables, and makes them where there are none.
func (s *Store) open(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if err := prepare(ctx, conn.Conn(), s.opts); err != nil {
		return err
	}
	var mayRead bool
	err = conn.QueryRow(ctx, `SELECT
		pg_is_in_recovery() OR NOT has_table_privilege('request', 'INSERT'),
		has_table_privilege('secret', 'SELECT')`).Scan(&s.readOnly, &mayRead)
	s.readOnly = s.readOnly || s.opts.readOnly
	if err != nil || !mayRead {
		return err
	}
	err = conn.QueryRow(ctx, "SELECT hash_key FROM secret").Scan(&s.hashKey)
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("%w: secret.hash_key is missing; restore a backup", store.ErrDamaged)
	}
	return err
}

// ReadOnly says that the store cannot be written: it was asked for, or the role does not allow it.
func (s *Store) ReadOnly() bool { return s.readOnly }

// Path is the URL without its password and its parameters.
func (s *Store) Path() string { return s.path }

// HashKey is the log's own random key, for hashes of request parameters that mean nothing outside
// this log. It is nil where the role may only read.
func (s *Store) HashKey() []byte { return s.hashKey }

// Close releases the connections. Close the recorders first: what they have not written yet would
// be lost.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// failed tells which log could not be read.
func (s *Store) failed(err error) error { return s.failedTo("read", err) }

// failedTo tells which log could not be read or written.
func (s *Store) failedTo(do string, err error) error {
	return fmt.Errorf("%s database %q: %w", do, s.path, explain(err))
}
