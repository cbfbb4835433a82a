// Package pagetest opens the report page in a real browser: without network, as a reader would, and
// compares what it shows with what the audit says. Its tests need chromium, and npm for the
// accessibility checker; without them they are skipped with the reason, except in CI
// (HEADROOM_CI=1), where that is a failure.
package pagetest
