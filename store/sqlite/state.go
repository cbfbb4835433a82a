package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/store"
	"github.com/6dcca832/headroom/store/pack"
)

// States gives the states that were saved under key and still fit the rows, by tenant: a request
// that arrived later but started before a state's end makes it stale.
func (n *Snapshot) States(ctx context.Context, key []byte) (map[string]store.State, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	states := map[string]store.State{}
	err := each(
		ctx,
		n.conn,
		"SELECT tenant_id, upto_at, state FROM cache_state WHERE key = ?",
		func(scan func(...any) error) error {
			var tenant int64
			var data uncopied
			var s store.State
			if err := scan(&tenant, &s.UptoAt, &data); err != nil {
				return err
			}
			s.Tenant = n.Names.Tenants[tenant]
			var ok bool
			s.Data, ok = pack.Unseal(data, tenant, s.UptoAt)
			if ok && !n.TailFrom(tenant, s.UptoAt) {
				states[s.Tenant] = s
			}
			return nil
		},
		key,
	)
	if err != nil {
		return nil, fmt.Errorf("read analysis states: %w", explain(err))
	}
	return states, nil
}

// SaveStates keeps states that were computed from the snapshot n, under key. Where the cache has
// moved on since, it keeps nothing, since a late request may lie before a state's end. It does
// nothing to a store that cannot be written.
func (s *Store) SaveStates(
	ctx context.Context, from store.Snapshot, key []byte, states []store.State,
) error {
	if s.readOnly || len(states) == 0 {
		return nil
	}
	n, ok := from.(*Snapshot)
	if !ok {
		return fmt.Errorf("save analysis states: the snapshot is a %T, none of this store's", from)
	}
	return s.writeWithin(ctx, cachePatience, func(w *writer) error {
		upto, err := packedUpTo(ctx, w.conn)
		if err != nil || upto != n.Mark {
			return err
		}
		for _, st := range states {
			tenant := n.Names.ByName[st.Tenant]
			_, err := w.conn.ExecContext(ctx,
				"REPLACE INTO cache_state (tenant_id, key, upto_at, state) VALUES (?,?,?,?)", tenant, key,
				st.UptoAt, pack.Seal(slices.Clip(st.Data), tenant, st.UptoAt))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
