package server

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/wording"
)

// explainAccess is the operation that says whether somebody could read something of a
// patient, and why. ($explain-query is another: how a search would be answered.)
const explainAccess = "$explain-access"

// explainedOperations describe it.
func explainedOperations() []served {
	return []served{{"Patient-explain-access", "explain-access", []string{"Patient"}, "", "Who could read a resource, and why",
		"Whether an agent could read a resource of the patient, now or at a time, in sentences: the rule of the policy that decides, the constraints, and the Consents. It is judged by the read itself, for the privacy office, and recorded.", false, []parameter{
			in("agent", "string", 1, "Who, as tokens name it: Practitioner/1."), in("role", "code", 0, "practitioner if it is not given."), in("organization", "string", 0, "This one if it is not given."),
			in("purpose", "code", 0, "TREAT if it is not given."), in("client", "string", 0, "The application."), in("scope", "string", 0, "Of the token; if it is not given, all that reads in the context of the role."),
			in("context", "string", 0, "In the context of which patient the token was issued."), in("resource", "string", 0, "Which resource: Observation/1; the Patient if it is not given."),
			in("at", "dateTime", 0, "When: a time, or a day, which means its end; now if it is not given."),
			in("language", "code", 0, "en or de; otherwise what Accept-Language says."), out("Parameters", "permitted, or unknown, and the sentences."),
		}}}
}

// explainPatientAccess is GET [base]/Patient/[id]/$explain-access.
func (s *server) explainPatientAccess(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := queryOf(c)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, p := range withoutFormat(params) {
		if !couldBeAsked(p.Name) {
			return nil, unknownParam(p.Name)
		}
		if form.Has(p.Name) {
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Give the parameter only once.", Expression: p.Name}
		}
		form.Set(p.Name, p.Value)
	}
	form.Set("patient", "Patient/"+c.Param("id"))
	language, err := wording.In(cmp.Or(form.Get("language"), c.GetHeader("Accept-Language")))
	if err != nil {
		return nil, err
	}
	could, asked, err := s.couldRead(c, call, form)
	if err != nil {
		return nil, err
	}
	parts := []part{{Name: "permitted", Boolean: &could.Read}, {Name: "reason", Code: cmp.Or(could.Refused, could.Decision.Reason)}}
	if could.Lost != "" {
		parts = []part{{Name: "unknown", Code: could.Lost}}
	}
	if p := could.Place; p.File != "" {
		parts = append(parts, part{Name: "rule", Text: p.Rule}, part{Name: "place", Text: p.File + ":" + strconv.Itoa(p.Line)}, part{Name: "policy", Text: p.Revision})
	}
	if !asked.At.IsZero() {
		parts = append(parts, part{Name: "at", Text: asked.At.Format(momentOf)})
	}
	for _, text := range couldSentences(language, &asked, could) {
		parts = append(parts, part{Name: "sentence", Text: text})
	}
	c.Header("Content-Language", language.Name)
	return parameters(parts)
}

// mostAsked is how long a question is at most: its record keeps it.
const mostAsked = 4000

func couldBeAsked(name string) bool {
	switch name {
	case "agent", "role", "organization", "purpose", "client", "scope", "context", "resource", "at", "language":
		return true
	}
	return false
}

// couldRead asks the gate what a form asks.
func (s *server) couldRead(c *gin.Context, call *access.Call, form url.Values) (*access.Could, access.CouldRead, error) {
	asked, err := s.couldReadOf(form)
	if err != nil {
		return nil, asked, err
	}
	could, err := s.Gate.CouldRead(c.Request.Context(), call, asked)
	return could, asked, err
}

// couldReadOf reads such a question. What it does not say is as it usually is.
func (s *server) couldReadOf(form url.Values) (asked access.CouldRead, err error) {
	about := func(name, usual string) (fhir.Ref, error) {
		ref, err := fhir.ParseRef(strings.TrimSpace(cmp.Or(form.Get(name), usual)))
		if err != nil || !fhir.IsResourceType(ref.Type) || ref.Type == auditEvent {
			err = &fhir.Error{Kind: fhir.Invalid, Detail: "Name one resource as in Observation/1. AuditEvents are for the privacy office alone.", Expression: name}
		}
		return ref, err
	}
	if asked.Patient, err = about("patient", ""); err != nil {
		return asked, err
	}
	if asked.Ref, err = about("resource", asked.Patient.String()); err != nil {
		return asked, err
	}
	if asked.Patient.Type != "Patient" {
		return asked, &fhir.Error{Kind: fhir.Invalid, Detail: "Name the patient as in Patient/1.", Expression: "patient"}
	}
	a := &asked.Agent
	a.Subject, a.Role = strings.TrimSpace(form.Get("agent")), cmp.Or(form.Get("role"), agent.Practitioner)
	a.Organization, a.Purpose = cmp.Or(form.Get("organization"), s.Organization), cmp.Or(form.Get("purpose"), "TREAT")
	a.Client, a.Patient = form.Get("client"), form.Get("context")
	if a.Role == agent.Patient && a.Patient == "" {
		a.Patient = a.Subject
	}
	if a.Subject == "" || len(form.Encode()) > mostAsked {
		return asked, &fhir.Error{Kind: fhir.Invalid, Detail: "Name the agent as tokens do, as in agent=Practitioner/1, in a question of at most 4,000 bytes.", Expression: "agent"}
	}
	if asked.At, err = timeAsked(form.Get("at"), s.Now()); err != nil {
		return asked, err
	}
	a.Issuer = s.Issuer
	asked.Scope, a.Actors = cmp.Or(form.Get("scope"), access.UsualScope(a.Role, "rs")), auth.Actors(a, "")
	detail := url.Values{"agent": {a.Subject}, "role": {a.Role}, "organization": {a.Organization}, "purpose": {a.Purpose}, "scope": {asked.Scope}}
	if !asked.At.IsZero() {
		detail.Set("at", asked.At.Format(momentOf))
	}
	asked.Detail = detail.Encode()
	return asked, nil
}

// momentOf is how a time is told: the store knows no shorter one.
const momentOf = "2006-01-02T15:04:05.000Z07:00"

// timeAsked reads when a question is about; zero: now. A day means its end, or now if it is
// today's; a time without a zone is UTC.
func timeAsked(text string, now time.Time) (at time.Time, err error) {
	if text = strings.TrimSpace(text); text == "" {
		return at, nil
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		end := day.Add(24*time.Hour - time.Millisecond)
		if end.After(now) && !day.After(now) {
			return time.Time{}, nil
		}
		return end, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err = time.Parse(layout, text); err == nil {
			return at.UTC().Truncate(time.Millisecond), nil
		}
	}
	return at, &fhir.Error{Kind: fhir.Invalid, Detail: "Give a day or a time as in 2026-03-01 or 2026-03-01T10:04:00Z.", Expression: "at"}
}

// couldSentences say the answer and what it rests on.
func couldSentences(l wording.Language, asked *access.CouldRead, could *access.Could) (all []string) {
	a, tense := &asked.Agent, "could."
	say := func(key string, pairs ...string) {
		all = append(all, l.Say(key, append(pairs, "who", a.Subject, "what", asked.Ref.String(), "purpose", a.Purpose, "at", l.Time(asked.At))...))
	}
	if !asked.At.IsZero() {
		tense = "then."
	}
	if could.Lost != "" {
		say("then.unknown")
		say("lost." + could.Lost)
		return all
	}
	verdict := tense + "no"
	if could.Read {
		verdict = tense + "yes"
	}
	if say(verdict); !could.Stored {
		say(tense + "absent")
	}
	if tense == "then." {
		say("then.policy", "policy", could.Decision.Revision)
	}
	if could.Read && len(could.Masked) > 0 {
		say("could.masked", "elements", strings.Join(could.Masked, ", "))
	}
	policyKey := "policy.refuses"
	if could.Decision.Allow {
		policyKey = "policy.permits"
	}
	say(policyKey, "reason", l.Say("reason."+could.Decision.Reason))
	if p := could.Place; p.File != "" {
		say("policy.place", "rule", p.Rule, "file", p.File, "line", strconv.Itoa(p.Line))
	} else {
		say("policy.nowhere")
	}
	restSentences(say, could)
	say("could.assumed", "role", a.Role, "organization", a.Organization, "scopes", asked.Scope)
	if a.Patient != "" {
		say("could.launched", "patient", a.Patient)
	}
	return all
}

// restSentences say what decided beside the policy.
func restSentences(say func(string, ...string), could *access.Could) {
	if could.Refused != "" {
		say("refused." + could.Refused)
	}
	for _, limit := range could.Limits {
		say("limit." + limit)
	}
	if could.Decision.Allow && could.Stored && could.Refused == "" {
		opinionSentences(say, could)
	}
	for _, what := range could.Unless {
		say("unless." + what)
	}
}

func opinionSentences(say func(string, ...string), could *access.Could) {
	if len(could.Opinions) == 0 {
		say("mode.none")
		return
	}
	say("mode." + could.Mode)
	for _, o := range could.Opinions {
		say("verdict."+o.Verdict, "patient", o.Patient, "consents", strings.Join(o.Consents, ", "))
	}
}

// explainRoutes are the rows of the table that explain.
func explainRoutes() []route {
	return []route{
		{http.MethodGet, "/fhir/:type/:id/" + explainAccess, "Patient", explainAccess, false, false, (*server).explainPatientAccess},
	}
}
