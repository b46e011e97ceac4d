package server

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// Operations of HL7's guide to scalable consent management (FAST).
const (
	fileConsent      = "$fileConsent"
	revokeConsent    = "$revokeConsent"
	recordDisclosure = "$recordDisclosure"
)

// fastInput is a Parameters resource of one of them.
type fastInput struct {
	Parameter []struct {
		Name           string          `json:"name"`
		Resource       json.RawMessage `json:"resource"`
		ValueReference *struct {
			Reference string `json:"reference"`
		} `json:"valueReference"`
		ValueString string `json:"valueString"`
	} `json:"parameter"`
}

// sent are the parameters of such an operation.
type sent struct {
	resources  map[string]*fhir.Resource
	references map[string]string
	reason     string
}

// fast reads the parameters of such an operation, each once. Names begin with a small or
// capital letter: the guide has had both.
func (s *server) fast(c *gin.Context, resources, references []string) (*sent, error) {
	if err := noParams(c); err != nil {
		return nil, err
	}
	body, err := s.resource(c, "Parameters")
	if err != nil {
		return nil, err
	}
	var in fastInput
	if err := json.Unmarshal(body.Bytes(), &in); err != nil {
		return nil, fmt.Errorf("read Parameters that were parsed: %w", err)
	}
	all := &sent{resources: map[string]*fhir.Resource{}, references: map[string]string{}}
	for i, p := range in.Parameter {
		name, place := p.Name, "Parameters.parameter["+strconv.Itoa(i)+"]"
		if name != "" {
			name = strings.ToLower(name[:1]) + name[1:]
		}
		_, twice := all.resources[name]
		if all.references[name] != "" || twice || name == "reason" && all.reason != "" {
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Give the parameter only once.", Expression: place}
		}
		switch {
		case slices.Contains(resources, name) && p.Resource != nil:
			if all.resources[name], err = s.Parse(p.Resource); err != nil {
				return nil, describe(err).At(place + ".resource")
			}
		case slices.Contains(references, name) && p.ValueReference != nil && p.ValueReference.Reference != "":
			all.references[name] = p.ValueReference.Reference
		case name == "reason" && slices.Contains(references, name):
			all.reason = p.ValueString
		default:
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The parameter is not one of the operation, or not of its type: its OperationDefinition names them. Resources and references are taken; identifiers alone are not.", Expression: place}
		}
	}
	return all, nil
}

// ofType is a resource that was sent, of one of some types; nil if it was not and need not be.
func (a *sent) ofType(name string, needed bool, types ...string) (*fhir.Resource, error) {
	r := a.resources[name]
	if r == nil && !needed || r != nil && slices.Contains(types, r.Type()) {
		return r, nil
	}
	return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "The operation needs a parameter with a resource of its type: " + strings.Join(types, " or ") + ".", Expression: name}
}

// reference is one to a resource of this server, of a type; zero if it was not sent.
func (s *server) reference(all *sent, name, typ string) (fhir.Ref, error) {
	given := all.references[name]
	if given == "" {
		return fhir.Ref{}, nil
	}
	ref, version, ok := fhir.ParseReference(given, s.BaseURL)
	if !ok || ref.Type != typ || version != 0 {
		return fhir.Ref{}, &fhir.Error{Kind: fhir.Invalid, Detail: "Name the resource as in " + typ + "/1, without a version.", Expression: name}
	}
	return ref, nil
}

// withDocument adds the creation of a document to a change, so that both are done or neither.
func (s *server) withDocument(all *sent, op access.Operation) ([]access.Operation, error) {
	document, err := all.ofType("document", false, "DocumentReference", "QuestionnaireResponse")
	if document == nil || err != nil {
		return []access.Operation{op}, err
	}
	op.Expression = "Parameters.parameter(name='consent')"
	with := access.Operation{Method: http.MethodPost, Ref: fhir.Ref{Type: document.Type()}, Resource: document, Expression: "Parameters.parameter(name='document')"}
	if id := document.ID(); id != "" { // what the Consent refers to may be the document
		with.FullURL = s.url(document.Type() + "/" + id)
	}
	return []access.Operation{op, with}, nil
}

// fileConsent is POST [base]/Consent/$fileConsent.
func (s *server) fileConsent(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.fast(c, []string{"consent", "document"}, nil)
	if err != nil {
		return nil, err
	}
	consent, err := all.ofType("consent", true, "Consent")
	if err != nil {
		return nil, err
	}
	op := access.Operation{Method: http.MethodPost, Ref: fhir.Ref{Type: "Consent"}, Resource: consent, FullURL: s.url("Consent/new")}
	return s.filed(c, call, all, op)
}

func (s *server) filed(c *gin.Context, call *access.Call, all *sent, op access.Operation) (*answer, error) {
	ops, err := s.withDocument(all, op)
	if err != nil {
		return nil, err
	}
	effects, err := s.applyAll(c.Request.Context(), call, ops...)
	if err != nil {
		return nil, err
	}
	return s.changed(&effects[0], askedOf(c).result)
}

// mostReason is how long a reason is.
const mostReason = 500

var errReason = &fhir.Error{Kind: fhir.Invalid, Detail: "A reason to withdraw a Consent has up to 500 bytes.", Expression: "reason"}

// revokeConsent is POST [base]/Consent/$revokeConsent.
func (s *server) revokeConsent(c *gin.Context, call *access.Call) (*answer, error) {
	all, err := s.fast(c, []string{"document"}, []string{"consent", "patient", "reason"})
	if err != nil {
		return nil, err
	}
	r := revocation{reason: all.reason, by: call.Agent.Subject, at: s.Now(), base: s.BaseURL}
	if r.patient, err = s.reference(all, "patient", "Patient"); err != nil {
		return nil, err
	}
	ref, err := s.reference(all, "consent", "Consent")
	if err == nil && len(r.reason) > mostReason {
		err = errReason
	}
	if err == nil && ref.ID == "" {
		err = &fhir.Error{Kind: fhir.Invalid, Detail: "Name the Consent in the parameter consent, as in Consent/1.", Expression: "consent"}
	}
	if err != nil {
		return nil, err
	}
	return s.filed(c, call, all, r.operation(ref))
}

// revocation is the patch that ends a Consent.
type revocation struct {
	patient    fhir.Ref // whose it must be; zero: anybody's
	reason, by string
	at         time.Time
	base       string
}

func (r *revocation) operation(ref fhir.Ref) access.Operation {
	return access.Operation{Method: http.MethodPatch, Ref: ref, Patch: r}
}

// Sum is that of what was asked.
func (r *revocation) Sum() fhir.Hash {
	return sha256.Sum256([]byte(r.patient.String() + "\x00" + r.reason))
}

// Long is false: it costs what two JSON Patches cost.
func (r *revocation) Long() bool { return false }

// Apply makes an active Consent inactive, and says in an extension who revoked it, when and
// why. Its record says who has done that, and proves it.
func (r *revocation) Apply(document []byte, work *int64) ([]byte, error) {
	var consent struct {
		Status    string
		Patient   struct{ Reference string }
		Extension []json.RawMessage
	}
	if err := json.Unmarshal(document, &consent); err != nil {
		return nil, fmt.Errorf("read a Consent that is stored: %w", err)
	}
	if whose, _, _ := fhir.ParseReference(consent.Patient.Reference, r.base); r.patient.ID != "" && whose != r.patient {
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "The Consent is not one of the patient whom the parameter patient names.", Expression: "patient"}
	}
	if consent.Status != "active" {
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Detail: "Only an active Consent can be revoked.", Expression: "Consent.status"}
	}
	type extension struct {
		URL       string      `json:"url"`
		String    string      `json:"valueString,omitempty"`
		Instant   string      `json:"valueInstant,omitempty"`
		Extension []extension `json:"extension,omitempty"`
	}
	says := extension{URL: "https://aceso.health/fhir/StructureDefinition/consent-revocation", Extension: []extension{
		{URL: "by", String: r.by}, {URL: "at", Instant: r.at.UTC().Format("2006-01-02T15:04:05.000Z07:00")},
	}}
	if r.reason != "" {
		says.Extension = append(says.Extension, extension{URL: "reason", String: r.reason})
	}
	type step struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	steps := []step{{"replace", "/status", "inactive"}, {"add", "/extension", []extension{says}}}
	if consent.Extension != nil {
		steps[1] = step{"add", "/extension/-", says}
	}
	text, err := json.Marshal(steps)
	if err != nil {
		return nil, err
	}
	p, err := patch.ParseJSON(text)
	if err != nil {
		return nil, err
	}
	return p.Apply(document, work)
}
