package node

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// For every role and every type: each operation of an instance that is listed is answered or
// refused by policy, never as something that the server does not do; $meta shows the meta of
// what the role may read, and of nothing else, and $everything what it may read of the patient.
func TestMetadataOperationsOfEveryRole(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, types := n.as("system", "HOPERAT"), n.statement().Rest[0].Resource
	twoPatients(n)
	stored := map[string]string{"Patient": "p1"}
	for _, typ := range putExamples(t, system) {
		if typ != "Consent" {
			stored[typ] = "example"
		}
	}
	for role, caller := range everyRole(n) {
		parallel(len(types), func(i int) int {
			typ := types[i].Type
			id := stored[typ]
			if id == "" {
				return 0
			}
			at := "/" + typ + "/" + id
			read := peek(caller, at+"?_format=json")
			for _, o := range types[i].Operation {
				wantOperation(t, caller, role, at, o.Name, read)
			}
			return 1
		})
	}
}

// wantOperation asks one operation of an instance.
func wantOperation(t *testing.T, caller user, role, at, name string, read response) {
	t.Helper()
	path := at + "/$" + name
	switch name {
	case "meta", "everything", "validate", "access-report":
	case "verify":
		path = at + "/_history/1/$verify"
	default: // TestMetadataChangesOfEveryRole, TestMetadataTermsOfEveryRole
		return
	}
	a := peek(caller, path)
	answered := []int{http.StatusOK, http.StatusForbidden, http.StatusNotFound}
	if !slices.Contains(answered, a.Status) || a.Has("not-supported") {
		t.Errorf("%s: %s is listed: %d %.200s", role, path, a.Status, a.Body)
	}
	names := role == "privacy-officer" && strings.HasPrefix(at, "/Patient/") // reads whom records name, and asks no more of them
	if shown := read.Status == http.StatusOK; name == "meta" && shown != (a.Status == http.StatusOK) && !(names && a.Status == http.StatusForbidden) {
		t.Errorf("%s: %s is %d, a read %d", role, path, a.Status, read.Status)
	}
	if a.Status != http.StatusOK {
		return
	}
	switch name {
	case "meta":
		if !reflect.DeepEqual(metaIn(a, "parameter"), metaIn(read, "")) {
			t.Errorf("%s: %s shows %s of %s", role, path, a.Body, read.Body)
		}
	case "everything":
		for _, ref := range a.IDs() {
			if one := peek(caller, "/"+ref); one.Status != http.StatusOK && !strings.HasPrefix(ref, "Binary/") {
				t.Errorf("%s: %s shows %s, which a read does not: %d", role, path, ref, one.Status)
			}
		}
		if !slices.Contains(a.IDs(), at[1:]) {
			t.Errorf("%s: %s does not show itself: %v", role, path, a.IDs())
		}
	}
}

// metaIn is the meta of a resource, or of the first parameter of a Parameters.
func metaIn(a response, in string) (meta any) {
	var d struct {
		Meta      any
		Parameter []struct{ ValueMeta any }
	}
	_ = json.Unmarshal(a.Body, &d)
	if in != "" && len(d.Parameter) > 0 {
		return d.Parameter[0].ValueMeta
	}
	return d.Meta
}
