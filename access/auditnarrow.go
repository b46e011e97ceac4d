package access

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// candidates are records that a log can find by its columns.
type candidates struct {
	log string // as an AuditEvent's id names it, such as n1.accesses.0; "" is every log
	ledgerbridge.Filter
}

// maxCandidates bounds the look-ups of one search in one log.
const maxCandidates = 16

// everything stands for a condition that no column narrows.
func everything() []candidates { return []candidates{{}} }

// narrow returns alternatives that cover every record whose AuditEvent meets the
// condition. They may cover more: auditWalk evaluates the AuditEvent itself.
func narrow(c search.Condition, s *ledgerbridge.Sealer) []candidates {
	switch c := c.(type) {
	case search.All:
		all := everything()
		for _, member := range c {
			all = both(all, narrow(member, s))
		}
		return all
	case search.Any:
		var all []candidates
		for _, member := range c {
			all = append(all, narrow(member, s)...)
		}
		return anyOf(all)
	case search.HasKey:
		return narrowKey(c.Key, s)
	case search.InDates:
		return []candidates{{Filter: narrowDates(c)}}
	}
	return everything()
}

// anyOf is alternatives, unless one of them covers everything.
func anyOf(all []candidates) []candidates {
	if slices.Contains(all, candidates{}) {
		return everything()
	}
	return all
}

// both combines two conditions that must hold together. If they name the same column, or
// make too many alternatives, the first one alone narrows.
func both(a, b []candidates) []candidates {
	if len(a)*len(b) > maxCandidates {
		return a
	}
	var all []candidates
	for _, x := range a {
		for _, y := range b {
			if z := x.and(y); !slices.Contains(all, z) {
				all = append(all, z)
			}
		}
	}
	return all
}

func (c candidates) and(o candidates) candidates {
	for _, column := range []struct {
		to   *string
		from string
	}{{&c.log, o.log}, {&c.Patient, o.Patient}, {&c.Target, o.Target}, {&c.Agent, o.Agent}, {&c.Action, o.Action}} {
		if *column.to == "" {
			*column.to = column.from
		}
	}
	if c.OutcomeFrom == 0 && c.OutcomeTo == 0 {
		c.OutcomeFrom, c.OutcomeTo = o.OutcomeFrom, o.OutcomeTo
	}
	if c.Since == 0 && c.Before == 0 {
		c.Since, c.Before = o.Since, o.Before
	}
	if o.From.After(c.From) {
		c.From = o.From
	}
	if c.To.IsZero() || !o.To.IsZero() && o.To.Before(c.To) {
		c.To = o.To
	}
	return c
}

// narrowKey finds the value of an AuditEvent in the columns of its record.
func narrowKey(key string, s *ledgerbridge.Sealer) []candidates {
	at := strings.IndexAny(key, "=>")
	if at < 0 {
		return everything()
	}
	value := key[at+1:]
	switch key[:at+1] {
	case "_id=":
		return narrowID(value)
	case "action=":
		if len(value) == 1 {
			return []candidates{{Filter: ledgerbridge.Filter{Action: value}}}
		}
	case "outcome=":
		if from, to, ok := fhir.AuditStatuses(value); ok {
			return []candidates{{Filter: ledgerbridge.Filter{OutcomeFrom: from, OutcomeTo: to}}}
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
func narrowRef(param string, ref fhir.Ref, s *ledgerbridge.Sealer) []candidates {
	agent := candidates{Filter: ledgerbridge.Filter{Agent: s.AgentPseudonym(ref.String())}}
	target := candidates{Filter: ledgerbridge.Filter{Target: s.TargetPseudonym(ref.String())}}
	switch {
	case param == "agent" && ref.Type != "Organization":
		return []candidates{agent}
	case param == "patient":
		return append(concerning(ref.String(), s), agent)
	case param == "entity" && ref.Type == "Patient":
		return concerning(ref.String(), s)
	case param == "entity" && ref.Type != "Consent":
		return []candidates{target}
	}
	return everything()
}

// concerning covers the records about a patient. If no such patient exists, the record
// has no part for the patient, only a target.
func concerning(patient string, s *ledgerbridge.Sealer) []candidates {
	return []candidates{
		{Filter: ledgerbridge.Filter{Patient: s.PatientPseudonym(patient)}},
		{Filter: ledgerbridge.Filter{Target: s.TargetPseudonym(patient)}},
	}
}

func narrowID(id string) []candidates {
	log, seq, ok := cutAuditID(id)
	if !ok {
		return nil
	}
	return []candidates{{log: log, Filter: ledgerbridge.Filter{Since: seq, Before: seq + 1}}}
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
