package sqlite

import (
	"fmt"
	"runtime"
	"testing"
)

// A log of hundreds of thousands of routes and clients opens in little memory: a hostile import may
// have left them.
func TestManyNames(t *testing.T) {
	const many = 100_000
	st := openTest(t, "")
	must(t, st.Append(t.Context(), numbered(0, 0, 3)))
	const numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
	for _, query := range []string{
		"INSERT INTO route (method, origin, template, class) SELECT 'M' || i, 'https://acme.xima.cloud', " +
			"'/rest/api/v2/recordings/{+recording_key}/audio', 'recording_audio' FROM n",
		"INSERT INTO client (name) SELECT 'client number ' || i FROM n",
	} {
		_, err := st.db.Exec(numbers+query, many)
		must(t, err)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	snap := snapshot(t, st)
	if each := (heap() - before) / (2 * many); each > 110 {
		t.Errorf("a name takes %d bytes", each)
	}
	if n := len(snap.Routes()); n < many {
		t.Errorf("%d routes, not %d", n, many)
	}
	w, err := st.writer(t.Context())
	must(t, err)
	for i := range maxNames {
		w.ids.clients[fmt.Sprint("filled ", i)] = int64(i)
	}
	if _, err := w.ids.client(t.Context(), "one more"); err != nil || len(w.ids.clients) > maxNames {
		t.Errorf("a writer remembers %d clients: %v", len(w.ids.clients), err)
	}
	runtime.KeepAlive(snap)
}
