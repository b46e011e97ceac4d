package access

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// maxFilters bounds the look-ups of one search in one log.
const maxFilters = 16

// everything stands for a condition that no column narrows.
func everything() []ledgerbridge.Filter { return []ledgerbridge.Filter{{}} }

// narrow returns alternatives that cover every record whose AuditEvent meets the
// condition. They may cover more: auditWalk evaluates the AuditEvent itself.
func narrow(c search.Condition, s *ledgerbridge.Sealer) []ledgerbridge.Filter {
	switch c := c.(type) {
	case search.All:
		all := everything()
		for _, member := range c {
			all = both(all, narrow(member, s))
		}
		return all
	case search.Any:
		var all []ledgerbridge.Filter
		for _, member := range c {
			all = append(all, narrow(member, s)...)
		}
		return anyOf(all)
	case search.HasKey:
		return narrowKey(c.Key, s)
	case search.InDates:
		return []ledgerbridge.Filter{narrowDates(c)}
	}
	return everything()
}

// anyOf is alternatives, unless one of them covers everything.
func anyOf(all []ledgerbridge.Filter) []ledgerbridge.Filter {
	if slices.Contains(all, ledgerbridge.Filter{}) {
		return everything()
	}
	return all
}

// both combines two conditions that must hold together. If they name the same column, or
// make too many alternatives, the first one alone narrows.
func both(a, b []ledgerbridge.Filter) []ledgerbridge.Filter {
	if len(a)*len(b) > maxFilters {
		return a
	}
	var all []ledgerbridge.Filter
	for _, x := range a {
		for _, y := range b {
			if z := and(x, y); !slices.Contains(all, z) {
				all = append(all, z)
			}
		}
	}
	return all
}

func and(f, o ledgerbridge.Filter) ledgerbridge.Filter {
	f.Patient, f.Target = cmp.Or(f.Patient, o.Patient), cmp.Or(f.Target, o.Target)
	f.Agent, f.Action = cmp.Or(f.Agent, o.Agent), cmp.Or(f.Action, o.Action)
	if f.OutcomeFrom == 0 && f.OutcomeTo == 0 {
		f.OutcomeFrom, f.OutcomeTo = o.OutcomeFrom, o.OutcomeTo
	}
	if f.Since == 0 && f.Before == 0 {
		f.Since, f.Before = o.Since, o.Before
	}
	if o.From.After(f.From) {
		f.From = o.From
	}
	if f.To.IsZero() || !o.To.IsZero() && o.To.Before(f.To) {
		f.To = o.To
	}
	return f
}

// narrowKey finds the value of an AuditEvent in the columns of its record.
func narrowKey(key string, s *ledgerbridge.Sealer) []ledgerbridge.Filter {
	at := strings.IndexAny(key, "=>")
	if at < 0 {
		return everything()
	}
	value := key[at+1:]
	switch key[:at+1] {
	case "_id=":
		_, seq, ok := cutAuditID(value)
		if !ok {
			return nil
		}
		return []ledgerbridge.Filter{{Since: seq, Before: seq + 1}} // in every log: its name is no column
	case "action=":
		if len(value) == 1 {
			return []ledgerbridge.Filter{{Action: value}}
		}
	case "outcome=":
		if from, to, ok := fhir.AuditStatuses(value); ok {
			return []ledgerbridge.Filter{{OutcomeFrom: from, OutcomeTo: to}}
		}
	case "broad=":
		if value == "true" {
			return []ledgerbridge.Filter{{Patient: s.PatientPseudonym(ledgerbridge.Everyone)}}
		}
	case "agent>", "entity>", "patient>":
		if ref, err := fhir.ParseRef(value); err == nil {
			return narrowRef(key[:at], ref, s)
		}
	}
	return everything()
}

// narrowRef finds a reference by its pseudonym: of the agent, of a patient concerned, or
// of a target. The organisation of an agent and the Consents that decided have none.
func narrowRef(param string, ref fhir.Ref, s *ledgerbridge.Sealer) []ledgerbridge.Filter {
	agent := ledgerbridge.Filter{Agent: s.AgentPseudonym(ref.String())}
	target := ledgerbridge.Filter{Target: s.TargetPseudonym(ref.String())}
	switch {
	case param == "agent" && ref.Type != "Organization":
		return []ledgerbridge.Filter{agent}
	case param == "patient":
		return append(concerning(ref.String(), s), agent)
	case param == "entity" && ref.Type == "Patient":
		return concerning(ref.String(), s)
	case param == "entity" && ref.Type != "Consent":
		return []ledgerbridge.Filter{target}
	}
	return everything()
}

// concerning covers the records about a patient. If no such patient exists, the record
// has no part for the patient, only a target.
func concerning(patient string, s *ledgerbridge.Sealer) []ledgerbridge.Filter {
	return []ledgerbridge.Filter{
		{Patient: s.PatientPseudonym(patient)},
		{Target: s.TargetPseudonym(patient)},
	}
}

// narrowDates returns the times at which an instant meets the comparison.
func narrowDates(c search.InDates) (f ledgerbridge.Filter) {
	param := strings.TrimSuffix(c.Param, "*")
	if param != "date" && param != "_lastUpdated" {
		return f
	}
	first, after := time.UnixMilli(c.Lo), time.UnixMilli(c.Hi+1)
	switch c.Prefix {
	case search.Eq, search.Ap:
		f.From, f.To = first, after
	case search.Ge:
		f.From = first
	case search.Gt, search.Sa:
		f.From = after
	case search.Le:
		f.To = after
	case search.Lt, search.Eb:
		f.To = first
	}
	return f
}
