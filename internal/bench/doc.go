// Package bench compares ingest.Transport with otelhttp, in a module of its own so that
// OpenTelemetry never becomes a dependency of headroom. Run it in this folder:
//
//	go test -bench .
//
// Ratios between figures of one run hold; figures of different runs or machines do not compare.
package bench
