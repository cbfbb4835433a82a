package evidence

import (
	"context"
	"fmt"
	"slices"

	"github.com/6dcca832/headroom/store"
)

// restate begins the log of the tenant Restate where what it said last is no longer so.
func (s *sealing) restate(ctx context.Context) error {
	if s.heads[s.Restate] == nil { // no tenant, or one whose log begins with its first row
		return nil
	}
	if said, err := s.saidSettings(ctx, s.Restate); err != nil || said != nil {
		return err
	}
	_, err := s.log(s.Restate)
	return err
}

// addSettings says which policy and settings hold, where that has changed or was said long ago.
func (s *sealing) addSettings(ctx context.Context, b *logBuilder) error {
	said, err := s.saidSettings(ctx, b.tenant)
	if err != nil || said != nil && s.run.SealedAt-said.Time < settingsEvery.Microseconds() {
		return err
	}
	policy, settings := s.settingsSums(b.tenant)
	b.addLine(SettingsLine(b.seq(), s.run.SealedAt, policy, settings))
	return nil
}

// settingsSums are the hashes of the policy and of a tenant's settings.
func (s *sealing) settingsSums(tenant string) (policy, settings string) {
	var text []byte
	if s.Settings != nil {
		text = s.Settings(tenant)
	}
	return hexSum(s.Policy), hexSum(text)
}

// saidSettings is the last s1 leaf of a tenant's log, where that is of the policy and the settings
// of now; nil otherwise.
func (s *sealing) saidSettings(ctx context.Context, tenant string) (*Leaf, error) {
	if s.heads[tenant] == nil {
		return nil, nil
	}
	last, err := lastSettings(ctx, s.in, tenant, s.heads[tenant].Size)
	if err != nil || last == nil {
		return nil, err
	}
	if policy, settings := s.settingsSums(tenant); last.Fields[1] != policy ||
		last.Fields[2] != settings {
		return nil, nil
	}
	return last, nil
}

// lastSettings is the last s1 leaf of a tenant's log; nil where it has none.
func lastSettings(ctx context.Context, in store.Seals, tenant string, size int64) (*Leaf, error) {
	const back = 1 << 16 // enough leaves to look back; more than a day's of most tenants
	for _, from := range []int64{max(0, size-back), 0} {
		lines, err := in.Lines(ctx, tenant, from)
		if err != nil {
			return nil, err
		}
		for _, l := range slices.Backward(lines) {
			leaf, err := ParseLeaf([]byte(l.Line))
			if err != nil {
				return nil, fmt.Errorf("log of %q, leaf %d: %w", tenant, l.Seq, err)
			}
			if leaf.Kind == KindSettings {
				return leaf, nil
			}
		}
	}
	return nil, nil
}
