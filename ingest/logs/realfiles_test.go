package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// realFile opens a recorded file that lies beside the repository, not in it.
func realFile(t *testing.T, name string) *os.File {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name)))
	if errors.Is(err, os.ErrNotExist) && os.Getenv("HEADROOM_CI") != "1" {
		t.Skip("the recorded files are not beside this repository")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestRealFilesThatAreRead(t *testing.T) {
	for _, c := range []struct {
		name, format            string
		taken, rejected, noSize int64
		bytes                   int64
		client                  string
	}{
		{"har/mitmproxy_charles.har.gz", FormatHAR, 1, 0, 0, 23866, "Charles Proxy"},
		{"har/mitmproxy_chrome.har.gz", FormatHAR, 3, 0, 0, -1, "WebInspector"},
		{"har/mitmproxy_firefox.har.gz", FormatHAR, 9, 5, 0, -1, "Firefox"},
		{"har/mitmproxy_insomnia.har.gz", FormatHAR, 1, 0, 0, 250, "Insomnia REST Client"},
		{"har/mitmproxy_safari.har.gz", FormatHAR, 3, 16, 0, -1, "WebKit Web Inspector"},
		{"har/optic_petstore.har.gz", FormatHAR, 9, 0, 0, -1, "WebInspector"},
		{"logs/elastic_apache_logs_10k.log.gz", FormatCombined, 10000, 0, 0, 2747282740, ""},
		{"logs/lnav_logfile_shop_access_log.0.gz", FormatCombined, 1000, 0, 0, -1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t)
			o.Tenant = "site"
			requests, rejects, result, err := importText(t, realFile(t, c.name), o)
			if err != nil {
				t.Fatal(err)
			}
			if result.Format != c.format || int64(len(requests)) != c.taken || result.Rejected != c.rejected || result.UnknownSize != c.noSize {
				t.Errorf("%+v, first rejects %v", result, rejects[:min(3, len(rejects))])
			}
			var bytes int64
			for _, r := range requests {
				bytes += r.ResponseBytes
				if c.client != "" && r.Client != c.client || r.Tenant != "site" {
					t.Errorf("client %q, tenant %q", r.Client, r.Tenant)
				}
			}
			if c.bytes >= 0 && bytes != c.bytes {
				t.Errorf("%d bytes, want %d", bytes, c.bytes)
			}
		})
	}
}

func TestRealFilesThatAreRefused(t *testing.T) {
	for name, says := range map[string]string{
		"logs/elastic_nginxplus_json.log.gz":   "NGINX Plus",
		"logs/lnav_logfile_cloudflare.1.gz":    "Cloudflare",
		"logs/lnav_logfile_cloudflare.json.gz": "Cloudflare",
		"logs/lnav_logfile_haproxy.0.gz":       "HAProxy",
		"logs/lnav_logfile_w3c.3.gz":           "W3C",
		"logs/lnav_logfile_w3c.4.gz":           "W3C",
		"logs/lnav_logfile_w3c_big.0.gz":       "IIS",
		"forecast/public.csv.gz":               "neither",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := importText(t, realFile(t, name), testOptions(t))
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v, want %q", err, says)
			}
		})
		for _, format := range []string{FormatJSONL, FormatCombined} {
			t.Run(name+" as "+format, func(t *testing.T) {
				o := testOptions(t)
				o.Format, o.Tenant = format, "site"
				requests, _, _, err := importText(t, realFile(t, name), o)
				if err != nil || len(requests) != 0 {
					t.Errorf("%d requests were misread, %v", len(requests), err)
				}
			})
		}
	}
}
