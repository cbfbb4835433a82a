package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/6dcca832/headroom/store"
)

// A file may come from a stranger, and its triggers and views would run with what this program
// writes and reads. So Open compares all that the file defines with what this package, or an older
// headroom, would have put there, and refuses anything else before a statement that could run it.

// olderSchemas are the digests of the schemas that older formats had. A file is of one of them, or
// is refused, before it is migrated.
var olderSchemas = map[int]string{
	1: "145af85716576f1180250d315880331d98418d35c774e6af641b6b4c731befc7",
	2: "d0178490bd206db283877d4456430d4a3407cce11e8ee6766a7adb65b4f3bf34",
}

// newSchema is the digest of authoredSchema, which takes longer to make than an audit has to spare.
const newSchema = "e36f1e5d821502ccb4bd1cd4b7a2a51658a8f770f0353beb90192052b779bfcc"

// authoredSchema is what a new file defines.
var authoredSchema = sync.OnceValues(func() (map[string]string, error) {
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	ctx := context.Background()
	conn, err := db.Conn(ctx) // another connection would be another database
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := makeTables(ctx, conn); err != nil {
		return nil, err
	}
	return definitions(ctx, conn)
})

// checkSchema refuses a file of that format whose definitions are not those of the format. The
// error matches ErrNotOurs or, where something is missing or changed, ErrDamaged.
func checkSchema(ctx context.Context, q queryer, version int) error {
	got, err := definitions(ctx, q)
	if err != nil {
		return err
	}
	if version != formatVersion {
		if digest(got) != olderSchemas[version] {
			return fmt.Errorf(
				"%w of format %d: something was added to it, or changed; its tables, indexes, "+
					"views and triggers must be as headroom made them",
				store.ErrNotOurs,
				version,
			)
		}
		return nil
	}
	if isNew(got) {
		return nil
	}
	want, err := authoredSchema()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			return fmt.Errorf(
				"%w: it has a %s that headroom did not make; if it is yours, drop it with sqlite3",
				store.ErrNotOurs, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] && (got[name] != "" || name != optionalTrigger) {
			return fmt.Errorf("%w: its %s is missing or was changed; restore a copy", store.ErrDamaged, name)
		}
	}
	return nil
}

// optionalTrigger is missing while a large import runs.
const optionalTrigger = "trigger " + optionalName

const optionalName = "request_no_replace"

// isNew says whether a file is known, by its digest alone, to define what a new one does.
func isNew(got map[string]string) bool {
	text, ok := got[optionalTrigger]
	return digest(got) == newSchema && (!ok || text == condensed(triggers[optionalName]))
}

// definitions gives the text of all that the file defines, by type and name, without what has no
// meaning. What SQLite's own ANALYZE leaves is left out.
func definitions(ctx context.Context, q queryer) (map[string]string, error) {
	all := map[string]string{}
	err := each(ctx, q, `SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema
		WHERE NOT (type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat4'))`,
		func(scan func(...any) error) error {
			var name, text string
			err := scan(&name, &text)
			all[name] = condensed(text)
			return err
		})
	return all, err
}

func digest(definitions map[string]string) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		if name != optionalTrigger {
			fmt.Fprintf(sum, "%d %s %d %s\n", len(name), name, len(definitions[name]), definitions[name])
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// condensed is a statement without comments and without spaces that mean nothing, since ALTER TABLE
// does not keep them. What is quoted stays as it is.
func condensed(statement string) string {
	var b strings.Builder
	space := false
	for i := 0; i < len(statement); {
		n, blank := token(statement[i:])
		text := statement[i : i+n]
		i += n
		if blank {
			space = true
			continue
		}
		if space && b.Len() > 0 && wordByte(text[0]) && wordByte(b.String()[b.Len()-1]) {
			b.WriteByte(' ')
		}
		space = false
		b.WriteString(text)
	}
	return b.String()
}

// token gives the length of the first token, and whether it means nothing: a space or a comment.
func token(s string) (n int, blank bool) {
	switch c := s[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		return 1, true
	case strings.HasPrefix(s, "--"):
		if n = strings.IndexByte(s, '\n'); n < 0 {
			return len(s), true
		}
		return n + 1, true
	case c == '\'' || c == '"' || c == '`':
		return quotedLength(s, c), false
	case c == '[':
		return quotedLength(s, ']'), false
	}
	return 1, false
}

// quotedLength is how far what begins with a quote reaches, the closing quote included. A doubled
// quote counts as two quoted texts, which comes to the same.
func quotedLength(s string, closing byte) int {
	if n := strings.IndexByte(s[1:], closing); n >= 0 {
		return n + 2
	}
	return len(s)
}

func wordByte(c byte) bool {
	return c == '_' || c == '\'' || c == '"' || c >= 0x80 ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
