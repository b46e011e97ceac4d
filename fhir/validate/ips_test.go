package validate_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/terminology"
	"github.com/aceso-health/aceso/fhir/validate"
)

// guide is the International Patient Summary (hl7.fhir.uv.ips 2.0.0, CC0): its rules and
// examples, which fhir/gen has made small.
const guide = "testdata/ips.tgz"

// sets are the value sets of a package.
type sets map[string][]byte

func (s sets) Canonical(_ context.Context, _, url, _ string) ([]byte, error) { return s[url], nil }
func (sets) Instance(context.Context, string, string) ([]byte, error)        { return nil, nil }

type bindings struct{ terms *terminology.Terms }

func (b bindings) Member(ctx context.Context, set, system, code string) (member, known bool) {
	vs, err := b.terms.Set(ctx, set)
	if vs == nil || err != nil {
		return false, false
	}
	e, err := b.terms.Member(ctx, vs, terminology.Coding{System: system, Code: code}, true)
	return e != nil, err == nil
}

// validatorOf makes a validator of packages.
func validatorOf(t testing.TB, all ...*validate.Package) *validate.Validator {
	t.Helper()
	var definitions [][]byte
	terms := sets{}
	for _, p := range all {
		for _, d := range p.Profiles {
			definitions = append(definitions, d)
		}
		for _, r := range p.Terminology {
			var head struct{ URL string }
			if err := json.Unmarshal(r, &head); err != nil {
				t.Fatal(err)
			}
			terms[head.URL] = r
		}
	}
	profiles, err := validate.NewProfiles(definitions)
	if err != nil {
		t.Fatal(err)
	}
	return &validate.Validator{Profiles: profiles, Terminology: func() validate.Terminology { return bindings{terminology.New(terms)} }}
}

// ips is a validator with the guide, which has been packed and unpacked, and its examples.
func ips(t testing.TB) (*validate.Validator, map[string][]byte) {
	t.Helper()
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	p, err := validate.ReadArchive(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := p.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = validate.Unpack(packed); err != nil {
		t.Fatal(err)
	}
	return validatorOf(t, p), examples(t, data)
}

func examples(t testing.TB, data []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(h.Name, "/example/") {
			if all[strings.TrimSuffix(path.Base(h.Name), ".json")], err = io.ReadAll(files); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// found are the findings about a document, of the parser or of the validator.
func found(t testing.TB, v *validate.Validator, data []byte, profiles ...string) []fhir.Issue {
	t.Helper()
	r, err := fhir.Parse(data)
	var known *fhir.Error
	if errors.As(err, &known) {
		return known.Findings("processing")
	}
	issues, err := v.Check(t.Context(), r, validate.Options{Profiles: profiles, Declared: true, Warnings: true})
	if err != nil {
		t.Fatal(err)
	}
	return issues
}

func TestIPSExamplesAreValid(t *testing.T) {
	v, all := ips(t)
	if len(all) != 44 {
		t.Errorf("%d examples, want 44", len(all))
	}
	for name, data := range all {
		for _, i := range found(t, v, data) {
			if !i.Warning || i.Code == "not-supported" || i.Code == "not-found" {
				t.Errorf("%s: %s %s %s", name, i.Code, i.Expression, i.Detail)
			}
		}
	}
}

// mutations change one element of an example each: file, path, new value (- is none), and
// the issue that must follow: its code, its place, and a word of its text.
const mutations = `
Patient-66033 | name | - | required | Patient.name | Patient-uv-ips
Patient-66033 | birthDate | - | required | Patient.birthDate | Patient-uv-ips
Patient-66033 | name[0] | {"use":"official"} | invariant | Patient.name[0] | ips-pat-1
Patient-66033 | gender | "m" | code-invalid | Patient.gender |
Patient-66033 | birthDate | "1990-13-01" | value | Patient.birthDate |
Patient-66033 | contact | [{"gender":"male"}] | invariant | Patient.contact[0] | pat-1
Patient-patient-example-female | telecom[0] | {"value":"1"} | invariant | Patient.telecom[0] | cpt-2
AllergyIntolerance-eumfh-39-07-1 | code | - | required | AllergyIntolerance.code | AllergyIntolerance-uv-ips
AllergyIntolerance-eumfh-39-07-1 | patient | {"display":"x"} | required | AllergyIntolerance.patient.reference | AllergyIntolerance-uv-ips
AllergyIntolerance-eumfh-39-07-1 | patient.reference | "Group/1" | value | AllergyIntolerance.patient.reference |
AllergyIntolerance-eumfh-39-07-1 | clinicalStatus | - | invariant | AllergyIntolerance | ait-1
Condition-eumfh-39-07-1 | code | - | required | Condition.code | Condition-uv-ips
Condition-eumfh-39-07-1 | subject | {"display":"x"} | required | Condition.subject.reference | Condition-uv-ips
Condition-eumfh-39-07-1 | subject.reference | "Group/1" | value | Condition.subject | Group
Condition-eumfh-39-07-1 | abatementString | "x" | invariant | Condition | con-4
DeviceUseStatement-eumfh-70-275-1 | _timingDateTime | - | required | DeviceUseStatement.timing | DeviceUseStatement-uv-ips
DeviceUseStatement-eumfh-70-275-1 | device.reference | "Patient/1" | value | DeviceUseStatement.device.reference |
DiagnosticReport-hemoglobin | status | "entered-in-error" | code-invalid | DiagnosticReport.status | diagnostics-report-status
DiagnosticReport-hemoglobin | subject | - | required | DiagnosticReport.subject | DiagnosticReport-uv-ips
DiagnosticReport-hemoglobin | subject.reference | "Device/1" | value | DiagnosticReport.subject | Device
DiagnosticReport-hemoglobin | effectiveDateTime | - | required | DiagnosticReport.effective | DiagnosticReport-uv-ips
Flag-546482 | status | "inactive" | value | Flag.status | fixed
Flag-546482 | subject | {"display":"x"} | required | Flag.subject.reference | Flag-alert-uv-ips
Flag-546482 | code | - | required | Flag.code |
ImagingStudy-TII-ImagingStudy-5-1 | status | "entered-in-error" | code-invalid | ImagingStudy.status | imaging-study-status
ImagingStudy-TII-ImagingStudy-5-1 | subject.reference | "Device/1" | value | ImagingStudy.subject | Device
Immunization-75680 | patient | {"display":"x"} | required | Immunization.patient.reference | Immunization-uv-ips
Immunization-75680 | status | "done" | code-invalid | Immunization.status |
Medication-eumfh-39-07-1 | code | - | required | Medication.code | Medication-uv-ips
MedicationRequest-eumfh-39-07-1-request | doNotPerform | true | value | MedicationRequest.doNotPerform | pattern
MedicationRequest-eumfh-39-07-1-request | subject.reference | "Group/1" | value | MedicationRequest.subject | Group
MedicationStatement-eumfh-39-07-1 | effectivePeriod | - | required | MedicationStatement.effective | MedicationStatement-uv-ips
MedicationStatement-eumfh-39-07-1 | effectivePeriod | {"start":"2020-01-02","end":"2019-01-01"} | invariant | MedicationStatement.effective | per-1
Observation-alcohol-use-example | code.coding[0].code | "1-8" | value | Observation.code | pattern
Observation-alcohol-use-example | effectiveDateTime | - | required | Observation.effective | alcoholuse
Observation-alcohol-use-example | component | [{"code":{"text":"x"}}] | structure | Observation.component | at most 0
Observation-alcohol-use-example | valueQuantity | {"value":1,"code":"x"} | invariant | Observation.value | qty-3
Observation-hemoglobin | category[0].coding[0].code | "vital-signs" | required | Observation.category | slice laboratory
Observation-hemoglobin | performer | - | required | Observation.performer | laboratory-pathology
Observation-hemoglobin | valueQuantity | - | invariant | Observation | ips-2
Observation-hemoglobin | status | "entered-in-error" | code-invalid | Observation.status | results-status
Observation-hemoglobin | component | [{"code":{"text":"x"}}] | invariant | Observation | ips-3
Observation-hemoglobin | dataAbsentReason | {"text":"x"} | invariant | Observation | obs-6
Observation-ips-example-imaging-1 | effectiveDateTime | "2020" | invariant | Observation.effective | ips-1
Observation-ips-example-imaging-1 | subject.reference | "Group/1" | value | Observation.subject | Group
Observation-pregnancy-edd-example | code.coding[0].code | "1-8" | code-invalid | Observation.code | edd-method
Observation-pregnancy-outcome-example | code.coding[0].code | "1-8" | code-invalid | Observation.code | pregnancies-summary
Observation-pregnancy-status-example | bodySite | {"text":"x"} | structure | Observation.bodySite | at most 0
Observation-pregnancy-status-example | code.coding[0].system | "http://example.org" | value | Observation.code | pattern
Observation-tobacco-use-example | code.coding[0].code | "1-8" | value | Observation.code | pattern
Organization-simple-org | name | - | required | Organization.name | Organization-uv-ips
Practitioner-eumfh-39-07 | name | - | required | Practitioner.name | Practitioner-uv-ips
Procedure-eumfh-39-07-1 | _performedDateTime | - | required | Procedure.performed | Procedure-uv-ips
Procedure-eumfh-39-07-1 | code | - | required | Procedure.code | Procedure-uv-ips
Specimen-specimen-example-1 | type | - | required | Specimen.type | Specimen-uv-ips
Specimen-specimen-example-1 | subject | {"display":"x"} | required | Specimen.subject.reference | Specimen-uv-ips
Composition-composition-minimal | type.coding[0].code | "1-8" | value | Composition.type | pattern
Composition-composition-minimal | subject | - | required | Composition.subject | Composition-uv-ips
Composition-composition-minimal | section[0].code.coding[0].code | "1-8" | required | Composition.section | slice section
Composition-composition-minimal | section[0].title | - | required | Composition.section[0].title | Composition-uv-ips
Composition-composition-minimal | section[1].text | - | required | Composition.section[1].text | Composition-uv-ips
Composition-composition-minimal | section[1].section | [{"title":"x"}] | structure | Composition.section[1].section | at most 0
Bundle-bundle-minimal | identifier | - | invariant | Bundle | bdl-9
Bundle-bundle-minimal | entry[1].resource.birthDate | - | required | Bundle.entry | slice patient
Bundle-bundle-minimal | entry[0].resource.title | - | required | Bundle.entry[0].resource.title |
Bundle-bundle-minimal | entry[0].resource.section[0].code.coding[0].code | "1-8" | required | Bundle.entry | slice composition
Bundle-bundle-minimal | entry[2].fullUrl | - | required | Bundle.entry[2].fullUrl | Bundle-uv-ips
Bundle-bundle-ips-all-sections | entry[1].resource.name | - | required | Bundle.entry[1].resource.name | Patient-uv-ips
`

func TestIPSMutationsAreFound(t *testing.T) {
	v, all := ips(t)
	lines := strings.Split(strings.TrimSpace(mutations), "\n")
	if len(lines) < 50 {
		t.Errorf("%d mutations", len(lines))
	}
	for _, line := range lines {
		f := strings.Split(line, "|")
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		data := mutated(t, all[f[0]], f[1], f[2])
		hit := false
		issues := found(t, v, data)
		for _, i := range issues {
			hit = hit || !i.Warning && i.Code == f[3] && i.Expression == f[4] && strings.Contains(i.Detail, f[5])
		}
		if !hit {
			t.Errorf("%s: found %+v", line, issues)
		}
	}
}

// mutated changes what a path leads to.
func mutated(t testing.TB, data []byte, path, to string) []byte {
	t.Helper()
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	at := doc
	steps := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	for _, s := range steps[:len(steps)-1] {
		switch x := at.(type) {
		case map[string]any:
			at = x[s]
		case []any:
			i, _ := strconv.Atoi(s)
			at = x[i]
		}
	}
	last := steps[len(steps)-1]
	var value any
	if to != "-" {
		if err := json.Unmarshal([]byte(to), &value); err != nil {
			t.Fatal(err)
		}
	}
	switch x := at.(type) {
	case map[string]any:
		x[last] = value
		if to == "-" {
			if _, ok := x[last]; !ok {
				t.Fatalf("%s is not there", path)
			}
			delete(x, last)
		}
	case []any:
		i, _ := strconv.Atoi(last)
		x[i] = value
	default:
		t.Fatalf("%s is not there", path)
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
