package evidence

import (
	"testing"

	"github.com/6dcca832/headroom/store"
)

// BenchmarkAddRequest is what a seal costs a request, but for reading it.
func BenchmarkAddRequest(b *testing.B) {
	r := store.Request{
		Tenant: "acme.example", StartedAt: 1_764_000_000_000_000, Status: 200, ResponseBytes: 1_234_567,
		Duration: 250_000, FirstByte: 90_000, Key: "0b5f6d2c-7d35-4d55-9d7e-1c2f3a4b5c6d",
		Client: "nightly-pull", VendorID: "req-7f3a91c2",
		Route: &store.Route{
			Method: "GET", Origin: "https://acme.example", Template: "/rest/api/v2/recordings/{+id}/audio",
		},
		Source: &store.Source{Kind: "proxy", Name: "proxy"},
	}
	l := newLogBuilder(r.Tenant, store.SealLog{}, &Key{})
	b.ReportAllocs()
	for b.Loop() {
		l.addRequest(&r)
		l.hints = l.hints[:0]
	}
}
