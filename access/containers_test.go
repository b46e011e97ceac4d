package access

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
)

// What a Consent says of a class, a code or a label reaches it in everything that holds it
// or shows it, in whatever position.
func TestConsentsReachWhatContainersHold(t *testing.T) {
	const subject = `'subject':{'reference':'Patient/p'}`
	const observed = `{'resourceType':'Observation',%id%'status':'final','meta':{'security':[{'system':'http://terminology.hl7.org/CodeSystem/v3-Confidentiality','code':'R'}]},'code':{'coding':[{'system':'http://loinc.org','code':'8867-4'}]},` + subject + `}`
	inside := strings.Replace(observed, "%id%", "", 1)
	contained := strings.Replace(inside, `'meta':{'security':[{'system':'http://terminology.hl7.org/CodeSystem/v3-Confidentiality','code':'R'}]},`, `'id':'o',`, 1)
	holders := map[string][]string{
		"Binary/context":    {`{'resourceType':'Binary','id':'context','contentType':'text/plain','securityContext':{'reference':'Observation/o'}}`},
		"Binary/circle":     {`{'resourceType':'Binary','id':'circle','contentType':'text/plain','securityContext':{'reference':'List/circle'}}`, `{'resourceType':'List','id':'circle','status':'current','mode':'working','entry':[{'item':{'reference':'Binary/circle'}},{'item':{'reference':'Observation/o'}}]}`},
		"Bundle/document":   {`{'resourceType':'Bundle','id':'document','type':'document','identifier':{'system':'urn:s','value':'1'},'timestamp':'2026-01-01T00:00:00Z','entry':[{'fullUrl':'urn:uuid:0189b7d2-0000-7000-8000-000000000001','resource':{'resourceType':'Composition','status':'final','type':{'text':'t'},'date':'2026','author':[{'display':'x'}],'title':'t',` + subject + `}},{'fullUrl':'urn:uuid:0189b7d2-0000-7000-8000-000000000002','resource':` + inside + `}]}`},
		"Bundle/collection": {`{'resourceType':'Bundle','id':'collection','type':'collection','entry':[{'resource':{'resourceType':'Bundle','type':'collection','entry':[{'resource':` + inside + `}]}}]}`},
		"DocumentReference/attached": {`{'resourceType':'Binary','id':'attached','contentType':'text/plain','securityContext':{'reference':'Observation/o'}}`,
			`{'resourceType':'DocumentReference','id':'attached','status':'current',` + subject + `,'content':[{'attachment':{'url':'Binary/attached'}}]}`},
		"DocumentReference/direct": {`{'resourceType':'DocumentReference','id':'direct','status':'current',` + subject + `,'content':[{'attachment':{'url':'` + base + `/Observation/o'}}]}`},
		"Media/attached":           {`{'resourceType':'Media','id':'attached','status':'completed',` + subject + `,'content':{'url':'Binary/attached'}}`},
		"Communication/attached":   {`{'resourceType':'Communication','id':'attached','status':'completed',` + subject + `,'payload':[{'contentReference':{'reference':'Binary/attached'}}]}`},
		"List/far":                 {`{'resourceType':'List','id':'far','status':'current','mode':'working',` + subject + `,'entry':[{'item':{'reference':'List/near'}}]}`, `{'resourceType':'List','id':'near','status':'current','mode':'working',` + subject + `,'entry':[{'item':{'reference':'Observation/o'}}]}`},
		"Condition/contained":      {`{'resourceType':'Condition','id':'contained',` + subject + `,'contained':[` + contained + `],'evidence':[{'detail':[{'reference':'#o'}]}]}`},
	}
	research := `'purpose':[{'system':'http://terminology.hl7.org/CodeSystem/v3-ActReason','code':'HRESCH'}]`
	class := func(typ string) string {
		return `'class':[{'system':'http://hl7.org/fhir/resource-types','code':'` + typ + `'}]`
	}
	for rule, provision := range map[string]string{
		"a nested deny of the class": `'type':'permit',` + research + `,'provision':[{'type':'deny',` + class("Observation") + `}]`,
		"a nested deny of the code":  `'type':'permit',` + research + `,'provision':[{'type':'deny','code':[{'coding':[{'system':'http://loinc.org','code':'8867-4'}]}]}]`,
		"a nested deny of the label": `'type':'permit',` + research + `,'provision':[{'type':'deny','securityLabel':[{'system':'http://terminology.hl7.org/CodeSystem/v3-Confidentiality','code':'R'}]}]`,
		"a permit of another class":  `'type':'permit',` + research + `,` + class("Condition"),
		"nothing is refused":         `'type':'permit',` + research,
	} {
		t.Run(rule, func(t *testing.T) {
			h := newHouse(t)
			h.put(patientDoc("p"), document(strings.Replace(observed, "%id%", "'id':'o',", 1)), consentDoc("c", "{"+provision+"}"))
			for _, docs := range holders {
				for _, d := range docs {
					h.put(document(d))
				}
			}
			open := rule == "nothing is refused"
			for name := range holders {
				if rule == "a nested deny of the label" && name == "Condition/contained" {
					continue // what is contained has no labels of its own (dom-5)
				}
				_, err := h.Read(h.Context(), h.as(agent.Practitioner, "HRESCH"), ref(name))
				if (err == nil) != open {
					t.Errorf("%s: %v, want shown %v", name, err, open)
				}
			}
		})
	}
}
