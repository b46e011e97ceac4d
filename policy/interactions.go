package policy

import (
	"maps"
	"slices"
	"strings"
)

// action says which scope letters an interaction needs, and whether it names a type.
type action struct {
	letters string // possible values of Input.Action
	typed   bool   // Input.Type must be given
	system  bool   // Input.Type must be empty
}

// interactions are those of FHIR (http://hl7.org/fhir/restful-interaction) and the
// operations of this server, whose letters the policy knows.
func interactions(name string) (action, bool) {
	a, ok := known[name]
	return a, ok
}

// Interactions are the names of all interactions, in order.
func Interactions() []string { return slices.Sorted(maps.Keys(known)) }

// known is every interaction. It never changes.
var known = named(map[action]string{
	{letters: "r", typed: true}:  "read vread history-instance meta validate",
	{letters: "c", typed: true}:  "create",
	{letters: "u", typed: true}:  "update patch",
	{letters: "d", typed: true}:  "delete",
	{letters: "s", typed: true}:  "search-type history-type everything",
	{letters: "s", system: true}: "search-system history-system",
	{letters: "rs", typed: true}: "verify expand validate-code lookup subsumes translate",
	{letters: "rs"}: "authorize token refresh revoke introspect launch register sign-in sign-out grant-read client-read" +
		" access-report proof audit-read audit-search ledger metrics operations policy-read break-glass break-glass-read explain simulate consent-problems",
	{letters: "u"}: "client-write policy-write policy-approve label-write break-glass-review",
	{letters: "d"}: "purge purge-approve",
	{letters: "c"}: "disclosure-record",
})

func named(actions map[action]string) map[string]action {
	all := map[string]action{}
	for a, names := range actions {
		for _, name := range strings.Fields(names) {
			all[name] = a
		}
	}
	return all
}
