//go:build race

package analyze_test

// longAudit is how many requests TestLongAuditEqualsBruteForce has. What brute force takes grows with
// the square, times ten under the race detector; .ci/run also runs the whole test without it.
const longAudit = 2200
