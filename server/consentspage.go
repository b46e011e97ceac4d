package server

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

const pathConsents = pathPages + "consents"

// consentsPage is GET /ui/consents: those of a patient in sentences, what would change if one
// were withdrawn, and patients whose Consents somebody should look at.
func (s *server) consentsPage(c *gin.Context, call *access.Call) (*answer, error) {
	form := c.Request.URL.Query()
	page := web.Consents{Typed: strings.TrimSpace(form.Get("patient"))}
	if form.Get("problems") != "" {
		if err := s.suspects(c, call, form, &page); err != nil {
			return nil, err
		}
	}
	if one := form.Get("withdraw"); one != "" {
		ref, err := fhir.ParseRef(one)
		if err != nil || ref.Type != "Consent" {
			return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such resource."}
		}
		if err := s.simulateOn(c, call, access.Simulation{Ends: ref}, form, &page); err != nil {
			return nil, err
		}
		page.What = one
	}
	return s.showConsents(c, call, form, page, http.StatusOK)
}

// consentsForm is POST /ui/consents: a pasted Consent is simulated, or one withdrawn.
func (s *server) consentsForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.form(c, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	page := web.Consents{Typed: strings.TrimSpace(form.Get("patient"))}
	status := http.StatusOK
	switch err := s.consentVerb(c, call, form, &page); {
	case err == nil:
	case describe(err).Kind == fhir.Forbidden, describe(err).Kind == fhir.Unavailable, describe(err).Kind == fhir.Internal:
		return nil, err
	default:
		page.Problem, status = describe(err).Detail, describe(err).Kind.Status()
	}
	return s.showConsents(c, call, form, page, status)
}

func (s *server) consentVerb(c *gin.Context, call *access.Call, form url.Values, page *web.Consents) error {
	if form.Get("do") == "withdraw" {
		ref, err := fhir.ParseRef(form.Get("consent"))
		whose, wrong := fhir.ParseRef(form.Get("patient"))
		if len(form.Get("reason")) > mostReason {
			return errReason
		}
		if err != nil || wrong != nil || ref.Type != "Consent" {
			return &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such resource."}
		}
		r := revocation{patient: whose, reason: form.Get("reason"), by: call.Agent.Subject, at: s.Now(), base: s.BaseURL}
		if _, err := s.applyAll(c.Request.Context(), call, r.operation(ref)); err != nil {
			return err
		}
		page.Done = ref.String() + " is withdrawn. It binds nobody any more."
		return nil
	}
	page.Pasted = form.Get("json")
	sent, err := s.Parse([]byte(page.Pasted))
	if err != nil {
		return err
	}
	if sent.Type() != "Consent" {
		return &fhir.Error{Kind: fhir.Invalid, Detail: "The type of the resource is not the type in the URL.", Expression: sent.Type()}
	}
	return s.simulateOn(c, call, access.Simulation{Consent: sent}, form, page)
}

// simulateOn fills in what would change. The question for the record has nothing of the text.
func (s *server) simulateOn(c *gin.Context, call *access.Call, asked access.Simulation, form url.Values, page *web.Consents) error {
	l, err := wording.In(cmp.Or(form.Get("language"), c.GetHeader("Accept-Language")))
	if err != nil {
		return err
	}
	result, err := s.Gate.Simulate(c.Request.Context(), call, asked)
	if err != nil {
		return err
	}
	page.Typed, page.Judged, page.More = result.Patient.String(), result.Judged, result.More
	if result.Told != nil {
		said := sayer{l, s.Now()}.consent(result.Told)
		page.New = &said
	}
	for i := range result.Changes {
		page.Changes = append(page.Changes, changeRow(&result.Changes[i]))
	}
	return nil
}

func changeRow(one *access.Change) web.ConsentChange {
	kinds := map[string]string{"staff": "Anybody of the staff", "system": "A system of the house", "guest": "Anybody of another organisation"}
	row := web.ConsentChange{Who: cmp.Or(kinds[one.Kind], one.Agent.Subject), Purpose: one.Agent.Purpose, Before: one.Before, After: one.After}
	for _, n := range one.Gains {
		row.Gains = append(row.Gains, web.Count{Type: n.Type, N: n.N})
	}
	for _, n := range one.Loses {
		row.Loses = append(row.Loses, web.Count{Type: n.Type, N: n.N})
	}
	return row
}

// suspects fills in which patients' Consents somebody should look at.
func (s *server) suspects(c *gin.Context, call *access.Call, form url.Values, page *web.Consents) error {
	found, err := s.Gate.ConsentProblems(c.Request.Context(), call, form.Get("after"), 50)
	if err != nil {
		return err
	}
	page.Looked, page.Incomplete, page.Contradicted, page.Unreadable, page.Doubtful = true, found.More, found.Contradicted, found.Unreadable, found.Doubtful
	for _, p := range found.Patients {
		one := web.Suspect{ID: p.Patient}
		for _, k := range p.Contradictions {
			one.Because = append(one.Because, k.Permits+" permits what "+k.Denies+" forbids ("+strings.Join(given(append(k.Who, k.Purpose, k.Type)...), ", ")+"). It stays forbidden.")
		}
		for _, name := range p.Unreadable {
			one.Because = append(one.Because, name+" is not understood, and therefore hides.")
		}
		for _, name := range p.Doubtful {
			one.Because = append(one.Because, name+" can be read in several ways; it is read so that less is shown.")
		}
		page.Suspects = append(page.Suspects, one)
	}
	if found.Next != "" {
		page.Next = pathConsents + "?" + url.Values{"problems": {"true"}, "after": {found.Next}, "language": {form.Get("language")}}.Encode()
	}
	return nil
}

// showConsents shows the page, with the Consents of the patient if there is one.
func (s *server) showConsents(c *gin.Context, call *access.Call, form url.Values, page web.Consents, status int) (*answer, error) {
	l, err := wording.In(cmp.Or(form.Get("language"), c.GetHeader("Accept-Language")))
	if err != nil {
		return nil, err
	}
	page.Language, page.Form = l.Name, formValue(s.secretOf(c))
	if page.Typed != "" {
		if err := s.consentsOf(c, call, sayer{l, s.Now()}, &page); err != nil {
			return nil, err
		}
	}
	for _, other := range []web.Link{{URL: "en", Words: "English"}, {URL: "de", Words: "Deutsch"}} {
		if other.URL != l.Name {
			other.URL = pathConsents + "?" + url.Values{"patient": {page.Typed}, "language": {other.URL}}.Encode()
			page.Others = append(page.Others, other)
		}
	}
	a, err := s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Consents", call.Receipts)
		return p.Consents(page)
	})
	if err == nil {
		a.status = status
	}
	return a, err
}

// consentsOf looks the patient up, and puts her Consents into sentences.
func (s *server) consentsOf(c *gin.Context, call *access.Call, say sayer, page *web.Consents) (err error) {
	page.Patient = page.Typed
	if ref, wrong := fhir.ParseRef(page.Typed); wrong != nil || ref.Type != "Patient" {
		problem := ""
		if page.Patient, page.Patients, problem, err = s.patientOf(c, call, pathConsents, page.Typed); err != nil || page.Patient == "" {
			page.Problem = cmp.Or(page.Problem, problem)
			return err
		}
	}
	found, err := s.Gate.Search(c.Request.Context(), call, access.SearchRequest{Type: "Consent", Params: []fhir.Param{{Name: "patient", Value: page.Patient}, {Name: "_count", Value: "200"}}})
	if err != nil {
		return err
	}
	page.Older = found.Next != ""
	for i := range found.Matches {
		v := &found.Matches[i]
		one := web.ConsentSaid{ID: v.Ref.String(), Status: "not in force"}
		told, err := s.Gate.Tell(v)
		if err != nil {
			return err
		}
		if told.Says != "dormant" {
			one.Status = "active"
		}
		one.Says = say.consent(told)
		page.All = append(page.All, one)
	}
	return nil
}
