// Package demo is a small synthetic hospital, to try a server with. Nobody in it exists.
//
// It only makes the documents: it sends nothing, and has no part in what the server
// decides about them.
package demo

import (
	"encoding/json"
	"fmt"
	"time"
)

// Hospital is the id of the organisation that has the patients.
const Hospital = "north-hospital"

// Two organisations, twelve practitioners, thirty patients. Everything follows from the
// patient's number, so the data are always the same.
const (
	clinic   = "south-clinic"
	patients = 30
	doctors  = 12
)

// object is a JSON object of FHIR.
type object = map[string]any

func code(system, value, display string) object {
	return object{"coding": []object{{"system": system, "code": value, "display": display}}, "text": display}
}

func reference(typ, id string) object { return object{"reference": typ + "/" + id} }

const (
	loinc       = "http://loinc.org"
	snomed      = "http://snomed.info/sct"
	rxnorm      = "http://www.nlm.nih.gov/research/umls/rxnorm"
	ucum        = "http://unitsofmeasure.org"
	terminology = "http://terminology.hl7.org/CodeSystem/"
	register    = "urn:aceso:demo:record-number"
)

var (
	families   = []string{"Abelin", "Brask", "Cederholm", "Dufva", "Ekmark", "Fors", "Granat", "Hedlin", "Isling", "Juntti"}
	givenF     = []string{"Alva", "Beda", "Disa", "Ester", "Freja"}
	givenM     = []string{"Axel", "Birger", "Conrad", "Elof", "Folke"}
	cities     = []string{"Norrhamn", "Sundby", "Vikfors"}
	conditions = [][2]string{{"38341003", "Hypertensive disorder"}, {"44054006", "Diabetes mellitus type 2"}, {"195967001", "Asthma"}, {"73211009", "Diabetes mellitus"}, {"55822004", "Hyperlipidemia"}}
	medicines  = [][2]string{{"314076", "lisinopril 10 MG Oral Tablet"}, {"860975", "metformin hydrochloride 500 MG Oral Tablet"}, {"745679", "albuterol 0.09 MG/ACTUAT Inhaler"}, {"617311", "atorvastatin 40 MG Oral Tablet"}}
	vitals     = []vital{
		{"8867-4", "Heart rate", "/min", 62, 3}, {"8310-5", "Body temperature", "Cel", 36, 0.1}, {"29463-7", "Body weight", "kg", 58, 1.5},
		{"8302-2", "Body height", "cm", 158, 1}, {"9279-1", "Respiratory rate", "/min", 12, 0.5}, {"2708-6", "Oxygen saturation in Arterial blood", "%", 94, 0.2},
	}
)

// vital is a measurement: what it is, its lowest value, and the step between patients.
type vital struct {
	code, display, unit string
	low, step           float64
}

// DoctorID is the id of a Practitioner, from 1.
func DoctorID(n int) string { return fmt.Sprintf("doctor-%02d", n) }

// PatientID is the id of a Patient, from 1.
func PatientID(n int) string { return fmt.Sprintf("patient-%02d", n) }

// Bundles are the transactions, in the order in which they must be applied.
func Bundles() ([][]byte, error) {
	bundles := []object{transaction(staff())}
	for n := 1; n <= patients; n++ {
		bundles = append(bundles, transaction(patient(n)))
	}
	bundles = append(bundles, transaction(consents()))
	encoded := make([][]byte, len(bundles))
	for n, b := range bundles {
		var err error
		if encoded[n], err = json.Marshal(b); err != nil {
			return nil, fmt.Errorf("demonstration data: %w", err)
		}
	}
	return encoded, nil
}

// transaction writes each resource under its own id.
func transaction(resources []object) object {
	var entries []object
	for _, r := range resources {
		url := r["resourceType"].(string) + "/" + r["id"].(string)
		entries = append(entries, object{"resource": r, "request": object{"method": "PUT", "url": url}})
	}
	return object{"resourceType": "Bundle", "type": "transaction", "entry": entries}
}

// DoctorName is the name of a Practitioner.
func DoctorName(n int) string { return "Dr. " + givenF[n%5] + " " + families[n%len(families)] }

func staff() []object {
	list := []object{organization(Hospital, "North Hospital"), organization(clinic, "South Clinic")}
	for n := 1; n <= doctors; n++ {
		name := object{"family": families[n%len(families)], "given": []string{givenF[n%5]}, "prefix": []string{"Dr."}}
		list = append(list,
			object{"resourceType": "Practitioner", "id": DoctorID(n), "active": true, "name": []object{name}, "gender": "female"},
			object{
				"resourceType": "PractitionerRole", "id": fmt.Sprintf("role-%02d", n), "active": true,
				"practitioner": reference("Practitioner", DoctorID(n)), "organization": reference("Organization", employer(n)),
				"code": []object{code(terminology+"practitioner-role", "doctor", "Doctor")},
			})
	}
	return list
}

// employer is the clinic for every third practitioner.
func employer(n int) string {
	if n%3 == 0 {
		return clinic
	}
	return Hospital
}

func organization(id, name string) object {
	return object{
		"resourceType": "Organization", "id": id, "active": true, "name": name,
		"type": []object{code(terminology+"organization-type", "prov", "Healthcare Provider")},
	}
}

// day is a date in the past that follows from numbers.
func day(n, days int) time.Time {
	return time.Date(2025, time.January, 7, 8, 0, 0, 0, time.UTC).AddDate(0, 0, n*3+days).Add(time.Duration(n) * 7 * time.Minute)
}

func instant(t time.Time) string { return t.Format(time.RFC3339) }

func patient(n int) []object {
	id := PatientID(n)
	list := []object{person(n)}
	for visit := range 2 {
		list = append(list, encounter(n, visit))
		for v := range vitals {
			list = append(list, observation(n, visit, v))
		}
		list = append(list, bloodPressure(n, visit))
	}
	condition := conditions[n%len(conditions)]
	medicine := medicines[n%len(medicines)]
	return append(list,
		object{
			"resourceType": "Condition", "id": id + "-condition", "subject": reference("Patient", id),
			"clinicalStatus":     code(terminology+"condition-clinical", "active", "Active"),
			"verificationStatus": code(terminology+"condition-ver-status", "confirmed", "Confirmed"),
			"category":           []object{code(terminology+"condition-category", "encounter-diagnosis", "Encounter Diagnosis")},
			"code":               code(snomed, condition[0], condition[1]), "onsetDateTime": day(n, 0).Format(time.DateOnly),
			"recorder": reference("Practitioner", doctorOf(n)), "encounter": reference("Encounter", visitID(n, 0)),
		},
		object{
			"resourceType": "MedicationRequest", "id": id + "-prescription", "status": "active", "intent": "order",
			"medicationCodeableConcept": code(rxnorm, medicine[0], medicine[1]), "subject": reference("Patient", id),
			"encounter": reference("Encounter", visitID(n, 0)), "authoredOn": instant(day(n, 0)),
			"requester":         reference("Practitioner", doctorOf(n)),
			"dosageInstruction": []object{{"text": "One a day", "timing": object{"repeat": object{"frequency": 1, "period": 1, "periodUnit": "d"}}}},
		})
}

func doctorOf(n int) string { return DoctorID(n%doctors + 1) }

func visitID(n, visit int) string { return fmt.Sprintf("%s-visit-%d", PatientID(n), visit+1) }

func person(n int) object {
	given, gender := givenF[n/2%5], "female"
	if n%2 == 1 {
		given, gender = givenM[n/2%5], "male"
	}
	return object{
		"resourceType": "Patient", "id": PatientID(n), "active": true, "gender": gender,
		"identifier":           []object{{"system": register, "value": fmt.Sprintf("N-%04d", 1000+n)}},
		"name":                 []object{{"use": "official", "family": families[n*7%len(families)], "given": []string{given}}},
		"birthDate":            time.Date(1940+n*2, time.Month(n%12+1), n%28+1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		"address":              []object{{"line": []string{fmt.Sprintf("Strandgatan %d", n)}, "city": cities[n%3], "country": "SE"}},
		"generalPractitioner":  []object{reference("Practitioner", doctorOf(n))},
		"managingOrganization": reference("Organization", Hospital),
	}
}

func encounter(n, visit int) object {
	start := day(n, visit*90)
	return object{
		"resourceType": "Encounter", "id": visitID(n, visit), "status": "finished",
		"class":       object{"system": terminology + "v3-ActCode", "code": "AMB", "display": "ambulatory"},
		"type":        []object{code(snomed, "185349003", "Encounter for check up")},
		"subject":     reference("Patient", PatientID(n)),
		"participant": []object{{"individual": reference("Practitioner", doctorOf(n))}},
		"period":      object{"start": instant(start), "end": instant(start.Add(30 * time.Minute))}, "serviceProvider": reference("Organization", Hospital),
	}
}

// measured is what all observations have.
func measured(n, visit int, suffix string) object {
	return object{
		"resourceType": "Observation", "id": visitID(n, visit) + "-" + suffix, "status": "final",
		"category": []object{code(terminology+"observation-category", "vital-signs", "Vital Signs")},
		"subject":  reference("Patient", PatientID(n)), "encounter": reference("Encounter", visitID(n, visit)),
		"effectiveDateTime": instant(day(n, visit*90).Add(5 * time.Minute)), "performer": []object{reference("Practitioner", doctorOf(n))},
	}
}

func observation(n, visit, v int) object {
	o, m := measured(n, visit, fmt.Sprint("vital-", v+1)), vitals[v]
	o["code"] = code(loinc, m.code, m.display)
	o["valueQuantity"] = quantity(m.low+m.step*float64((n+visit)%12), m.unit)
	return o
}

func bloodPressure(n, visit int) object {
	o := measured(n, visit, "pressure")
	o["code"] = code(loinc, "85354-9", "Blood pressure panel with all children optional")
	o["component"] = []object{
		{"code": code(loinc, "8480-6", "Systolic blood pressure"), "valueQuantity": quantity(float64(108+(n*5+visit)%40), "mm[Hg]")},
		{"code": code(loinc, "8462-4", "Diastolic blood pressure"), "valueQuantity": quantity(float64(66+(n*3+visit)%24), "mm[Hg]")},
	}
	return o
}

func quantity(value float64, unit string) object {
	return object{"value": json.Number(fmt.Sprintf("%.1f", value)), "unit": unit, "system": ucum, "code": unit}
}

// consents: the first ten patients permit research, patient 11
// forbids it, and patient 12 forbids one practitioner to see anything.
func consents() []object {
	var list []object
	for n := 1; n <= 10; n++ {
		list = append(list, consentOf(n, "research", object{"type": "permit", "purpose": research()}))
	}
	denied := object{
		"type":  "deny",
		"actor": []object{{"role": code(terminology+"v3-ParticipationType", "IRCP", "information recipient"), "reference": reference("Practitioner", DoctorID(2))}},
	}
	return append(list,
		consentOf(11, "research", object{"type": "deny", "purpose": research()}),
		consentOf(12, "treatment", denied))
}

func research() []object {
	return []object{{"system": terminology + "v3-ActReason", "code": "HRESCH", "display": "healthcare research"}}
}

func consentOf(n int, what string, provision object) object {
	return object{
		"resourceType": "Consent", "id": PatientID(n) + "-" + what, "status": "active",
		"scope":    code(terminology+"consentscope", "patient-privacy", "Privacy Consent"),
		"category": []object{code(loinc, "59284-0", "Consent Document")},
		"patient":  reference("Patient", PatientID(n)), "dateTime": instant(day(n, 1)),
		"performer": []object{reference("Patient", PatientID(n))}, "organization": []object{reference("Organization", Hospital)},
		"policyRule": code(terminology+"v3-ActCode", "OPTIN", "opt-in"), "provision": provision,
	}
}
