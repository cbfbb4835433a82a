package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
)

// State is what an analysis summed up of a tenant's requests up to a moment, so that the next run reads only what came
// after. It is a cache: it may be gone at any time.
type State struct {
	// Tenant's requests up to UptoAt (StartedAt, inclusive, microseconds since 1970 UTC) are in Data.
	Tenant string
	UptoAt int64
	Data   []byte
}

// States gives the states that were saved under key and still fit the rows, by tenant: a request that arrived later but
// started before a state's end makes it stale.
func (n *Snapshot) States(ctx context.Context, key []byte) (map[string]State, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	states := map[string]State{}
	err := each(ctx, n.conn, "SELECT tenant_id, key, upto_at, state FROM cache_state", func(scan func(...any) error) error {
		var tenant int64
		var had []byte
		var s State
		if err := scan(&tenant, &had, &s.UptoAt, &s.Data); err != nil {
			return err
		}
		s.Tenant = n.names.tenants[tenant]
		var ok bool
		s.Data, ok = unseal(s.Data, tenant, s.UptoAt)
		if tail := n.tail[tenant]; ok && bytes.Equal(had, key) && (len(tail) == 0 || tail[0].at > s.UptoAt) {
			states[s.Tenant] = s
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read analysis states: %w", explain(err))
	}
	return states, nil
}

// SaveStates keeps states that were computed from the snapshot n, under key. Where the cache has moved on since, it keeps
// nothing, since a late request may lie before a state's end. It does nothing to a store that cannot be written.
func (s *Store) SaveStates(ctx context.Context, n *Snapshot, key []byte, states []State) error {
	if s.readOnly || len(states) == 0 {
		return nil
	}
	return s.write(ctx, func(w *writer) error {
		upto, err := mark(ctx, w.conn)
		if err != nil || upto != n.mark {
			return err
		}
		for _, st := range states {
			tenant := n.names.byName[st.Tenant]
			_, err := w.conn.ExecContext(ctx, "REPLACE INTO cache_state (tenant_id, key, upto_at, state) VALUES (?,?,?,?)",
				tenant, key, st.UptoAt, seal(slices.Clip(st.Data), tenant, st.UptoAt))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
