package server

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

// Operations on Consents.
const (
	sentences       = "$sentences"
	consentProblems = "$problems"
	simulate        = "$simulate"
)

// consentRoutes are the rows of the table for them. The page is among pageRoutes.
func consentRoutes() []route {
	const get, post, typ = http.MethodGet, http.MethodPost, "Consent"
	return []route{
		{get, "/fhir/:type/:id/" + sentences, typ, sentences, false, false, (*server).consentSentences},
		{get, "/fhir/:type/" + consentProblems, typ, consentProblems, false, false, (*server).consentProblems},
		{post, "/fhir/:type/" + simulate, typ, simulate, false, false, (*server).simulateConsent},
		{get, "/fhir/:type/:id/" + simulate, typ, simulate, false, false, (*server).simulateConsent},
		{post, "/fhir/:type/" + fileConsent, typ, fileConsent, false, false, (*server).fileConsent},
		{post, "/fhir/:type/" + revokeConsent, typ, revokeConsent, false, false, (*server).revokeConsent},
		{post, "/fhir/:type/" + recordDisclosure, auditEvent, recordDisclosure, false, false, (*server).recordDisclosure},
	}
}

// consentOperations describe them.
func consentOperations() []served {
	const fast = "http://hl7.org/fhir/us/consent-management/OperationDefinition/"
	consent := []string{"Consent"}
	language := in("language", "code", 0, "en or de; otherwise what Accept-Language says.")
	return []served{
		{"Consent-sentences", "sentences", consent, "", "What a Consent says",
			"What a stored Consent permits and forbids, in sentences, as this server reads it. It is decided like a read of the Consent.", false, []parameter{language, out("Parameters", "Sentences, and parts with those of nested provisions.")}},
		{"Consent-problems", "problems", consent, "", "Consents that somebody should look at",
			"Patients whose Consents in force contradict each other, are not understood, or can be read in several ways, and how many there are. For the privacy office.", false, []parameter{
				in("after", "string", 0, "Only patients after this one, as in Patient/1."), in("_count", "integer", 0, "How many patients, 100 at most; 50 if it is not given."), out("Parameters", "Numbers, and one parameter with parts for each patient."),
			}},
		{"Consent-simulate", "simulate", consent, "", "What a Consent would change",
			"Who would see more, and who less, of the patient's data, by type, if a Consent were written (the body of POST) or ended (GET of a stored one). Nothing is written. For the privacy office.", false, []parameter{
				in("agent", "string", 0, "Somebody for whom to tell, too, as tokens name them: Practitioner/1."), in("role", "code", 0, "Of the agent: practitioner if it is not given."),
				in("organization", "string", 0, "Of the agent: this one if it is not given."), in("purpose", "code", 0, "Of the agent: TREAT if it is not given."), language, out("Parameters", "Numbers for each agent."),
			}},
		{"Consent-fileConsent", "fileConsent", consent, fast + "file-consent", "File a Consent",
			"Creates a Consent, and the document that comes with it, both or neither. It is decided like the creation of each.", true, []parameter{
				in("consent", "Consent", 1, "The Consent."), in("document", "Resource", 0, "A DocumentReference or QuestionnaireResponse."), out("Consent", "The Consent as it is stored."),
			}},
		{"Consent-revokeConsent", "revokeConsent", consent, fast + "revoke-consent", "Revoke a Consent",
			"Makes a Consent inactive, and notes in it who revoked it, when and why. It is decided like a patch of the Consent, and like the creation of the document.", true, []parameter{
				in("consent", "Reference", 1, "The Consent."), in("patient", "Reference", 0, "Whose it must be."), in("reason", "string", 0, "Why, in up to 500 bytes."), in("document", "Resource", 0, "A DocumentReference or QuestionnaireResponse."),
				out("Consent", "The Consent as it is stored."),
			}},
		{"AuditEvent-recordDisclosure", "recordDisclosure", []string{auditEvent}, fast + "record-disclosure", "Report a disclosure",
			"Records what somebody reports to have disclosed of a patient, as an entry of the change log that says that it was reported and not observed.", true, []parameter{
				in("disclosure", auditEvent, 1, "Who disclosed what of which patient, to whom and for what."), in("consent", "Reference", 0, "By which Consent."), out("OperationOutcome", "That it is recorded."),
			}},
	}
}

// languageOf is that of an operation: its parameter, or what the browser accepts.
func languageOf(c *gin.Context, asked string) (wording.Language, error) {
	l, err := wording.In(cmp.Or(asked, c.GetHeader("Accept-Language")))
	c.Header("Content-Language", l.Name)
	return l, err
}

// takes reads the parameters of an operation from the URL, each once.
func takes(c *gin.Context, names ...string) (url.Values, error) {
	params, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, p := range withoutFormat(params) {
		if !slices.Contains(names, p.Name) {
			return nil, unknownParam(p.Name)
		}
		if form.Has(p.Name) {
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Give the parameter only once.", Expression: p.Name}
		}
		form.Set(p.Name, strings.TrimSpace(p.Value))
	}
	return form, nil
}

// consentSentences is GET [base]/Consent/[id]/$sentences.
func (s *server) consentSentences(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := takes(c, "language")
	if err != nil {
		return nil, err
	}
	ref, err := refOf(c, typeOf)
	if err != nil {
		return nil, err
	}
	l, err := languageOf(c, form.Get("language"))
	if err != nil {
		return nil, err
	}
	v, err := s.Gate.Read(c.Request.Context(), call, ref)
	if err != nil {
		return nil, err
	}
	told, err := s.Gate.Tell(v)
	if err != nil {
		return nil, err
	}
	return parameters(partsOf(sayer{l, s.Now()}.consent(told)))
}

// partsOf are sentences as parameters.
func partsOf(said web.Said) (parts []part) {
	for _, text := range said.Sentences {
		parts = append(parts, part{Name: "sentence", Text: text})
	}
	for _, below := range said.Below {
		parts = append(parts, part{Name: "part", Parts: partsOf(below)})
	}
	return parts
}

func number(name string, n int) part {
	value := int64(n)
	return part{Name: name, Decimal: &value}
}

// consentProblems is GET [base]/Consent/$problems.
func (s *server) consentProblems(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := takes(c, "after", "_count")
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(cmp.Or(form.Get("_count"), "50"))
	if err != nil || count < 1 {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "_count is a positive integer, 100 at most.", Expression: "_count"}
	}
	found, err := s.Gate.ConsentProblems(c.Request.Context(), call, form.Get("after"), count)
	if err != nil {
		return nil, err
	}
	parts := []part{number("consents", found.Consents), number("contradicted", found.Contradicted), number("unreadable", found.Unreadable), number("doubtful", found.Doubtful), {Name: "more", Boolean: &found.More}}
	for _, p := range found.Patients {
		one := []part{{Name: "id", Text: p.Patient}}
		for _, name := range p.Unreadable {
			one = append(one, part{Name: "unreadable", Text: name})
		}
		for _, name := range p.Doubtful {
			one = append(one, part{Name: "doubtful", Text: name})
		}
		for _, k := range p.Contradictions {
			one = append(one, part{Name: "contradiction", Parts: []part{
				{Name: "permits", Text: k.Permits}, {Name: "forbids", Text: k.Denies}, {Name: "agents", Text: strings.Join(k.Who, ", ")}, {Name: "purpose", Code: k.Purpose}, {Name: "type", Code: k.Type}, {Name: "wins", Text: k.Denies},
			}})
		}
		parts = append(parts, part{Name: "patient", Parts: one})
	}
	if found.Next != "" {
		parts = append(parts, part{Name: "next", Text: found.Next})
	}
	return parameters(parts)
}

// simulateConsent is POST [base]/Consent/$simulate of a Consent that would be written, and GET
// [base]/Consent/[id]/$simulate of one that would be ended.
func (s *server) simulateConsent(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := takes(c, "agent", "role", "organization", "purpose", "language")
	if err != nil {
		return nil, err
	}
	asked, err := s.simulationOf(form)
	if err != nil {
		return nil, err
	}
	if c.Request.Method == http.MethodPost {
		asked.Consent, err = s.resource(c, "Consent")
	} else {
		asked.Ends, err = refOf(c, typeOf)
	}
	if err != nil {
		return nil, err
	}
	l, err := languageOf(c, form.Get("language"))
	if err != nil {
		return nil, err
	}
	result, err := s.Gate.Simulate(c.Request.Context(), call, asked)
	if err != nil {
		return nil, err
	}
	parts := []part{{Name: "patient", Text: result.Patient.String()}, number("judged", result.Judged), {Name: "more", Boolean: &result.More}}
	if result.Told != nil {
		parts = append(parts, part{Name: "consent", Parts: partsOf(sayer{l, s.Now()}.consent(result.Told))})
	}
	for i := range result.Changes {
		parts = append(parts, changeParts(&result.Changes[i]))
	}
	return parameters(parts)
}

func changeParts(one *access.Change) part {
	a := &one.Agent
	all := []part{{Name: "kind", Code: one.Kind}, {Name: "agent", Text: a.Subject}, {Name: "role", Code: a.Role}, {Name: "organization", Text: a.Organization}, {Name: "purpose", Code: a.Purpose}, number("before", one.Before), number("after", one.After)}
	all = append(all, ofEachType("gains", one.Gains)...)
	return part{Name: "change", Parts: append(all, ofEachType("loses", one.Loses)...)}
}

func ofEachType(name string, counts []access.TypeCount) (parts []part) {
	for _, n := range counts {
		parts = append(parts, part{Name: name, Parts: []part{{Name: "type", Code: n.Type}, number("count", n.N)}})
	}
	return parts
}

// simulationOf reads for whom a simulation is to tell, beside those for whom it tells anyway.
func (s *server) simulationOf(form url.Values) (asked access.Simulation, err error) {
	if form.Get("agent") == "" {
		return asked, nil
	}
	a := agent.Agent{
		Subject: form.Get("agent"), Role: cmp.Or(form.Get("role"), agent.Practitioner),
		Organization: cmp.Or(form.Get("organization"), s.Organization), Purpose: cmp.Or(form.Get("purpose"), "TREAT"),
	}
	if a.Role == agent.Patient {
		a.Patient = a.Subject
	}
	a.Issuer, a.Actors = s.Issuer, auth.Actors(&a, "")
	asked.Agents = []agent.Agent{a}
	asked.Detail = url.Values{"agent": {a.Subject}, "role": {a.Role}, "organization": {a.Organization}, "purpose": {a.Purpose}}.Encode()
	if len(asked.Detail) > mostAsked {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "Name the agent as tokens do, as in agent=Practitioner/1, in a question of at most 4,000 bytes.", Expression: "agent"}
	}
	return asked, err
}
