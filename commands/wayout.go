package commands

import (
	"cmp"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
)

// environmentProxy is the way out that the environment names: HTTP_PROXY, HTTPS_PROXY and NO_PROXY,
// and ALL_PROXY, which net/http does not know, for what the first two do not name. Each may be
// written in small letters.
func environmentProxy() func(*http.Request) (*url.URL, error) {
	c := httpproxy.FromEnvironment()
	all := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	c.HTTPProxy, c.HTTPSProxy = cmp.Or(c.HTTPProxy, all), cmp.Or(c.HTTPSProxy, all)
	through := c.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return through(r.URL) }
}
