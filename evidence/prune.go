package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/6dcca832/headroom/analyze"
	"github.com/6dcca832/headroom/store"
)

// tileLevel is the level of the subtrees of which only the hash is kept when all their rows go: 256
// leaves.
const tileLevel = 8

// PruneOptions say what to remove.
type PruneOptions struct {
	SealOptions
	// Before is the time, in microseconds since 1970 UTC, before which all rows go.
	Before int64
	// Night gives the beginning of the night of a tenant that a time is in. By default nights begin at
	// noon UTC.
	Night func(tenant string, at time.Time) time.Time
}

// Pruned is what a prune removed, each row once.
type Pruned struct {
	Requests, Other, Bytes int64
	Line                   string // of the seal that tells of it
}

// Prune seals what is not sealed yet, checks that the rows are the ones that were sealed, and
// removes those before a time. Of each leaf whose row goes its hash stays, or one hash of 256
// leaves that all go, so that the seals before still hold; a p1 leaf tells how many went, and n1
// leaves sum up each night, for PrunedNights.
func Prune(ctx context.Context, log store.Sealable, o PruneOptions) (done Pruned, err error) {
	if o.Night == nil {
		o.Night = func(_ string, at time.Time) time.Time {
			return at.UTC().Add(-12 * time.Hour).Truncate(24 * time.Hour).Add(12 * time.Hour)
		}
	}
	for tries := 0; ; tries++ {
		if _, err := Seal(ctx, log, o.SealOptions); err != nil {
			return done, err
		}
		done, err = pruneOnce(ctx, log, &o)
		if errors.Is(err, store.ErrSealedMeanwhile) && tries < maxSealTries {
			continue
		}
		if err != nil {
			return done, fmt.Errorf("prune: %w", err)
		}
		return done, nil
	}
}

func pruneOnce(ctx context.Context, log store.Sealable, o *PruneOptions) (done Pruned, err error) {
	in, err := log.Seals(ctx)
	if err != nil {
		return done, err
	}
	p, err := planPrune(ctx, in, o)
	var plan *store.Pruning
	if err == nil && p.done.Requests+p.done.Other > 0 {
		plan, err = p.finish(ctx)
	}
	if err := errors.Join(err, in.Close()); err != nil {
		return done, err
	}
	return p.done, log.Prune(ctx, plan)
}

// pruner finds the leaves whose rows go, tenant by tenant.
type pruner struct {
	*PruneOptions
	in   store.Seals
	keep map[string][]store.PrunedHash
	went map[string]Pruned // by tenant
	done Pruned
	told map[int64]bool // rows of several logs that are in done

	nights map[string]map[int64]*analyze.PrunedNight // by tenant and beginning
}

func planPrune(ctx context.Context, in store.Seals, o *PruneOptions) (*pruner, error) {
	p := &pruner{
		PruneOptions: o,
		in:           in,
		keep:         map[string][]store.PrunedHash{},
		went:         map[string]Pruned{},
		told:         map[int64]bool{},
		nights:       map[string]map[int64]*analyze.PrunedNight{},
	}
	last, err := in.Run(ctx, 0)
	if err != nil {
		return nil, err
	}
	heads, err := in.NewestHeads(ctx, last.N)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		if err := p.tenant(ctx, heads[i].Tenant); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// tenant walks through a tenant's log and notes the hashes of the leaves whose rows go.
func (p *pruner) tenant(ctx context.Context, tenant string) error {
	heads, err := p.in.TenantHeads(ctx, tenant)
	if err != nil {
		return err
	}
	if !publicKey(&heads[0].Log).Equal(p.Key.Public()) {
		return fmt.Errorf("tenant %q: %w; name its key with --key", tenant, ErrOtherKey)
	}
	b := newLogBuilder(tenant, heads[0].Log, p.Key)
	if b.pruned, err = p.in.Pruned(ctx, tenant); err != nil {
		return err
	}
	gone := map[int64]tlog.Hash{}
	tiles := slices.DeleteFunc(slices.Clone(b.pruned),
		func(h store.PrunedHash) bool { return h.Level == 0 })
	for _, h := range b.pruned {
		if h.Level == 0 {
			gone[h.N] = h.Hash
		}
	}
	var went Pruned
	nights := map[int64]*analyze.PrunedNight{}
	b.removed = func(at, shared int64, r *store.Request) {
		switch {
		case at >= p.Before:
			return
		case r == nil:
			went.Other++
			if shared == 0 || !p.told[shared] {
				p.done.Other++
			}
			p.told[shared] = true
		default:
			went.Requests++
			went.Bytes += r.ResponseBytes
			p.addNight(nights, tenant, r)
		}
		gone[b.seq()] = HashLeaf(b.line)
	}
	c := &collector{in: p.in, key: p.Key, p: Period{Tenant: tenant}, heads: heads, out: &Contents{}}
	for i := range heads {
		if err := c.run(ctx, b, &heads[i]); err != nil {
			return err
		}
	}
	head, err := OpenCheckpoint(heads[len(heads)-1].Checkpoint, p.Key.Public())
	if err != nil || head != b.checkpoint() {
		return fmt.Errorf(
			"tenant %q: the rows are not the ones that were sealed, and nothing was removed; \"headroom verify\" names the first that is not",
			tenant)
	}
	if went.Requests+went.Other == 0 {
		return nil
	}
	p.keep[tenant], p.went[tenant], p.nights[tenant] = keptHashes(gone, tiles), went, nights
	p.done.Requests += went.Requests
	p.done.Bytes += went.Bytes
	return nil
}

// addNight adds a request to what stays of its night.
func (p *pruner) addNight(nights map[int64]*analyze.PrunedNight, tenant string, r *store.Request) {
	begin := p.Night(tenant, time.UnixMicro(r.StartedAt))
	n := nights[begin.UnixMicro()]
	if n == nil {
		n = &analyze.PrunedNight{Tenant: tenant, Night: begin}
		nights[begin.UnixMicro()] = n
	}
	n.Requests++
	n.Bytes += r.ResponseBytes
	if refused(int64(r.Status)) {
		n.Refused++
	}
}

// PrunedNights gives what is still known of nights of the tenants (nil: all) whose requests were
// removed, by tenant and night.
func PrunedNights(
	ctx context.Context, in store.Seals, tenants []string,
) (nights []analyze.PrunedNight, err error) {
	if tenants == nil {
		tenants = in.Tenants()
	}
	for _, tenant := range tenants {
		lines, err := in.Lines(ctx, tenant, 0)
		if err != nil {
			return nil, err
		}
		sums := map[int64]analyze.PrunedNight{}
		for _, l := range lines {
			if !strings.HasPrefix(l.Line, string(KindNight)+"\t") {
				continue
			}
			n, err := parseNight(l.Line)
			if err != nil {
				return nil, fmt.Errorf("log of %q, leaf %d: %w", tenant, l.Seq, err)
			}
			at := n.Night.UnixMicro()
			sum := sums[at]
			sums[at] = analyze.PrunedNight{
				Tenant: tenant, Night: n.Night, Requests: sum.Requests + n.Requests,
				Refused: sum.Refused + n.Refused, Bytes: sum.Bytes + n.Bytes,
			}
		}
		for _, at := range slices.Sorted(maps.Keys(sums)) {
			nights = append(nights, sums[at])
		}
	}
	return nights, nil
}

// FillPruned completes what a report says of removed requests: the nights of its range that are
// still known, each in its tenant's zone (nil: UTC), and, where the report is of these tenants
// alone, how many requests of theirs were removed; tenants is nil where it is of all.
func FillPruned(
	ctx context.Context, log store.Sealable, r *analyze.Report, tenants []string,
	zone func(tenant string) *time.Location,
) error {
	if r.Pruned.Before.IsZero() {
		return nil
	}
	in, err := log.Seals(ctx)
	if err != nil {
		return err
	}
	of := tenants
	if of == nil {
		for i := range r.Tenants {
			of = append(of, r.Tenants[i].Tenant)
		}
	}
	nights, err := PrunedNights(ctx, in, of)
	if err := errors.Join(err, in.Close()); err != nil {
		return err
	}
	if tenants != nil {
		r.Pruned.Requests, r.Pruned.Bytes = 0, 0
		for i := range nights {
			r.Pruned.Requests += nights[i].Requests
			r.Pruned.Bytes += nights[i].Bytes
		}
		if r.Pruned.Requests == 0 {
			r.Pruned = analyze.Pruned{}
		}
	}
	for _, n := range nights {
		if zone := zone(n.Tenant); zone != nil {
			n.Night = n.Night.In(zone)
		}
		const day = 24 * time.Hour
		if n.Night.Add(day).After(r.Since) && (r.Until.IsZero() || n.Night.Before(r.Until)) {
			r.Pruned.Nights = append(r.Pruned.Nights, n)
		}
	}
	return nil
}

// parseNight reads an n1 leaf.
func parseNight(line string) (n analyze.PrunedNight, err error) {
	leaf, err := ParseLeaf([]byte(line))
	if err != nil {
		return n, err
	}
	var at int64
	for i, to := range []*int64{&at, &n.Requests, &n.Refused, &n.Bytes} {
		if *to, err = strconv.ParseInt(leaf.Fields[i+1], 10, 64); err != nil {
			return n, errors.New("has a field that is no number")
		}
	}
	n.Night = time.UnixMicro(at).UTC()
	return n, nil
}

// keptHashes replaces the leaf hashes of each whole tile by the tile's.
func keptHashes(gone map[int64]tlog.Hash, tiles []store.PrunedHash) []store.PrunedHash {
	count := map[int64]int{}
	for seq := range gone {
		count[seq>>tileLevel]++
	}
	for tile, n := range count {
		if n < 1<<tileLevel {
			continue
		}
		var peaks Peaks
		for seq := tile << tileLevel; seq < (tile+1)<<tileLevel; seq++ {
			peaks.Add(gone[seq])
			delete(gone, seq)
		}
		tiles = append(tiles, store.PrunedHash{Level: tileLevel, N: tile, Hash: peaks.Root()})
	}
	for _, seq := range slices.Sorted(maps.Keys(gone)) {
		tiles = append(tiles, store.PrunedHash{Level: 0, N: seq, Hash: gone[seq]})
	}
	return tiles
}

// finish makes the seal that tells of the prune, in the log of each tenant that lost rows.
func (p *pruner) finish(ctx context.Context) (*store.Pruning, error) {
	s, err := newSealing(ctx, p.in, &p.SealOptions)
	if err != nil {
		return nil, err
	}
	s.run.Upto = s.last.Upto
	var heads []store.SealHead
	for _, tenant := range slices.Sorted(maps.Keys(p.went)) {
		b, err := s.log(tenant)
		if err != nil {
			return nil, err
		}
		went := p.went[tenant]
		b.addLine(PruneLine(b.seq(), s.run.SealedAt, p.Before, went.Requests+went.Other, went.Bytes))
		for _, at := range slices.Sorted(maps.Keys(p.nights[tenant])) {
			n := p.nights[tenant][at]
			b.addLine(NightLine(b.seq(), s.run.SealedAt, at, n.Requests, n.Refused, n.Bytes))
		}
		b.addLine(SealLeaf(b.seq(), s.run.SealedAt))
		h, err := b.head(p.Key, s.run.N)
		if err != nil {
			return nil, err
		}
		heads = append(heads, h)
	}
	text := s.text(heads)
	s.run.TextSum = sha256.Sum256(text)
	p.done.Line = SealLine(text)
	return &store.Pruning{
		After:  s.last.N,
		Before: p.Before,
		Upto:   s.last.Upto,
		Keep:   p.keep,
		Run:    &s.run,
		Heads:  heads,
	}, nil
}
