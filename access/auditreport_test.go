package access

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// where a question stands in the report of the patient whom it is about.
const (
	inFirst = iota + 1
	inEither
	inNeither
)

// ask is a generated question: to whom, and how.
type generated struct {
	what string
	do   func(*house, *Call) error
}

// questionAbout makes a question that singles out a patient of whom there are Observations
// s-ID and t-ID, in one of many ways.
func questionAbout(random *rand.Rand, h *house, id string) generated {
	pick := func(of ...string) string { return of[random.Intn(len(of))] }
	fill := func(text string) string { return strings.ReplaceAll(text, "ID", id) }
	of := func(what string, do func(*house, *Call) error) generated { return generated{fill(what), do} }
	more := pick("", "&_count=1", "&_summary=count", "&_total=accurate", "&code=8867-4", "&code=none", "&_sort=-date", "&status:not=final", "&_lastUpdated=gt2020")
	switch random.Intn(9) {
	case 0:
		target := fill(pick("Patient/ID", "Observation/s-ID", "Observation/t-ID"))
		if random.Intn(3) == 0 {
			return of("history "+target, history(ref(target).Type, ref(target).ID))
		}
		return of("read "+target, func(h *house, c *Call) error {
			_, err := h.Read(h.Context(), c, ref(target))
			return err
		})
	case 1:
		target, version := fill(pick("Patient/ID", "Observation/s-ID")), int64(1+random.Intn(3))
		return of("vread "+target, func(h *house, c *Call) error {
			_, err := h.VRead(h.Context(), c, ref(target), version)
			return err
		})
	case 2, 3:
		q := fill(pick("patient=ID", "patient=Patient/ID,Patient/nobody", "subject:Patient=ID", "_id=s-ID", "_id=s-ID,t-ID", "subject=Patient/ID") + more)
		return of("Observation?"+q, searchFor("Observation", q))
	case 4:
		typ := pick("Observation", "Condition", "MedicationRequest")
		q := fill(pick("patient.identifier=urn:mrn|ID", "subject:Patient.identifier=urn:mrn|ID", "patient._id=ID", "patient:Patient.identifier=urn:mrn|ID,urn:mrn|nobody")) + pick("", "&_summary=count", "&_count=1")
		return of(typ+"?"+q, searchFor(typ, q))
	case 5:
		q := fill(pick("_has:Observation:patient:_id=s-ID", "identifier=urn:mrn|ID", "_id=ID", "_has:Observation:subject:_id=s-ID,t-ID")) + pick("", "&_summary=count", "&active=true")
		return of("Patient?"+q, searchFor("Patient", q))
	case 6:
		q := fill(pick("patient.identifier=urn:mrn|ID&code=none", "_id=s-ID&status=final", "patient=ID&value-quantity=gt4"))
		method := pick("POST", "DELETE")
		op := Operation{Method: method, Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params(q)}
		if method == "POST" {
			op.Resource = h.parse(strings.Replace(observationDoc("", id), `"id":"",`, "", 1))
		} else {
			op.Criteria = append(op.Criteria, params("code=none")...)
		}
		return of(method+" if "+q, apply(op))
	case 7:
		op := Operation{Method: "PUT", Ref: ref(fill("Observation/s-ID")), IfMatch: fhir.Match{99}, Resource: h.parse(observationDoc("s-"+id, id))}
		return of("PUT Observation/s-ID", apply(op))
	}
	condition := Operation{Method: "DELETE", Ref: fhir.Ref{Type: "Observation"}, Conditional: true, Criteria: params(fill("patient.identifier=urn:mrn|ID&value-quantity=gt") + fmt.Sprint(random.Intn(100)))}
	fails := Operation{Method: "GET", Ref: ref("Observation/none")}
	ops := []Operation{condition, fails}
	if random.Intn(2) == 0 {
		ops[0] = Operation{Method: "GET", Ref: ref(fill("Observation/s-ID"))}
	}
	for i := range ops {
		ops[i].Expression = fmt.Sprintf("Bundle.entry[%d]", i)
	}
	return of("failing transaction about ID", apply(ops...))
}

// broadQuestion covers everybody, and names nobody.
func broadQuestion(random *rand.Rand) generated {
	typ := []string{"Observation", "Patient"}[random.Intn(2)]
	q := []string{"_summary=count", "_lastUpdated=gt2020&_summary=count", "_total=accurate&_count=2", "_lastUpdated=gt2020&_total=accurate&_count=1"}[random.Intn(4)]
	return generated{typ + "?" + q, searchFor(typ, q)}
}

// Whatever is asked about a patient stands in one of the two lists of the patient's report:
// in the first one, if it singles the patient out; and nothing else stands there.
func TestReportsHaveEveryQuestion(t *testing.T) {
	h := ward(t)
	var crowd []string
	for i := range mostConcerned + 30 {
		id := fmt.Sprintf("c%d", i)
		crowd = append(crowd, patientDoc(id), observationDoc("o-"+id, id))
	}
	for _, id := range []string{"seen", "hidden", "other", "third"} {
		crowd = append(crowd, patientDoc(id), observationDoc("s-"+id, id), observationDoc("t-"+id, id))
	}
	h.put(crowd...)
	random := rand.New(rand.NewSource(500))
	type asked struct {
		generated
		of    string // patient
		where int
	}
	records := map[string]asked{}
	for i := range 700 {
		a := asked{of: []string{"seen", "hidden"}[i%2], where: inFirst}
		switch {
		case i%7 == 5:
			a.generated, a.where = questionAbout(random, h, []string{"other", "third"}[random.Intn(2)]), inNeither
		case i%7 == 6:
			a.generated, a.where = broadQuestion(random), inEither
		default:
			a.generated = questionAbout(random, h, a.of)
		}
		call := h.as(agent.Practitioner, "TREAT")
		if random.Intn(10) == 0 {
			call.Agent.Scopes = nil // refused
		}
		_ = a.do(h, call)
		if len(call.Receipts) != 1 {
			t.Fatalf("%s left %d records", a.what, len(call.Receipts))
		}
		id, _ := AuditEventOf(call.Receipts[0])
		records[id] = a
	}
	for _, patient := range []string{"seen", "hidden"} {
		first, second := h.listed(patient, ""), h.listed(patient, "broad=true")
		count := 0
		for id, a := range records {
			one, two := slices.Contains(first, id), slices.Contains(second, id)
			where := a.where
			if a.of != patient && where == inFirst {
				where = inNeither
			}
			if a.where == inFirst && a.of == patient {
				count++
			}
			if one && two || where == inFirst && !one || where == inEither && !one && !two || where == inNeither && (one || two) {
				t.Errorf("report of %s: %s by %s: first list %v, second %v", patient, a.what, id, one, two)
			}
		}
		if count < 240 || len(second) == 0 {
			t.Errorf("%d questions about %s, %d broad ones", count, patient, len(second))
		}
	}
}

// listed are the AuditEvents in a list of a patient's report.
func (h *house) listed(patient, list string) (ids []string) {
	h.Helper()
	s := SearchRequest{Params: params(strings.TrimPrefix(list+"&_count=200", "&"))}
	for {
		res, err := h.AccessReport(h.Context(), h.as(agent.PrivacyOfficer, "HOPERAT"), ref("Patient/"+patient), s)
		if err != nil {
			h.Fatal(err)
		}
		for _, v := range res.Matches {
			ids = append(ids, v.Ref.ID)
		}
		if s.Link = res.Next; s.Link == "" {
			return ids
		}
	}
}
