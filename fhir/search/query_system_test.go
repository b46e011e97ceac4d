package search

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

func TestSystemQueries(t *testing.T) {
	for query, want := range map[string]string{
		"_type=Patient,Observation&_id=1":                     "Observation(_id=1) Patient(_id=1)",
		"_type=Patient,Patient&name=x":                        "Patient(name^x...)",
		"_type=Patient,Group&_has:Observation:patient:code=x": "Patient(Observation.patient<-code=x)",
		"_type=Patient,Group&identifier=1":                    "Group(identifier=1) Patient(identifier=1)",
	} {
		q, err := ParseSystem(paramsOf(t, query), testOptions)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		var got []string
		for _, p := range q.Parts() {
			got = append(got, p.Type+spell(p.Where))
		}
		if strings.Join(got, " ") != want || q.Type != "" {
			t.Errorf("%s: %s", query, got)
		}
		again, err := ParseSystem(paramsOf(t, q.Self), testOptions)
		if err != nil || again.Self != q.Self {
			t.Errorf("the self link %s reads as %v: %v", q.Self, again, err)
		}
	}
	for query, at := range map[string]string{
		"_type=Nonsense": "_type", "_type=": "_type", "_type=Patient&_type=Group": "_type", "_type=Patient,AuditEvent": "_type", "_type=Patient,Group&name=x": "name", "name=x": "name",
		"_type=Patient,Group&_sort=identifier": "_sort", "_type=Patient,Group&_include=Observation:subject": "_include", "_has:Observation:code:status=x": "_has:Observation:code:status",
		"_contained=true": "_contained", "_contained=both": "_contained", "_containedType=contained": "_containedType",
	} {
		_, err := ParseSystem(paramsOf(t, query), testOptions)
		if e, ok := err.(*fhir.Error); !ok || e.Kind != fhir.Invalid || e.Expression != at {
			t.Errorf("%s: %v", query, err)
		}
	}
	if _, err := ParseSystem(paramsOf(t, "_id="+strings.TrimSuffix(strings.Repeat("x,", 400), ",")), testOptions); kindOf(err) != fhir.TooCostly {
		t.Error(err)
	}
	q, err := ParseSystem(paramsOf(t, "_contained=false"), testOptions)
	if err != nil || slices.ContainsFunc(q.Parts(), func(p Part) bool { return p.Type == "AuditEvent" }) || len(q.Parts()) < 140 {
		t.Errorf("%d types: %v", len(q.Parts()), err)
	}
}

func TestSystemQueriesAreLenient(t *testing.T) {
	o := testOptions
	o.Lenient = true
	q, err := ParseSystem(paramsOf(t, "_type=Patient,Group&name=x&_id=1"), o)
	if err != nil || len(q.Warnings) != 1 || q.Self != "_id=1&_type=Patient,Group" {
		t.Errorf("%+v %v", q, err)
	}
}
