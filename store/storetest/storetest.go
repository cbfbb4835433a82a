// Package storetest holds what every store of requests must do, as tests: *store.Store passes them, and so must another
// store with the same methods.
//
// A store's own test calls Run with a function that makes an empty store:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) storetest.Store { … })
//	}
//
// What only one kind of store can get wrong, such as a damaged file, is for that store's own tests.
package storetest

import (
	"context"
	"iter"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// Store is what is tested. Its methods mean what those of *store.Store mean.
type Store interface {
	Append(ctx context.Context, requests []store.Request) error
	BeginImport(ctx context.Context) (Import, error)
	Recorder() Recorder
	AddEvent(ctx context.Context, e store.Event) error
	AddRecordings(ctx context.Context, recordings []store.Recording) (added int64, err error)
	Snapshot(ctx context.Context) (Snapshot, error)
	SaveStates(ctx context.Context, n Snapshot, key []byte, states []store.State) error
	Refresh(ctx context.Context) error
	DropCache(ctx context.Context) error
	HashKey() []byte
	// Again opens another handle on the same log, as another process would. The caller closes it.
	Again() (Store, error)
	Close() error
}

// Import is what BeginImport gives.
type Import interface {
	Add(ctx context.Context, batch []store.Request) error
	AddRecordings(ctx context.Context, recordings []store.Recording) error
	Added() int64
	Duplicates() int64
	Close(ctx context.Context) error
}

// Recorder is what writes in the background.
type Recorder interface {
	Record(q store.Request)
	RecordListed(recordings []store.Recording)
	Dropped() int64
	Close() error
}

// Snapshot is the log at one moment.
type Snapshot interface {
	Tenants() []store.TenantInfo
	Routes() []*store.Route
	Sources() []*store.Source
	Scan(ctx context.Context, tenant string, r store.Range) iter.Seq2[[]store.Request, error]
	Rows(ctx context.Context, tenant string, r store.Range) iter.Seq2[store.Request, error]
	ByID(ctx context.Context, ids []int64) ([]store.Request, error)
	Events(ctx context.Context) ([]store.Event, error)
	Recordings(ctx context.Context, tenant string, from, to int64) ([]store.Recording, error)
	Recorded(ctx context.Context, tenant string, from, to int64) (store.Recorded, error)
	States(ctx context.Context, key []byte) (map[string]store.State, error)
	History(ctx context.Context, tenant string) History
	Close() error
}

// History finds earlier requests for a recording.
type History interface {
	Find(item uint64, until int64) ([]store.Request, error)
}

// Run tests the stores that open makes, each of them empty and on storage of its own. Run closes them.
func Run(t *testing.T, open func(t *testing.T) Store) {
	tests := []struct {
		name string
		test func(t *testing.T, st Store)
	}{
		{"Empty", testEmpty},
		{"RoundTrip", testRoundTrip},
		{"Names", testNames},
		{"RefusesIncomplete", testRefusesIncomplete},
		{"SnapshotStays", testSnapshotStays},
		{"Ranges", testRanges},
		{"EqualTimes", testEqualTimes},
		{"ScanStops", testScanStops},
		{"DropCache", testDropCache},
		{"Random", testRandom},
		{"History", testHistory},
		{"Events", testEvents},
		{"Recordings", testRecordings},
		{"States", testStates},
		{"StatesOfOldSnapshot", testStatesOfOldSnapshot},
		{"ImportTwice", testImportTwice},
		{"ImportUnlike", testImportUnlike},
		{"ImportRandom", testImportRandom},
		{"ImportConcurrently", testImportConcurrently},
		{"ImportBesideRecorder", testImportBesideRecorder},
		{"ImportCancelled", testImportCancelled},
		{"Recorder", testRecorder},
		{"RecorderAfterClose", testRecorderAfterClose},
		{"AppendConcurrently", testAppendConcurrently},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := open(t)
			defer func() { must(t, st.Close()) }()
			tt.test(t, st)
		})
	}
}
