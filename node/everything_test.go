package node

import (
	"fmt"
	"slices"
	"testing"
)

// $everything shows page by page the same on both stores: what is in the compartment of the
// patient, each once, what that refers to, and nothing of another patient.
func TestEverythingOnBothStores(t *testing.T) {
	var shown [][]string
	sides(t, func(t *testing.T, role func(string, string) []user) {
		system := role("system", "HOPERAT")[0]
		system.Put("/Organization/ward", `{"resourceType":"Organization","id":"ward","name":"Ward"}`).Want(201)
		for _, id := range []string{"p1", "p2"} {
			system.Put("/Patient/"+id, patientJSON(id, "A")).Want(201)
			for i := range 7 {
				name := fmt.Sprintf("o%d-%s", i, id)
				system.Put("/Observation/"+name, observationJSON(name, id, float64(i))).Want(201)
			}
			system.Put("/Encounter/e-"+id, `{"resourceType":"Encounter","id":"e-`+id+`","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/`+id+`"},"serviceProvider":{"reference":"Organization/ward"}}`).Want(201)
		}
		var all []string
		path := "/Patient/p1/$everything?_count=3"
		for path != "" {
			a := role("practitioner", "TREAT")[0].Get(path).Want(200)
			all, path = append(all, a.IDs()...), a.Next()
		}
		slices.Sort(all)
		want := []string{"Encounter/e-p1", "Observation/o0-p1", "Observation/o1-p1", "Observation/o2-p1", "Observation/o3-p1", "Observation/o4-p1", "Observation/o5-p1", "Observation/o6-p1", "Organization/ward", "Patient/p1"}
		if !slices.Equal(all, want) {
			t.Errorf("%v", all)
		}
		shown = append(shown, all)
		only := role("practitioner", "TREAT")[0].Get("/Encounter/e-p1/$everything?_type=Encounter").Want(200)
		if !slices.Contains(only.IDs(), "Encounter/e-p1") || slices.Contains(only.IDs(), "Observation/o1-p1") {
			t.Errorf("of the encounter: %v", only.IDs())
		}
	})
	if len(shown) == 2 && !slices.Equal(shown[0], shown[1]) {
		t.Errorf("one node %v\ntwo nodes %v", shown[0], shown[1])
	}
}
