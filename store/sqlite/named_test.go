package sqlite

import (
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

const mediaBody = `{"resourceType":"Media","status":"completed","subject":{"reference":"Patient/1"},"content":{"url":"Binary/b"}}`

// The check finds names of Binaries that are missing, and those that nothing named.
func TestCheckFindsNames(t *testing.T) {
	for change, want := range map[string]string{
		"DELETE FROM named":                        "is missing",
		"INSERT INTO named VALUES ('Binary/x', 1)": "belongs to no version",
	} {
		dir := t.TempDir()
		s := open(t, dir, options())
		a := newAuthor(t, s)
		a.put("m", 0, mediaBody)
		a.must(s.write.do(t.Context(), true, func(u *changeUnit) error { return u.exec(change) }))
		a.must(s.Close())
		if all := findings(t, dir); len(all) != 1 || !strings.Contains(all[0], want) {
			t.Errorf("%s: found %q", change, all)
		}
	}
}

// An upgrade notes the Binaries that older versions name, drops inherited patients, and
// notes who is named by an identifier.
func TestUpgradeRenewsFacts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	a := newAuthor(t, s)
	a.put("m", 0, mediaBody)
	a.put("o", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"identifier":{"value":"M1"}}}`)
	list := a.version("l", 0, `{"resourceType":"List","status":"current","mode":"working","entry":[{"item":{"reference":"Observation/x"}}]}`)
	list.Facts.Patients = []string{"Patient/1"}
	a.must(a.commitOne(list))
	a.remove(fhir.Ref{Type: "List", ID: "l"})
	a.must(s.write.do(t.Context(), true, func(u *changeUnit) error { return u.exec("DELETE FROM named") }))
	a.must(s.Close())
	makeOld(t, dir)
	s = open(t, dir, options())
	names, err := s.Naming(t.Context(), fhir.Ref{Type: "Binary", ID: "b"}, 9)
	if err != nil || len(names) != 1 || names[0].Type != "Media" {
		t.Errorf("named by %v, %v", names, err)
	}
	v, err := s.Get(t.Context(), fhir.Ref{Type: "List", ID: "l"})
	if err != nil || !v.Deleted || len(v.Facts.Patients) > 0 {
		t.Errorf("the list is of %q, %v", v.Facts.Patients, err)
	}
	v, err = s.Get(t.Context(), fhir.Ref{Type: "Observation", ID: "o"})
	if err != nil || !slices.Equal(v.Facts.Logical, []string{"|M1"}) {
		t.Errorf("named are %q, %v", v.Facts.Logical, err)
	}
	a.must(s.Close())
	if all := findings(t, dir); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}
