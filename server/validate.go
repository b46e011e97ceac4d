package server

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// validate is $validate of a type or a resource: the document is the body, or in a
// Parameters resource with the mode and the profile, or the one that is stored.
func (s *server) validate(c *gin.Context, call *access.Call) (*answer, error) {
	request, err := s.validateRequest(c)
	if err != nil {
		return nil, err
	}
	issues, err := s.Gate.Validate(c.Request.Context(), call, request)
	if err != nil {
		return nil, err
	}
	body, err := fhir.Outcome(issues)
	return &answer{status: http.StatusOK, body: body}, err
}

func (s *server) validateRequest(c *gin.Context) (v access.ValidateRequest, err error) {
	if v.Ref.Type, err = typeOf(c); err != nil {
		return v, err
	}
	if c.Param("id") != "" {
		if v.Ref, err = refOf(c, typeOf); err != nil {
			return v, err
		}
	}
	params, err := queryOf(c)
	if err != nil {
		return v, err
	}
	for _, p := range withoutFormat(params) {
		if err := takeValidateParam(&v, p.Name, p.Value); err != nil && !askedOf(c).lenient {
			return v, err
		}
	}
	if c.Request.Method == http.MethodPost && c.Request.ContentLength != 0 {
		data, err := s.document(c)
		if err != nil {
			return v, err
		}
		if err := readValidated(&v, data); err != nil {
			return v, err
		}
	}
	return v, checkValidate(&v)
}

// takeValidateParam takes a parameter from the URL or the body.
func takeValidateParam(v *access.ValidateRequest, name, value string) error {
	switch name {
	case "mode":
		if !slices.Contains([]string{"create", "update", "delete", "profile"}, value) {
			return &fhir.Error{Kind: fhir.Invalid, Detail: "The mode of a validation is create, update, delete or profile.", Expression: "mode"}
		}
		v.Mode = value
	case "profile":
		v.Profiles = append(v.Profiles, value)
	default:
		return unknownParam(name)
	}
	return nil
}

// maxProfiles is how many profiles one validation may name.
const maxProfiles = 10

func checkValidate(v *access.ValidateRequest) error {
	switch {
	case len(v.Profiles) > maxProfiles:
		return &fhir.Error{Kind: fhir.Invalid, Detail: "A validation may name 10 profiles. Send several.", Expression: "profile"}
	case v.Mode == "profile" && len(v.Profiles) == 0:
		return &fhir.Error{Kind: fhir.Invalid, Detail: "The mode profile needs a parameter profile with its canonical URL.", Expression: "profile"}
	case v.Ref.ID == "" && v.Body == nil:
		return &fhir.Error{Kind: fhir.Invalid, Detail: "There is nothing to validate: send the resource as the body, or as the parameter resource.", Expression: "resource"}
	case v.Ref.ID == "" && (v.Mode == "update" || v.Mode == "delete"):
		return &fhir.Error{Kind: fhir.Invalid, Detail: "The modes update and delete are about a stored resource. Send the request to Type/id/$validate.", Expression: "mode"}
	case v.Ref.ID != "" && v.Mode == "create":
		return &fhir.Error{Kind: fhir.Invalid, Detail: "The mode create is about a new resource. Send the request to Type/$validate.", Expression: "mode"}
	}
	return nil
}

// operationInput is a Parameters resource as $validate reads it.
type operationInput struct {
	ResourceType string `json:"resourceType"`
	Parameter    []struct {
		Name           string          `json:"name"`
		Resource       json.RawMessage `json:"resource"`
		ValueCode      string          `json:"valueCode"`
		ValueURI       string          `json:"valueUri"`
		ValueCanonical string          `json:"valueCanonical"`
		ValueString    string          `json:"valueString"`
	} `json:"parameter"`
}

// readValidated takes the document and the parameters from a body. A body that is no
// Parameters resource is the document itself, and so is one without a parameter resource
// where Parameters are validated.
func readValidated(v *access.ValidateRequest, data []byte) error {
	var in operationInput
	if err := json.Unmarshal(data, &in); err != nil || in.ResourceType != "Parameters" {
		v.Body = data
		return nil
	}
	given := false
	for _, p := range in.Parameter {
		given = given || p.Name == "resource" && p.Resource != nil
	}
	if v.Ref.Type == "Parameters" && !given {
		v.Body = data
		return nil
	}
	for _, p := range in.Parameter {
		if p.Name == "resource" {
			v.Body = p.Resource
			continue
		}
		if err := takeValidateParam(v, p.Name, p.ValueCode+p.ValueURI+p.ValueCanonical+p.ValueString); err != nil {
			return err
		}
	}
	return nil
}
