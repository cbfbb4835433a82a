//go:build !race

package analyze_test

// longAudit is more than a packed chunk holds.
const longAudit = 5500
