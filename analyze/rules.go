package analyze

import (
	"time"

	"github.com/6dcca832/headroom/limits"
)

// Severity is how much a finding weighs.
type Severity string

// The severities. A violation breaks a rule of the vendor's or lost something, a warning asks for a change, a notice is
// good to know.
const (
	Violation Severity = "violation"
	Warning   Severity = "warning"
	Notice    Severity = "notice"
)

// AtLeast says whether s weighs as much as t or more.
func (s Severity) AtLeast(t Severity) bool { return s.weight() >= t.weight() }

func (s Severity) weight() int {
	switch s {
	case Violation:
		return 3
	case Warning:
		return 2
	case Notice:
		return 1
	}
	return 0
}

// The rules, as they are named in every output.
const (
	RuleSpacing           = "spacing"
	RuleInterleaved       = "interleaved"
	RuleRateLimited       = "rate-limited"
	RuleNoBackoff         = "no-backoff"
	RuleEgressCap         = "egress-cap"
	RuleOverCap           = "over-cap"
	RuleAfter509          = "after-509"
	RuleEgressNear        = "egress-near"
	RuleUnexpectedStatus  = "unexpected-status"
	RuleNoAnswer          = "no-answer"
	RuleLostReport        = "lost-report"
	RuleAuth              = "auth"
	RuleBlindRetry        = "blind-retry"
	RuleHastyRetry        = "hasty-retry"
	RulePersistentError   = "persistent-error"
	RuleDuplicateDownload = "duplicate-download"
	RuleCutShort          = "cut-short"
	RuleOutsideWindow     = "outside-window"
	RuleStalePull         = "stale-pull"
)

// The audit's own numbers. The vendor's are in the policy.
const (
	afterCapWait     = 15 * time.Minute // after-509: how soon after a refusal for egress a request is pointless
	reportWait       = 24 * time.Hour   // lost-report: how long a deferred report may wait to be fetched
	blindRetryWindow = 10 * time.Minute // blind-retry
	hastyRetryDelay  = time.Second      // hasty-retry
	persistentErrors = 3                // persistent-error: answers of one kind that make it persistent
	authBurst        = 5                // auth: consecutive refusals that make it a violation
	nearCap          = 0.8              // egress-near: share of the cap
	nearCapChance    = 0.1              // egress-near: forecast chance of reaching the cap
	plainInterval    = time.Second      // no-backoff: first wait of classes that have no minimum interval
)

// MaxIDs is how many row ids a finding names.
const MaxIDs = 20

// rule is what is fixed about a rule.
type rule struct {
	name     string
	severity Severity
	advice   string
	// section gives the heading of the vendor's page behind the rule.
	section func(*limits.Policy) string
}

func frequencySection(p *limits.Policy) string { return p.Frequency.Section }
func egressSection(p *limits.Policy) string    { return p.Egress.Section }

// statusSection names the section of the table row that has one of the roles.
func statusSection(roles ...limits.Role) func(*limits.Policy) string {
	return func(p *limits.Policy) string {
		for _, s := range p.Statuses {
			for _, r := range roles {
				if s.Role == r && s.Section != "" {
					return s.Section
				}
			}
		}
		return anyStatusSection(p)
	}
}

func anyStatusSection(p *limits.Policy) string {
	for _, s := range p.Statuses {
		if s.Section != "" {
			return s.Section
		}
	}
	return ""
}

// rules are in the order in which findings of equal severity are told.
var rules = []rule{
	{RuleSpacing, Violation, "Start recording downloads one after the other, with the minimum interval between two starts; one program per tenant.", frequencySection},
	{RuleRateLimited, Violation, "Slow down: keep the minimum interval between starts, and after a refusal wait before asking again.", frequencySection},
	{RuleNoBackoff, Violation, "After a refusal wait as long as Retry-After says, else double the wait with each refusal up to a minute.", statusSection(limits.RoleRateLimited)},
	{RuleEgressCap, Violation, "Stop pulling recordings of this tenant and contact the vendor's support: ask for a review of the usage, and for a reset if a bug caused it.", egressSection},
	{RuleOverCap, Violation, "Pull less until enough bytes have left the rolling window, or ask support whether the cap still fits the number of licensed agents.", egressSection},
	{RuleAfter509, Violation, "Stop at the first refusal for egress: further requests cannot succeed before bytes leave the window or support resets it.", egressSection},
	{RuleLostReport, Violation, "Send the same request with the same parameters again some minutes later: the vendor has kept the finished report.", statusSection(limits.RoleDeferred)},
	{RuleAuth, Warning, "Check that the token is current (refreshing one invalidates the old at once) and that its Service User has the role; stop after the first refusal.", statusSection(limits.RoleAuth)},
	{RuleInterleaved, Warning, "Two programs pull the same tenant and break the interval together: let one of them pull, or pace both through one place.", frequencySection},
	{RuleEgressNear, Warning, "Plan the next nights: postpone backfills, stop repeated downloads, and tell support before a large export.", egressSection},
	{RuleUnexpectedStatus, Warning, "The vendor's table does not list this answer for this method: look at the rows, and report it to support if it persists.", anyStatusSection},
	{RuleBlindRetry, Warning, "The same request cannot succeed: correct its parameters, or drop it, before asking again.", statusSection(limits.RoleBadRequest)},
	{RuleHastyRetry, Warning, "Wait a moment, and longer each time, before repeating a request that failed at the server.", statusSection(limits.RoleUnavailable, limits.RoleServerError)},
	{RulePersistentError, Warning, "Report these requests to the vendor's support: repeating them does not help.", statusSection(limits.RoleServerError)},
	{RuleDuplicateDownload, Warning, "Remember which recordings are complete and do not download them again: repeated bytes count against the egress cap.", egressSection},
	{RuleStalePull, Warning, "Pull at least as often as the vendor recommends, so that no night carries the load of many.", frequencySection},
	{RuleNoAnswer, Notice, "Look at the network between the client and the vendor; a request without an answer may still have been carried out.", func(*limits.Policy) string { return "" }},
	{RuleCutShort, Notice, "Raise the client's time-out or resume downloads: bytes of an aborted download count against the egress cap as well.", egressSection},
	{RuleOutsideWindow, Notice, "Schedule recording pulls for the night, as the vendor recommends.", frequencySection},
}

// Rules are the names of all rules.
func Rules() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}
