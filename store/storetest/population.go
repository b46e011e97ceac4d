package storetest

import (
	"encoding/json"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// document writes the text of a document.
func (a *author) document(typ string) []byte {
	o := object{}
	switch typ {
	case "Patient":
		o = a.patient()
	case "Organization":
		o = object{"name": a.pick(texts), "active": a.maybe(func() any { return a.once(2) }), "partOf": a.maybe(a.to("Organization")),
			"type": a.some(a.concept), "address": a.some(a.address)}
	case "Encounter":
		o = a.encounter()
	case "Observation":
		o = a.observation()
	case "Condition":
		o = a.condition()
	case "RiskAssessment":
		o = object{"status": a.pick([]string{"final", "preliminary"}), "subject": a.to("Patient")(), "condition": a.maybe(a.to("Condition")), "method": a.maybe(a.concept),
			"occurrenceDateTime": a.maybe(a.date), "prediction": a.some(func() any {
				return object{"outcome": a.concept(), "probabilityDecimal": a.maybe(a.number), "qualitativeRisk": a.maybe(a.concept)}
			})}
	case "List":
		o = object{"status": a.pick([]string{"current", "retired"}), "mode": "working", "title": a.maybe(a.of(texts...)), "subject": a.maybe(a.to("Patient")), "code": a.maybe(a.concept),
			"entry": a.some(func() any { return object{"item": a.to("Patient", "Observation", "Condition", "Encounter")()} })}
	case "Location":
		o = object{"name": a.maybe(a.of(texts...)), "partOf": a.maybe(a.to("Location")), "managingOrganization": a.maybe(a.to("Organization")), "position": a.maybe(func() any {
			p := places[a.IntN(len(places))]
			return object{"latitude": json.RawMessage(p[0]), "longitude": json.RawMessage(p[1])}
		})}
	case "Medication":
		o = a.medication()
	case "MedicationRequest":
		o = a.medicationRequest()
	case "Questionnaire":
		o = object{"status": a.pick([]string{"active", "draft"}), "url": a.maybe(a.of(forms...)), "version": a.maybe(a.of(editions...)), "title": a.maybe(a.of(texts...)), "date": a.maybe(a.date),
			"derivedFrom": a.some(a.canonical)}
	case "QuestionnaireResponse":
		o = object{"status": a.pick([]string{"completed", "amended"}), "questionnaire": a.maybe(a.canonical), "subject": a.maybe(a.to("Patient")), "authored": a.maybe(a.date)}
	case "ValueSet":
		o = a.valueSet()
	case "MolecularSequence":
		o = a.sequence()
	case "DocumentReference":
		o = a.documentReference()
	}
	if o["resourceType"] = typ; typ != "QuestionnaireResponse" {
		o["identifier"] = a.some(a.identifier)
	}
	o["language"] = a.maybe(a.of("en", "de-CH"))
	o["meta"] = a.maybe(func() any {
		return object{"profile": a.some(a.of(addresses...)), "tag": a.some(a.coding), "source": a.maybe(a.of(addresses...)), "security": a.security()}
	})
	text, err := json.Marshal(tidy(o))
	if err != nil {
		panic(err) // the code above made a value that JSON lacks
	}
	return text
}

// What questionnaires are published as.
var (
	forms    = []string{"http://forms.example/a", "http://forms.example/b", base + "/Questionnaire/r1"}
	editions = []string{"1", "1.0", "1.0.1", "V2-Beta"}
)

// canonical refers to a questionnaire, in every form.
func (a *author) canonical() any {
	url := a.pick(forms)
	if !a.once(3) {
		url += "|" + a.pick(editions)
	}
	if a.once(5) {
		url += "#part"
	}
	return url
}

func (a *author) medication() object {
	return object{"status": a.maybe(a.of("active", "inactive")), "code": a.maybe(a.concept), "manufacturer": a.maybe(a.to("Organization"))}
}

// medicationRequest may contain what it is for, and whom it is from.
func (a *author) medicationRequest() object {
	o := object{"status": a.pick([]string{"active", "stopped"}), "intent": "order", "subject": a.to("Patient")(), "medicationReference": a.to("Medication")(),
		"requester": a.maybe(a.to("Patient", "Organization")), "authoredOn": a.maybe(a.date)}
	var inside []any
	if a.once(2) {
		m := a.medication()
		m["resourceType"], m["id"], o["medicationReference"] = "Medication", "m", object{"reference": "#m"}
		inside = append(inside, m)
	}
	if a.once(3) {
		p := a.patient()
		p["resourceType"], p["id"], o["requester"] = "Patient", "p", object{"reference": "#p"}
		inside = append(inside, p)
	}
	o["contained"] = inside
	return o
}

func (a *author) security() any {
	if a.once(4) {
		return []any{object{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}}
	}
	return nil
}

func (a *author) address() any {
	return object{"city": a.maybe(a.of(texts...)), "line": a.some(a.of(texts...)), "postalCode": a.maybe(a.of("8001", "le500", "D-10117")),
		"use": a.maybe(a.of("home", "work"))}
}

func (a *author) patient() object {
	o := object{
		"name": a.some(func() any {
			return object{"family": a.maybe(a.of(texts...)), "given": a.some(a.of(texts...)), "text": a.maybe(a.of(texts...))}
		}),
		"gender": a.maybe(a.of("male", "female", "other")), "birthDate": a.maybe(a.of("1950", "1950-06", "1950-06-15", "2020-02-29", "1900-01-01")),
		"address": a.some(a.address), "active": a.maybe(func() any { return a.once(2) }),
		"managingOrganization": a.maybe(a.to("Organization")), "generalPractitioner": a.some(a.to("Organization")),
		"telecom": a.some(func() any {
			return object{"system": a.pick([]string{"phone", "email"}), "value": a.pick(texts)}
		}),
		"link": a.some(func() any { return object{"other": a.to("Patient")(), "type": "seealso"} }),
	}
	switch a.IntN(3) {
	case 0:
		o["deceasedBoolean"] = a.once(2)
	case 1:
		o["deceasedDateTime"] = a.date()
	}
	return o
}

func (a *author) encounter() object {
	return object{
		"status": a.pick([]string{"finished", "planned"}), "class": a.coding(), "subject": a.maybe(a.to("Patient")), "period": a.maybe(a.period),
		"type": a.some(a.concept), "partOf": a.maybe(a.to("Encounter")), "serviceProvider": a.maybe(a.to("Organization")),
		"length":          a.maybe(func() any { return object{"value": a.number(), "system": "http://unitsofmeasure.org", "code": "min"} }),
		"diagnosis":       a.some(func() any { return object{"condition": a.to("Condition")()} }),
		"reasonReference": a.some(a.to("Condition", "Observation")), "reasonCode": a.some(a.concept),
	}
}

func (a *author) observation() object {
	o := object{
		"status": a.pick([]string{"final", "amended"}), "code": a.concept(), "category": a.some(a.concept), "subject": a.maybe(a.to("Patient")),
		"encounter": a.maybe(a.to("Encounter")), "performer": a.some(a.to("Patient", "Organization")), "hasMember": a.some(a.to("Observation")),
		"derivedFrom": a.some(a.to("Observation", "DocumentReference")), "method": a.maybe(a.concept),
		"component": a.some(func() any {
			c := object{"code": a.concept()}
			a.value(c)
			return c
		}),
	}
	a.value(o)
	switch a.IntN(4) {
	case 0:
		o["effectivePeriod"] = a.period()
	case 1, 2:
		o["effectiveDateTime"] = a.date()
	}
	return o
}

// value gives an observation or a component its value.
func (a *author) value(o object) {
	switch a.IntN(8) {
	case 0, 1, 2:
		o["valueQuantity"] = a.quantity()
	case 3, 4:
		o["valueCodeableConcept"] = a.concept()
	case 5:
		o["valueString"] = a.pick(texts)
	case 6:
		o["valueDateTime"] = a.date()
	case 7:
		o["dataAbsentReason"] = a.concept()
	}
}

func (a *author) condition() object {
	o := object{
		"code": a.maybe(a.concept), "subject": a.to("Patient")(), "encounter": a.maybe(a.to("Encounter")), "asserter": a.maybe(a.to("Patient")),
		"recordedDate": a.maybe(a.date), "severity": a.maybe(a.concept), "category": a.some(a.concept),
		"evidence": a.some(func() any { return object{"detail": []any{a.to("Observation")()}} }),
	}
	switch a.IntN(5) {
	case 0:
		o["onsetDateTime"] = a.date()
	case 1:
		o["onsetPeriod"] = a.period()
	case 2:
		o["onsetAge"] = object{"value": a.number(), "system": "http://unitsofmeasure.org", "code": a.pick([]string{"a", "mo"})}
	case 3:
		o["onsetString"] = a.pick(texts)
	}
	return o
}

func (a *author) valueSet() object {
	return object{
		"status": a.pick([]string{"active", "draft"}), "url": a.maybe(a.of(addresses...)), "version": a.maybe(a.of("1", "1.0", "2")), "name": a.maybe(a.of(texts...)),
		"title": a.maybe(a.of(texts...)), "date": a.maybe(a.date), "description": a.maybe(a.of(displays...)),
		"useContext": a.some(func() any {
			o := object{"code": a.coding()}
			if a.once(2) {
				o["valueQuantity"] = a.quantity()
			} else {
				o["valueCodeableConcept"] = a.concept()
			}
			return o
		}),
		"compose": a.maybe(func() any {
			return object{"include": []any{object{"system": "http://loinc.org", "concept": a.some(func() any { return object{"code": a.pick(codes)} })}}}
		}),
	}
}

func (a *author) sequence() object {
	place := func() any { return json.RawMessage(a.pick([]string{"1", "10", "100", "1000"})) }
	return object{
		"coordinateSystem": 0, "type": a.maybe(a.of("dna", "rna")), "patient": a.maybe(a.to("Patient")),
		"referenceSeq": a.maybe(func() any {
			return object{"chromosome": a.maybe(a.concept), "referenceSeqId": a.maybe(a.concept), "windowStart": a.maybe(place), "windowEnd": a.maybe(place)}
		}),
		"variant": a.some(func() any { return object{"start": a.maybe(place), "end": a.maybe(place)} }),
	}
}

func (a *author) documentReference() object {
	return object{
		"status": a.pick([]string{"current", "superseded"}), "type": a.maybe(a.concept), "subject": a.maybe(a.to("Patient")), "date": a.maybe(a.of("2020-02-29T10:00:00Z", "2020-02-29T23:59:59.999+14:00")),
		"author": a.some(a.to("Patient", "Organization")), "custodian": a.maybe(a.to("Organization")), "description": a.maybe(a.of(texts...)),
		"content": []any{object{"attachment": object{"contentType": "text/plain", "url": a.pick(addresses)}, "format": a.maybe(a.coding)}},
		"relatesTo": a.some(func() any {
			return object{"code": a.pick([]string{"replaces", "appends"}), "target": a.to("DocumentReference")()}
		}),
		"context": a.maybe(func() any { return object{"period": a.maybe(a.period), "event": a.some(a.concept)} }),
	}
}

// populate writes all ids of all types, and updates or deletes some of them.
func (w *world) populate(a *author) {
	w.Helper()
	for range 2 {
		for _, typ := range wardTypes {
			var writes []store.Write
			for id := range a.ids {
				writes = append(writes, w.revise(a, wardRef(typ, id))...)
			}
			if len(writes) > 0 {
				w.commit(writes...)
			}
		}
	}
}

// revise is at most one write of a resource: a new version, seldom a tombstone.
func (w *world) revise(a *author, ref fhir.Ref) []store.Write {
	w.Helper()
	last := w.model.last[ref]
	n := last.Version.Version
	switch {
	case n > 0 && a.once(2) || n == 0 && a.once(8):
		return nil
	case n > 0 && !last.Deleted && a.once(5):
		return []store.Write{tombstone(last.Version, w.tick())}
	}
	write := w.document(ref.ID, n, "%s", a.document(ref.Type))
	write.Owner = []string{Organization, Organization, "other"}[a.IntN(3)]
	return []store.Write{write}
}
