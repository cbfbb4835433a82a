package commands

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/internal/measure"
	"github.com/6dcca832/headroom/internal/sim/story"
	"github.com/6dcca832/headroom/pull"
	"github.com/6dcca832/headroom/pull/api"
	"github.com/6dcca832/headroom/store"
)

// pullLastNight pulls the night that the story leaves, as the command pull does: through the real
// transport into the folder calls, with a ledger in the database.
func (s *session) pullLastNight(ctx context.Context, tale *story.Story, dir string) error {
	return tale.LastNight(func(h story.Handover) (err error) {
		rec := store.NewRecorder(s.store)
		defer func() { err = errors.Join(err, rec.Close()) }()
		rt := ingest.NewTransport(h.Network, rec, ingest.WithPolicy(s.policy),
			ingest.WithHashKey(s.store.HashKey()), ingest.WithClient("headroom-pull"),
			ingest.WithClock(h.Clock.Now), ingest.WithSource(&store.Source{Kind: "transport", Name: "pull"}))
		client, err := api.New(h.Tenant, h.Token, api.WithPolicy(s.policy), api.WithTransport(rt),
			api.WithClock(h.Clock.Now, h.Clock.Sleep))
		if err != nil {
			return err
		}
		results, err := pull.Run(ctx, []pull.Tenant{{Name: h.Tenant, API: client}}, pull.Options{
			Policy: s.policy, Log: pullLog{s.store, s.policy},
			To:             pull.Folder(filepath.Join(dir, demoCalls)),
			SkipDownloaded: true, Now: h.Clock.Now, Sleep: h.Clock.Sleep,
		})
		if err != nil {
			return err
		}
		r := results[0]
		if !r.Complete() {
			return fmt.Errorf("pull %s: %d recordings are missing: %w", r.Tenant, len(r.Missing), r.Err)
		}
		s.tell("headroom: pulled the last night of %s: %s listed, %d of them new (%s), none missing",
			r.Tenant, measure.Count(int64(r.Listed), "recording"), r.Stored, measure.Bytes(r.Bytes))
		return nil
	})
}
