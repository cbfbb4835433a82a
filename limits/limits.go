// Package limits holds what a vendor allows the users of its API, as data: which requests there
// are, what each answer means and asks of the client, how often requests may start, how many bytes
// may be downloaded, and which parts of a URL are safe to write down.
//
// For most uses, Builtin gives the policy that headroom comes with and Parse reads another;
// Policy.Match then says of each URL which tenant and class it belongs to and what may be kept of
// it, Policy.Status what an answer means, and Policy.Frequency and Policy.Egress what the rules
// are.
//
// # Guarantees
//
// A value of a URL is kept only where three things hold: the policy names its place (a "{+name}"
// segment or a listed query name), it matches the pattern the policy gives for that name, and it
// matches none of the policy's Never patterns. All else, userinfo and fragment included, is left
// out of a Match, and Match.Lossless says so. Errors do not repeat the URL.
//
// The template, key and query of a Match make a URL which Match reads to the same Match again: a
// record can be exported and imported as often as one likes.
//
// A policy file is read strictly: an unknown key, a reference to a class that no route has, a
// pattern that does not compile, a row that is there twice is an error with line and reason.
//
// # What it does not do
//
// It knows no vendor: paths, numbers and words are in the policy files. It holds no state, counts
// nothing and decides nothing; what was done under the rules is judged by package analyze. It keeps
// host names as they are, because the tenant is one.
package limits

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.toml
var builtin embed.FS

// BuiltinText returns the file of a policy that headroom comes with, comments included, for a user
// to copy and correct.
func BuiltinText(name string) ([]byte, error) {
	data, err := builtin.ReadFile(name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("find policy %q: headroom comes with %s only", name,
			strings.Join(BuiltinNames(), ", "))
	}
	return data, nil
}

// BuiltinNames are the policies that headroom comes with.
func BuiltinNames() (names []string) {
	files, _ := fs.Glob(builtin, "*.toml") // the pattern is right
	for _, file := range files {
		names = append(names, strings.TrimSuffix(file, ".toml"))
	}
	return names
}
