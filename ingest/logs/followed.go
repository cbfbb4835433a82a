package logs

import (
	"net/url"
	"strings"

	"github.com/6dcca832/headroom/ingest"
	"github.com/6dcca832/headroom/ingest/privacy"
	"github.com/6dcca832/headroom/limits"
	"github.com/6dcca832/headroom/store"
)

// unknownRecording stands in storage_of for a recording that is not known.
const unknownRecording = "-"

// follow makes a record the tenant's where a redirect of the vendor's led to it: the record says so
// by storage_of, or an earlier one of the same input led to its URL. See ingest.Followed.
func (a *assembler) follow(d *draft, m *limits.Match) {
	if m.Tenant != "" {
		return
	}
	if d.storageOf != "" {
		m.Class, m.Key = store.StorageClass, a.storedKey(d.storageOf)
		return
	}
	f, ok := a.followed[withoutFragment(d.url)]
	if !ok {
		return
	}
	m.Tenant = f.Tenant
	if f.Storage {
		m.Class, m.Key = store.StorageClass, f.Key
	}
}

// storedKey is the key of a recording as it may be stored.
func (a *assembler) storedKey(key string) string {
	switch {
	case key == unknownRecording:
		return ""
	case a.policy.MayKeep(a.policy.Listing.KeptAs, key), limits.IsDigest(key):
		return strings.Clone(key)
	}
	return a.keyDigest(key)
}

func (a *assembler) keyDigest(value string) string { return privacy.Key(value, a.key) }

// noteRedirect remembers where an answer leads.
func (a *assembler) noteRedirect(d *draft, method string) {
	if d.redirectURL == "" || d.status/100 != 3 {
		return
	}
	from, err := url.Parse(d.url)
	if err != nil {
		return
	}
	to, err := from.Parse(d.redirectURL)
	if err != nil {
		return
	}
	f, ok := ingest.FollowedFrom(a.policy, a.key, method, d.url, d.status, to.Host)
	if earlier, again := a.followed[withoutFragment(d.url)]; !ok && again {
		f, ok = earlier, true // the storage redirects once more
	}
	if !ok {
		return
	}
	if a.followed == nil || len(a.followed) >= internLimit {
		a.followed = map[string]ingest.Followed{}
	}
	a.followed[withoutFragment(to.String())] = f
}

func withoutFragment(url string) string {
	url, _, _ = strings.Cut(url, "#")
	return url
}
