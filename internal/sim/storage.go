package sim

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// StorageHost is the host that Config.Storage redirects to: an object store that knows nothing of
// the vendor's tokens, and refuses a request that brings one.
const StorageHost = "storage.objects.example"

// signature is what a signed URL of the store must hold; it is one of the Canaries.
const signature = "Canary-signature"

// storageURL is where the store keeps a tenant's recording.
func storageURL(tenant, key string) string {
	u := url.URL{Scheme: "https", Host: StorageHost, Path: path.Join("/", tenant, key+".wav")}
	u.RawQuery = url.Values{"X-Signature": {signature}}.Encode()
	return u.String()
}

// serveStorage answers for the store.
func (v *Vendor) serveStorage(w http.ResponseWriter, r *http.Request) {
	name, key, _ := strings.Cut(strings.Trim(r.URL.Path, "/"), "/")
	t := v.tenants[name]
	switch {
	case r.Header.Get("Authorization") != "":
		http.Error(w, "only one way to sign a request is allowed", http.StatusBadRequest)
	case r.URL.Query().Get("X-Signature") != signature:
		http.Error(w, "the signature is wrong", http.StatusForbidden)
	case t == nil:
		http.Error(w, "there is no such object", http.StatusNotFound)
	default:
		t.serveObject(w, r, strings.TrimSuffix(key, ".wav"))
	}
}

// serveObject sends a recording. The vendor counts its bytes as the tenant's egress.
func (t *tenant) serveObject(w http.ResponseWriter, r *http.Request, key string) {
	t.mu.Lock()
	rec := t.calls.find(key)
	now := t.cfg.Now()
	t.mu.Unlock()
	if rec == nil {
		http.Error(w, "there is no such object", http.StatusNotFound)
		return
	}
	a := audioFrom(rec.Size, rangeStart(r.Header.Get("Range")))
	a.at(now)
	a.send(w, func(n int64) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.meter.spend(now, n)
	})
}
