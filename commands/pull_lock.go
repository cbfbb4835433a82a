package commands

import (
	"context"
	"net/http"
	"slices"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/store"
)

// lockTenants makes sure that no other pull of this database works on one of the tenants.
// The pull goes by the context that it gives. The lock is nil where the log is shared.
func (s *session) lockTenants(
	ctx context.Context, names []string,
) (_ context.Context, lock *pull.Lock, free func(), err error) {
	if shared, ok := s.store.(store.Leaser); ok {
		ctx, free, err = s.leaseTenants(ctx, shared, names)
		return ctx, nil, free, err
	}
	lock, err = pull.OpenLock(s.store.Path() + "-pull")
	if err != nil {
		return nil, nil, nil, err
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		ok, err := lock.Take(name)
		if err != nil || !ok {
			lock.Close()
		}
		if err != nil {
			return nil, nil, nil, err
		}
		if !ok {
			return nil, nil, nil, errBeingPulled(name)
		}
	}
	return ctx, lock, lock.Close, nil
}

// refusals has note called when the vendor refuses for egress, as soon as the answer's header is
// there: the row is written when its body has ended, and the process may be killed until then.
type refusals struct {
	base   http.RoundTripper
	policy *limits.Policy
	note   func()
}

func (r refusals) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req)
	if resp != nil && r.policy.Role(resp.StatusCode) == limits.RoleEgressCap {
		m, err := r.policy.Match(req.Method, req.URL.String())
		if err == nil && m.Class == r.policy.Egress.Class {
			r.note()
		}
	}
	return resp, err
}
