//go:build race

package outlook

// Under the race detector, which takes ten times as long and has nothing to find in one goroutine, a
// fifth of the histories is replayed. .ci/run replays all of them without it.
const replayed = 20
