package logs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/6dcca832/headroom/store"
)

// squidLog was written by Squid 5.7; scheme and ports are those of ssl-bump, which it has a line
// of NONE_NONE/200 for.
const squidLog = `1793498405.617      0 10.0.0.7 NONE_NONE/200 0 CONNECT acme.xima.cloud:443 - HIER_NONE/- -
1793498405.617    292 10.0.0.7 TCP_MISS/200 25223 GET https://acme.xima.cloud` + mappedPath + ` - HIER_DIRECT/192.0.2.1 audio/wav
1793498408.087    254 10.0.0.7 TCP_MISS/200 25223 GET https://acme.xima.cloud` + mappedPath + `? anna HIER_DIRECT/192.0.2.1 -
1793498408.742      0 10.0.0.7 TCP_MEM_HIT/200 25257 GET https://acme.xima.cloud/cache - HIER_NONE/- -
1793498410.867   1993 10.0.0.7 TCP_MISS_ABORTED/200 100225 GET https://acme.xima.cloud` + mappedPath + ` - HIER_DIRECT/192.0.2.1 -
1793498411.327    259 10.0.0.7 TCP_TUNNEL/200 25154 CONNECT acme.xima.cloud:443 - HIER_DIRECT/192.0.2.1 -
1793498411.548      0 10.0.0.7 TCP_DENIED/403 3409 CONNECT acme.xima.cloud:9999 - HIER_NONE/- text/html
1793498416.663      0 10.0.0.7 NONE_NONE/400 3376 GARBAGE error:invalid-request - HIER_NONE/- text/html
1793498417.000  30000 10.0.0.7 TCP_MISS_TIMEDOUT/000 0 GET https://acme.xima.cloud` + mappedPath + ` - HIER_DIRECT/192.0.2.1 -
`

// TestSquid: the start is the end less what it took; a tunnel is a tunnel, and of one that Squid
// opened only the requests in it count; what Squid answered by itself was never sent.
func TestSquid(t *testing.T) {
	o := acmeOptions(t)
	o.Mapping = builtinMappings["squid"]
	requests, rejects, _ := mustImport(t, squidLog, o)
	var got []string
	for _, r := range requests {
		got = append(got, fmt.Sprintf("%s %s %s %d %d %d %v %s", r.Start().Format("05.000"), r.Route.Method,
			r.Route.Class, r.Duration, r.Status, r.ResponseBytes, r.CutShort, r.Error))
		if r.Client != "10.0.0.7" || r.Tenant != "acme" || r.Source.Resolution != 0 || r.Source.TimeIs != store.TimeIsStart ||
			r.Source.Kind != "squid" || strings.Contains(r.URL(), "anna") {
			t.Errorf("%+v of %+v", r, r.Source)
		}
	}
	want := []string{
		"05.325 GET recording_audio 292000 200 25223 false ",
		"07.833 GET recording_audio 254000 200 25223 false ",
		"08.874 GET recording_audio 1993000 200 100225 true cancelled",
		"11.068 CONNECT opaque 259000 200 25154 false ",
		"47.000 GET recording_audio 30000000 0 0 false timeout",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i, line := range []int64{4, 7, 8} {
		if len(rejects) != 3 || rejects[i].Line != line || !strings.Contains(rejects[i].Reason, "never sent") {
			t.Fatalf("rejects: %v", rejects)
		}
	}
}
