package access

import (
	"context"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// report is one of the two lists of a patient's access report: what concerned the patient,
// or the broad questions that may have covered the patient without naming anybody in
// particular. The zero report is no report, but all records.
type report struct {
	patient string // "Patient/1"
	broad   bool   // the second list
	reader  string // the agent, by pseudonym, if the patient reads it and not an office
}

// own says whether a record is of a request of the reader. Of these a report has what was
// disclosed, without target and reason: all else depends on what the request met that the reader may
// not see.
func (p report) own(rec *record) bool { return p.reader != "" && rec.entry.Agent == p.reader }

// AccessReport lists who accessed a patient's data: the AuditEvents of all records that
// concern the patient, without what they say about others; or, apart, with broad=true, those of
// the broad questions. Search parameters narrow the report; they are evaluated on what it
// shows, so they reveal nothing about others.
func (g *Gate) AccessReport(ctx context.Context, c *Call, patient fhir.Ref, s SearchRequest) (*Result, error) {
	return g.auditPage(ctx, c, question{"access-report", "r", "Patient"}, s, patient.String())
}

// asksBroad says whether parameters ask for the second list of a report.
func asksBroad(params []fhir.Param) bool {
	return slices.Contains(params, fhir.Param{Name: "broad", Value: "true"})
}

// filters find the records that may be in the list.
func (p report) filters(s *ledgerbridge.Sealer) []ledgerbridge.Filter {
	if p.broad {
		return []ledgerbridge.Filter{{Patient: s.PatientPseudonym(ledgerbridge.Everyone)}}
	}
	return concerning(p.patient, s)
}

// lists says whether a record is in the list. A question is in the first one if the
// patient has a part of its record, or is its target: before there was such a patient.
func (p report) lists(rec *record, s *ledgerbridge.Sealer) bool {
	if p.patient == "" {
		return true
	}
	row := &rec.row
	hers := row.Has(s.PatientPseudonym(p.patient)) || !row.Erased() && row.Targets(s.TargetPseudonym(p.patient))
	if p.broad {
		return !hers && row.Has(s.PatientPseudonym(ledgerbridge.Everyone))
	}
	return hers
}

// opens says which parts are shown: in the first list those of the request and the
// patient, in the second those of the request and of everyone.
func (p report) opens(parts []ledgerbridge.PartRow, s *ledgerbridge.Sealer) func(i int) bool {
	if p.patient == "" {
		return func(int) bool { return true }
	}
	shown := p.patient
	if p.broad {
		shown = ledgerbridge.Everyone
	}
	pseudonym := s.PatientPseudonym(shown)
	return func(i int) bool { return i == 0 || parts[i].Patient == pseudonym }
}
