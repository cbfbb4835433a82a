//go:build !race

package outlook

const replayed = 100
