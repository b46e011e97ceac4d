package access

import (
	"regexp"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// tagged is $meta-add or $meta-delete of a tag.
func (h *house) tagged(target, code string, remove bool) Operation {
	h.Helper()
	change, err := fhir.ParseMetaChange([]byte(`{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"urn:x","code":"` + code + `"}]}}]}`))
	if err != nil {
		h.Fatal(err)
	}
	change.Delete = remove
	return Operation{Method: "PATCH", Ref: ref(target), Patch: change}
}

// $meta-add and $meta-delete are decided and recorded like a patch: an update of what may be
// seen, and no version if nothing changes. What is hidden is as if it were absent.
func TestMetaIsChangedThroughTheGate(t *testing.T) {
	h := ward(t)
	told := h.told()
	reader := h.as(agent.Practitioner, "TREAT")
	reader.Agent.Scopes[0].Actions = "rs"
	blind := h.as(agent.Practitioner, "TREAT")
	blind.Agent.Scopes[0].Actions = "u"
	doctor := h.as(agent.Practitioner, "TREAT")
	for _, c := range []struct {
		name    string
		by      *Call
		op      Operation
		outcome string
		record  string // without the hash of what was sent
	}{
		{"added", doctor, h.tagged("Observation/s1", "a", false), "200 body", "permit 200 update Observation/s1 [seen] [PUT Observation/s1]"},
		{"added again", doctor, h.tagged("Observation/s1", "a", false), "200 body", "permit 200 update Observation/s1 [seen] [GET Observation/s1]"},
		{"taken away", doctor, h.tagged("Observation/s1", "a", true), "200 body", "permit 200 update Observation/s1 [seen] [PUT Observation/s1]"},
		{"of another version", doctor, matching(h.tagged("Observation/s1", "b", false), 1), "412", "permit 412 update Observation/s1 [seen] []"},
		{"hidden", doctor, h.tagged("Observation/h1", "a", false), "404", "deny 404 update Observation/h1 [hidden] []"},
		{"absent", doctor, h.tagged("Observation/no", "a", false), "404", "permit 404 update Observation/no [] []"},
		{"deleted", doctor, h.tagged("Patient/gone", "a", false), "410", "permit 410 update Patient/gone [gone] []"},
		{"who may read only", reader, h.tagged("Observation/s1", "a", false), "403", "deny 403 patch Observation/s1 [seen] []"},
		{"who may update only", blind, h.tagged("Observation/s1", "a", false), "403", "deny 403 patch Observation/s1 [seen] []"},
	} {
		if got := h.outcomes(c.by, c.op); got != c.outcome {
			t.Errorf("%s: %s, want %s", c.name, got, c.outcome)
		}
		if got := told(); len(got) != 1 || hashless(got[0]) != c.record {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.record)
		}
	}
}

// hashless is the line of a record without its query.
func hashless(line string) string {
	return regexp.MustCompile(` _patch=sha256:[0-9a-f]{64}`).ReplaceAllString(line, "")
}
