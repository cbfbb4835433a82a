// Package analyze judges what a client did against what the vendor's policy allows: how far apart
// requests started, what was answered and how the client reacted, and how many bytes went out in
// any rolling window.
//
// For most uses, Run does the whole audit of a store's snapshot:
//
//	report, err := analyze.Run(ctx, snap, analyze.Options{Policy: policy, AsOf: time.Now()})
//
// Package outlook forecasts the rolling egress of the same snapshot; Run asks it for the chance of
// reaching the cap. Package egress has what both share: the rolling sum, the cap, and what is known
// of a tenant.
//
// Requests from elsewhere go through an Auditor, one for each tenant: Add them in order of
// (StartedAt, ID), then ask for the Result.
//
// To follow it: run.go asks for each tenant's audit (run_tenant.go), auditor.go lets the rules hear
// each request, hits.go counts by night what they fire, view.go adds what only the end decides,
// incidents.go and findings.go tell it, and order.go says who comes first.
//
// # Guarantees
//
// Everything is exact: percentiles are by nearest rank over all gaps, the rolling maximum is over
// every request. The only approximation is the clock's resolution of a log in whole seconds, and
// what that cannot decide is counted as indeterminate. The same requests and the same AsOf give the
// same result, in one pass or continued from a saved state.
//
// Every finding names its rule, the section of the vendor's page behind it, the first and last
// time, and the ids of up to MaxIDs rows; Explain gives all rows and why each of them counts.
//
// # What it does not do
//
// It reads no clock, no file and no environment, and decides nothing that depends on a vendor:
// paths, numbers and statuses come from the policy (see limits.Policy). The numbers that are
// headroom's own are in package rules.
package analyze
