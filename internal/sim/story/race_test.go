//go:build race

package story

// raced says that the program runs under the race detector, many times slower; then one story is
// told, and not nine. .ci/run also runs the tests without it.
const raced = true
