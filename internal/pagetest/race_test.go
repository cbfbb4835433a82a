//go:build race

package pagetest

// raced says that the program runs under the race detector, many times slower; tests that repeat
// themselves or make large pages then do less.
const raced = true
