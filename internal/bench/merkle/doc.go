// Package merkle compares the trees of package evidence with github.com/transparency-dev/merkle, an
// implementation of RFC 6962 that shares no code with ours. It lies in this module so that the other
// never becomes a dependency of headroom.
package merkle
