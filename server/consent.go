package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

// consent is one view of the consent page: what is asked, and what is chosen so far.
type consent struct {
	request *oauth.Request
	asked   url.Values // as the app sent it
	user    *oauth.User
	form    url.Values // nil: nothing is chosen yet
	problem string
}

// needsPatient says that one must be chosen: a patient has her own.
func (p *consent) needsPatient() bool {
	return p.request.NeedsPatient && p.user.Role != agent.Patient
}

// purposes are those that client and user have in common.
func (p *consent) purposes() []string { return p.request.Offer(*p.user) }

// purpose is the one that is chosen; the first at first.
func (p *consent) purpose() string {
	some := p.purposes()
	if chosen := p.form.Get("purpose"); slices.Contains(some, chosen) {
		return chosen
	}
	if len(some) == 0 || p.form.Has("asked") {
		return ""
	}
	return some[0]
}

// consentPage asks the user.
func (s *server) consentPage(c *gin.Context, call *access.Call, p *consent) (*answer, error) {
	if len(p.purposes()) == 0 {
		if err := s.refuseAll(c, call, p); err != nil {
			return nil, err
		}
		return nil, &fhir.Error{Kind: fhir.Forbidden, Detail: "The app is registered for no purpose of use that you may act for, so you cannot give it access. Ask those who run this server."}
	}
	picker, err := s.picker(c, call, p)
	if err != nil {
		return nil, err
	}
	visits, err := s.visits(c, call, p)
	if err != nil {
		return nil, err
	}
	page := web.Consent{
		Action: pathConsent, Form: formValue(exchangeOf(c).session.Secret()), Request: p.asked.Encode(), App: nameOf(&p.request.Client), Contact: p.request.Client.Contact,
		Home: placeOf(p.request.Redirect), User: whoIs(agent.Agent{Name: p.user.Name, Subject: p.user.Subject, Role: p.user.Role, Organization: p.user.Organization}),
		Problem: p.problem, Picker: picker, Visits: visits, Data: p.data(), Online: p.request.Online, Offline: p.request.Offline,
		OfflineChosen: p.form == nil || slices.Contains(p.form["scope"], scopeOffline),
	}
	for _, code := range p.purposes() {
		page.Purposes = append(page.Purposes, web.Choice{Value: code, Words: web.Purpose(code), Chosen: code == p.purpose()})
	}
	for _, text := range p.request.Scopes {
		if words := web.Beside(text); words != "" {
			page.Others = append(page.Others, words)
		}
	}
	c.Writer.Header()["Content-Security-Policy"] = policyFor(p.request.Redirect)
	return s.page(func(pages *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, page.App+" asks for data", call.Receipts)
		return pages.Consent(page)
	})
}

// refuseAll records that the user can give the app nothing.
func (s *server) refuseAll(c *gin.Context, call *access.Call, p *consent) error {
	to, done := keptCall(call)
	defer done()
	_, err := s.Apps.Approve(c.Request.Context(), to, p.request, *p.user, oauth.Choice{Scopes: p.request.Scopes})
	if r := (*oauth.Refusal)(nil); errors.As(err, &r) {
		return nil
	}
	return err
}

func nameOf(client *oauth.Client) string {
	if client.Name != "" {
		return client.Name
	}
	return client.ID
}

// picker lets the user choose whose data the app gets.
func (s *server) picker(c *gin.Context, call *access.Call, p *consent) (*web.Picker, error) {
	if l := p.request.Launch; l != nil && l.Patient != "" {
		return &web.Picker{Fixed: l.Patient}, nil
	}
	if p.request.NeedsPatient && p.user.Role == agent.Patient {
		return &web.Picker{Fixed: p.user.Patient + " (you)"}, nil
	}
	if !p.needsPatient() {
		return nil, nil
	}
	picker := &web.Picker{Find: strings.TrimSpace(p.form.Get("find"))}
	if picker.Find == "" || p.purpose() == "" {
		return picker, nil
	}
	if err := s.actAs(c, p.user, p.purpose()); err != nil {
		return nil, err
	}
	found, err := s.Gate.Search(c.Request.Context(), call, access.SearchRequest{Type: "Patient", Params: searchFor(picker.Find)})
	if err != nil {
		return nil, err
	}
	picker.Searched, picker.More = true, found.Next != ""
	for i := range found.Matches {
		choice := patientChoice(&found.Matches[i])
		choice.Chosen = choice.Value == p.form.Get("patient") || len(found.Matches) == 1
		picker.Patients = append(picker.Patients, choice)
	}
	return picker, nil
}

// actAs lets the gate see the user, for a purpose.
func (s *server) actAs(c *gin.Context, u *oauth.User, purpose string) error {
	token, err := s.SignIn.Token(*u, purpose)
	if err != nil {
		return err
	}
	leave, err := s.admit(c, bearing(c.Request, token))
	if err == nil {
		leave() // a page asks once
	}
	return err
}

// mostFound is how many patients are shown to choose from.
const mostFound = "20"

// searchFor makes criteria of what somebody typed: dates of birth, numbers, and parts of
// names, all of which must fit.
func searchFor(text string) []fhir.Param {
	params := []fhir.Param{{Name: "_count", Value: mostFound}, {Name: "_sort", Value: "family"}}
	for _, word := range strings.Fields(text) {
		name := "name"
		switch {
		case strings.ContainsRune(word, '|') || strings.Trim(word, "0123456789") == "" && len(word) > 4:
			name = "identifier"
		case strings.Trim(word, "0123456789-") == "":
			name = "birthdate"
		}
		params = append(params, fhir.Param{Name: name, Value: escaped(word)})
	}
	return params
}

// escaped keeps what has a meaning in a search value from having it.
func escaped(word string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "$", `\$`).Replace(word)
}

// patientChoice is a patient as one of several to choose from.
func patientChoice(v *access.Version) web.Choice {
	var doc struct {
		Name []struct {
			Text, Family string
			Given        []string
		}
		BirthDate, Gender string
	}
	words := v.Ref.String()
	if json.Unmarshal(v.Body, &doc) == nil && len(doc.Name) > 0 {
		n := doc.Name[0]
		if name := strings.TrimSpace(strings.Join(append(slices.Clone(n.Given), n.Family), " ")); name != "" {
			words = name
		} else if n.Text != "" {
			words = n.Text
		}
	}
	return web.Choice{Value: v.Ref.String(), ID: v.Ref.ID, Words: words, Hint: strings.Join(given(born(doc.BirthDate), doc.Gender, v.Ref.ID), ", ")}
}

func born(date string) string {
	if date == "" {
		return ""
	}
	return "born " + date
}

// choice reads what the user has chosen, and says what is missing.
func (s *server) choice(c *gin.Context, call *access.Call, p *consent) (chosen oauth.Choice, missing string, err error) {
	if chosen.Purpose = p.purpose(); chosen.Purpose == "" {
		return chosen, "Choose what the app may use the data for.", nil
	}
	chosen.Scopes = p.chosenScopes()
	if p.needsPatient() {
		patient := p.form.Get("patient")
		if patient == "" {
			return chosen, "Search the patient and choose one.", nil
		}
		ref, err := fhir.ParseRef(patient)
		if err != nil || ref.Type != "Patient" {
			return chosen, "Search the patient and choose one.", nil
		}
		if err := s.mayChoose(c, call, p, ref); err != nil {
			return chosen, "", err
		}
		chosen.Patient = patient
	}
	if l := p.request.Launch; l != nil && l.Patient != "" && p.user.Role != agent.Patient { // who began the launch may see more than she
		ref, err := fhir.ParseRef(l.Patient)
		if err == nil {
			err = s.mayChoose(c, call, p, ref)
		}
		if err != nil {
			return chosen, "", err
		}
	}
	if p.request.NeedsEncounter && !p.form.Has("encounter") {
		return chosen, "Choose the visit that the app asks for, or none.", nil
	}
	if chosen.Encounter = p.form.Get("encounter"); p.request.NeedsEncounter && chosen.Encounter != "" {
		if err := s.isVisit(c, call, p, chosen.Encounter); err != nil {
			return chosen, "", err
		}
	}
	if p.wantsData() && len(p.chosenData()) == 0 {
		return chosen, fmt.Sprintf("Nothing is left of what %s asks for. Choose something, or do not allow it.", nameOf(&p.request.Client)), nil
	}
	return chosen, "", nil
}

// mayChoose reads the patient as the user, for the purpose: the form came from a browser,
// and may name anybody.
func (s *server) mayChoose(c *gin.Context, call *access.Call, p *consent, patient fhir.Ref) error {
	if err := s.actAs(c, p.user, p.purpose()); err != nil {
		return err
	}
	_, err := s.Gate.Read(c.Request.Context(), call, patient)
	return err
}
