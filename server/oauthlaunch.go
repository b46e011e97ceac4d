package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/auth/oauth"
	"github.com/aceso-health/aceso/fhir"
)

// mostLaunched is how many resources the context of a launch may have.
const mostLaunched = 20

// launchContext is POST [base]/$launch-context: what an EHR launch is about. The answer has
// the opaque value that the EHR sends to the app.
func (s *server) launchContext(c *gin.Context, call *access.Call) (*answer, error) {
	o, err := s.authorization()
	if err != nil {
		return nil, err
	}
	body, err := s.body(c, maxTokenForm, mediaFHIR, mediaJSON)
	if err != nil {
		return nil, err
	}
	launch, err := launchOf(body)
	if err != nil {
		return nil, err
	}
	to, done := keptCall(call)
	text, err := o.Launch(c.Request.Context(), to, call.Agent, launch)
	done()
	if err != nil {
		return nil, err
	}
	body, err = fhir.Parameters([]fhir.Parameter{{Name: "launch", Value: text}})
	return &answer{status: http.StatusOK, body: body}, err
}

// launchParameter is one of the Parameters.
type launchParameter struct {
	Name      string `json:"name"`
	Text      string `json:"valueString"`
	Flag      *bool  `json:"valueBoolean"`
	Reference struct {
		Reference string `json:"reference"`
	} `json:"valueReference"`
}

// launchOf reads them.
func launchOf(body []byte) (to oauth.Context, err error) {
	var in struct {
		Type       string            `json:"resourceType"`
		Parameters []launchParameter `json:"parameter"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Type != "Parameters" {
		return to, &fhir.Error{Kind: fhir.Malformed, Detail: "The body is a Parameters resource.", Err: err}
	}
	for _, p := range in.Parameters {
		if err := takeLaunch(&to, p); err != nil {
			return to, err
		}
	}
	if len(to.Resources) > mostLaunched {
		return to, &fhir.Error{Kind: fhir.Unprocessable, Detail: "The context of a launch has at most 20 further resources."}
	}
	return to, nil
}

func takeLaunch(to *oauth.Context, p launchParameter) error {
	of := func(types ...string) (string, error) {
		ref, err := fhir.ParseRef(p.Reference.Reference)
		if err != nil || len(types) > 0 && ref.Type != types[0] {
			return "", &fhir.Error{Kind: fhir.Unprocessable, Detail: "The parameter " + p.Name + " is a reference" + strings.Join(append([]string{""}, types...), " to a ") + " of this server."}
		}
		return ref.String(), nil
	}
	var err error
	switch p.Name {
	case "patient":
		to.Patient, err = of("Patient")
	case "encounter":
		to.Encounter, err = of("Encounter")
	case "user":
		to.User, err = of()
	case "fhirContext":
		var ref string
		ref, err = of()
		to.Resources = append(to.Resources, oauth.Reference{Reference: ref})
	case "client":
		to.Client = p.Text
	case "intent":
		to.Intent = p.Text
	case "tenant":
		to.Tenant = p.Text
	case "needPatientBanner":
		to.Banner = p.Flag
	default:
		err = &fhir.Error{Kind: fhir.Unprocessable, Detail: "The parameters of a launch are patient, encounter, user, fhirContext, client, intent, tenant and needPatientBanner."}
	}
	return err
}
