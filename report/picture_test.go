package report

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/6dcca832/headroom/analyze/outlook"
	"github.com/6dcca832/headroom/report/reporttest"
)

func TestPictureAsJSONHoldsAuditAndForecast(t *testing.T) {
	var b bytes.Buffer
	p := &Picture{Audit: reporttest.Sample(), Forecast: &outlook.Report{AsOf: reporttest.Sample().AsOf, Horizon: 14, Tenants: []outlook.Projection{{Tenant: "acme", Chance: -1}}}}
	if err := WritePicture(&b, p, Options{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schema          string
		Audit, Forecast struct{ Schema string }
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "headroom.report/v2" || doc.Audit.Schema != "headroom.audit/v2" || doc.Forecast.Schema != "headroom.forecast/v1" {
		t.Errorf("schemas %+v", doc)
	}
	if err := WritePicture(&b, p, Options{Format: "table"}); err == nil {
		t.Error("a table was written")
	}
}
