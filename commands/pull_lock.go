package commands

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/store"
)

// heldTenants are tenants that no other pull of this log works on, until free is called.
type heldTenants struct {
	// refused are the noted refusals for egress, by tenant.
	refused map[string]time.Time
	// note notes one of now, for whoever pulls the tenant next.
	note func(ctx context.Context, tenant string) error
	free func()
}

// hold takes tenants: by a file beside the log, or by leases where machines share the log. The pull
// goes by the context that it gives.
func (s *session) hold(
	ctx context.Context, names []string,
) (context.Context, *heldTenants, error) {
	names = slices.Sorted(slices.Values(names))
	if shared, ok := s.store.(store.Leaser); ok {
		return leaseTenants(ctx, shared, names)
	}
	held, err := lockTenants(s.store.Path()+"-pull", names)
	return ctx, held, err
}

func lockTenants(file string, names []string) (held *heldTenants, err error) {
	lock, err := pull.OpenLock(file)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	for _, name := range names {
		ok, err := lock.Take(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errBeingPulled(name)
		}
	}
	refused, err := lock.Refusals(time.Now())
	if err != nil {
		return nil, err
	}
	note := func(_ context.Context, tenant string) error {
		return lock.NoteRefusal(tenant, time.Now())
	}
	return &heldTenants{refused, note, lock.Close}, nil
}

// refusals has note called when the vendor refuses for egress, as soon as the answer's header is
// there: the row is written when its body has ended, and the process may be killed until then.
type refusals struct {
	base   http.RoundTripper
	policy *limits.Policy
	note   func(context.Context)
}

func (r refusals) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.base.RoundTrip(req)
	if resp != nil && r.policy.Role(resp.StatusCode) == limits.RoleEgressCap {
		m, err := r.policy.Match(req.Method, req.URL.String())
		if err == nil && m.Class == r.policy.Egress.Class {
			r.note(context.WithoutCancel(req.Context()))
		}
	}
	return resp, err
}
