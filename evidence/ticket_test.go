package evidence

import (
	"strings"
	"testing"

	"github.com/6dcca832/headroom/analyze"
)

// TestTicketExplainsItsWords: whoever reads the ticket knows no rule by name, and looks for no id
// in an empty column.
func TestTicketExplainsItsWords(t *testing.T) {
	rows := []DisclosedLeaf{{Leaf: &Leaf{Kind: KindRequest, Request: &Request{StartedAt: 1, Status: 509}}}}
	for _, id := range []string{"", "7d1f"} {
		rows[0].Request.VendorID = id
		tk := &ticket{
			c: &Content{Leaves: rows}, r: &analyze.Result{},
			incident: &analyze.Incident{
				Cause: "duplicate-download", Rules: []string{"duplicate-download", "egress-cap"}, Last: 2,
				Counts: []int64{2010, 1437},
			},
		}
		tk.happened()
		tk.requests()
		text := tk.b.String()
		if !strings.Contains(text, "\n- Effect: The rolling egress cap was reached (egress-cap: 1,437 times; 509 answers).\n") {
			t.Errorf("the effect is not explained:\n%s", text)
		}
		if strings.Contains(text, "your request id") != (id != "") {
			t.Errorf("id %q:\n%s", id, text)
		}
	}
}
