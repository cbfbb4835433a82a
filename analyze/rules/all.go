package rules

import (
	"cmp"
	"reflect"
	"slices"
)

// All are the rules in the order in which findings of equal severity are told.
var All = []*Rule{
	&spacing,
	&rateLimited,
	&noBackoff,
	&egressCap,
	&overCap,
	&after509,
	&lostReport,
	&auth,
	&interleaved,
	&egressNear,
	&unexpectedStatus,
	&blindRetry,
	&hastyRetry,
	&persistentError,
	&duplicateDownload,
	&stalePull,
	&neverPulled,
	&listedNotDownloaded,
	&growing,
	&noAnswer,
	&cutShort,
	&outsideWindow,
	&clockStepped,
}

// Names are those of All.
func Names() []string {
	names := make([]string, len(All))
	for i, r := range All {
		names[i] = r.Name
	}
	return names
}

// Index is a rule's place in All, -1 for what is no rule.
func Index(name string) int {
	return slices.IndexFunc(All, func(r *Rule) bool { return r.Name == name })
}

// Of is the rule of that name, nil for what is no rule.
func Of(name string) *Rule {
	if i := Index(name); i >= 0 {
		return All[i]
	}
	return nil
}

// Words says in words what came to pass where a rule fired, for readers who know no rule by name;
// for a rule without such words it says what the rule counts.
func Words(name string) string {
	r := Of(name)
	if r == nil {
		return name
	}
	return cmp.Or(r.Title, r.Counts, name)
}

// HasState says whether a judge has a state to be saved.
func HasState(j Judge) bool {
	t := reflect.TypeOf(j).Elem()
	return slices.ContainsFunc(reflect.VisibleFields(t),
		func(f reflect.StructField) bool { return f.IsExported() })
}
