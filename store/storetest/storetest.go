// Package storetest holds what every request log must do, as tests of store.Log.
//
// A store's own test calls Run with a function that makes empty storage and says how it is opened:
//
//	func TestConformance(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) func() (store.Log, error) { … })
//	}
//
// What only one kind of store can get wrong, such as a damaged file, is for that store's own tests.
package storetest

import (
	"testing"

	"github.com/6dcca832/headroom/store"
)

// handle is an open log that can be opened again, as another process would.
type handle struct {
	store.Log
	open func() (store.Log, error)
}

// again opens another handle on the same log. The caller closes it.
func (h handle) again() (handle, error) {
	log, err := h.open()
	return handle{log, h.open}, err
}

func (h handle) recorder() *store.Recorder { return store.NewRecorder(h.Log) }

// Run tests a kind of log. storage makes storage of its own for each test, empty, and gives the
// function that opens a log on it; Run closes the logs.
func Run(t *testing.T, storage func(t *testing.T) (open func() (store.Log, error))) {
	tests := []struct {
		name string
		test func(t *testing.T, st handle)
	}{
		{"Empty", testEmpty},
		{"RoundTrip", testRoundTrip},
		{"Names", testNames},
		{"RefusesIncomplete", testRefusesIncomplete},
		{"SnapshotStays", testSnapshotStays},
		{"SnapshotOfRows", testSnapshotOfRows},
		{"Ranges", testRanges},
		{"EqualTimes", testEqualTimes},
		{"ScanStops", testScanStops},
		{"DropCache", testDropCache},
		{"Random", testRandom},
		{"History", testHistory},
		{"Events", testEvents},
		{"Captures", testCaptures},
		{"Span", testSpan},
		{"Recordings", testRecordings},
		{"Ledger", testLedger},
		{"States", testStates},
		{"StatesOfOldSnapshot", testStatesOfOldSnapshot},
		{"ImportTwice", testImportTwice},
		{"ImportUnlike", testImportUnlike},
		{"ImportRandom", testImportRandom},
		{"ImportConcurrently", testImportConcurrently},
		{"ImportBesideRecorder", testImportBesideRecorder},
		{"ImportCancelled", testImportCancelled},
		{"RowsForSeals", testRowsForSeals},
		{"Seals", testSeals},
		{"Prune", testPrune},
		{"Recorder", testRecorder},
		{"RecorderAfterClose", testRecorderAfterClose},
		{"AppendConcurrently", testAppendConcurrently},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			open := storage(t)
			log, err := open()
			must(t, err)
			st := handle{log, open}
			defer func() { must(t, st.Close()) }()
			tt.test(t, st)
		})
	}
}
