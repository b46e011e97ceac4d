package access

import (
	"errors"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

// upsideDown breaks per-1, which only the level base finds.
const upsideDown = `{"resourceType":"Observation","id":"x","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/seen"},"effectivePeriod":{"start":"2020-02-02","end":"2019-01-01"}}`

func validation(v ValidateRequest) func(*house, *Call) error {
	return func(h *house, c *Call) error {
		_, err := h.Gate.Validate(h.Context(), c, v)
		return err
	}
}

// A validation is decided like a read; what is stored and looked at is recorded like what
// a read shows, and hidden resources are absent.
func TestValidationIsDecidedAndRecorded(t *testing.T) {
	h := ward(t)
	observation := fhir.Ref{Type: "Observation"}
	h.refuses([]asked{
		{name: "document", want: "deny 403 validate   [] []", do: validation(ValidateRequest{Ref: observation, Body: []byte(upsideDown)})},
		{name: "stored", want: "deny 403 validate Observation/s1  [seen] []", do: validation(ValidateRequest{Ref: ref("Observation/s1")})},
	})
	told := h.told()
	for _, c := range []struct {
		name, want string
		kind       fhir.Kind // of the error, Internal for none
		v          ValidateRequest
	}{
		{"document", "permit 200 validate   [] []", fhir.Internal, ValidateRequest{Ref: observation, Body: []byte(upsideDown)}},
		{"stored", "permit 200 validate Observation/s1  [seen] [GET Observation/s1]", fhir.Internal, ValidateRequest{Ref: ref("Observation/s1")}},
		{"hidden", "deny 404 validate Observation/h1  [hidden] []", fhir.NotFound, ValidateRequest{Ref: ref("Observation/h1")}},
		{"update of the hidden", "deny 404 validate Observation/h1  [hidden] []", fhir.NotFound, ValidateRequest{Ref: ref("Observation/h1"), Mode: "update", Body: []byte(observationDoc("h1", "seen"))}},
		{"delete of the hidden", "deny 404 validate Observation/h1  [hidden] []", fhir.NotFound, ValidateRequest{Ref: ref("Observation/h1"), Mode: "delete", Body: []byte(observationDoc("h1", "seen"))}},
		{"absent", "permit 404 validate Observation/no  [] []", fhir.NotFound, ValidateRequest{Ref: ref("Observation/no")}},
		{"deleted", "permit 410 validate Patient/gone  [gone] []", fhir.Gone, ValidateRequest{Ref: ref("Patient/gone")}},
		{"no JSON", "permit 400 validate   [] []", fhir.Malformed, ValidateRequest{Ref: observation, Body: []byte("{")}},
	} {
		_, err := h.Gate.Validate(t.Context(), h.as(agent.Practitioner, "TREAT"), c.v)
		if (err == nil) != (c.kind == fhir.Internal) || err != nil && kindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := told(); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestValidationFinds(t *testing.T) {
	h := ward(t)
	reader := h.as(agent.Practitioner, "TREAT")
	reader.Agent.Scopes[0].Actions = "rs"
	for _, c := range []struct {
		name, code, place string
		call              *Call
		v                 ValidateRequest
	}{
		{"a constraint", "invariant", "Observation.effective", nil, ValidateRequest{Ref: fhir.Ref{Type: "Observation"}, Body: []byte(upsideDown)}},
		{"the structure", "required", "Observation.code", nil, ValidateRequest{Ref: fhir.Ref{Type: "Observation"}, Body: []byte(`{"resourceType":"Observation","status":"final"}`)}},
		{"another type", "invalid", "Patient", nil, ValidateRequest{Ref: fhir.Ref{Type: "Observation"}, Body: []byte(patientDoc("p"))}},
		{"another id", "invalid", "Observation.id", nil, ValidateRequest{Ref: ref("Observation/s1"), Mode: "update", Body: []byte(observationDoc("s2", "seen"))}},
		{"an unknown profile", "not-found", "Observation", nil, ValidateRequest{Ref: ref("Observation/s1"), Profiles: []string{"http://example.org/none"}}},
		{"that a create is refused", "forbidden", "Observation", reader, ValidateRequest{Ref: fhir.Ref{Type: "Observation"}, Mode: "create", Body: []byte(observationDoc("s2", "seen"))}},
		{"that an update is refused", "forbidden", "Observation", reader, ValidateRequest{Ref: ref("Observation/s1"), Mode: "update", Body: []byte(observationDoc("s1", "seen"))}},
		{"that a delete is refused", "forbidden", "Observation", reader, ValidateRequest{Ref: ref("Observation/s1"), Mode: "delete"}},
	} {
		if c.call == nil {
			c.call = h.as(agent.Practitioner, "TREAT")
		}
		h.Validation.Current = func() *validate.Validator {
			p, err := validate.NewProfiles(nil)
			if err != nil {
				t.Fatal(err)
			}
			return &validate.Validator{Profiles: p}
		}
		issues, err := h.Gate.Validate(t.Context(), c.call, c.v)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		hit := false
		for _, i := range issues {
			hit = hit || !i.Warning && i.Code == c.code && i.Expression == c.place
		}
		if !hit {
			t.Errorf("%s: %+v", c.name, issues)
		}
	}
	issues, err := h.Gate.Validate(t.Context(), h.as(agent.Practitioner, "TREAT"), ValidateRequest{Ref: ref("Observation/s1"), Mode: "delete"})
	if err != nil || len(issues) > 0 {
		t.Errorf("a delete that is permitted: %+v, %v", issues, err)
	}
}

// What breaks a rule of the level is not written, and that is recorded.
func TestWritesAreHeldAgainstTheLevel(t *testing.T) {
	h := ward(t)
	told := h.told()
	for _, c := range []struct {
		level validate.Level
		op    Operation
		want  string
	}{
		{validate.Structure, h.post(upsideDown), "201 body"},
		{validate.Base, h.post(upsideDown), "422"},
		{validate.Declared, h.post(upsideDown), "422"},
		{validate.Base, h.post(observationDoc("y", "seen")), "201 body"},
	} {
		h.Validation.Level = c.level
		if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), c.op); got != c.want {
			t.Errorf("%s: %s, want %s", c.level, got, c.want)
		}
		if got := told(); len(got) != 1 {
			t.Errorf("%s: %q", c.level, got)
		}
	}
	h.Validation.Level = validate.Base
	_, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), transaction(h.post(observationDoc("y", "seen")), h.post(upsideDown)))
	var e *fhir.Error
	if !errors.As(err, &e) || len(e.Issues) != 1 || e.Issues[0].Expression != "Bundle.entry[1].resource.effective" {
		t.Errorf("%+v", e)
	}
}
