package access

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/patch"
)

// patchOf is a JSON Patch of a resource.
func (h *house) patchOf(target, operations string) Operation {
	h.Helper()
	p, err := patch.ParseJSON([]byte("[" + strings.ReplaceAll(operations, "'", `"`) + "]"))
	if err != nil {
		h.Fatal(err)
	}
	return Operation{Method: "PATCH", Ref: ref(target), Patch: p}
}

const (
	amends    = `{'op':'replace','path':'/status','value':'amended'}`
	isFinal   = `{'op':'test','path':'/status','value':'final'}`
	isAmended = `{'op':'test','path':'/status','value':'amended'}`
)

// A patch that is made is recorded like an update, together with the hash of what was sent.
// Whether it can be made tells about what is there, so a patch that fails is recorded with
// what it told about.
func TestPatchesAreRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	other := h.patchOf("Observation/none", amends)
	other.Conditional, other.Criteria, other.Ref.ID = true, params("patient=seen&status=none"), ""
	for _, c := range []struct {
		name string
		ops  []Operation
		kind fhir.Kind
		want string // "*" stands for the hash
	}{
		{"made", []Operation{h.patchOf("Observation/s1", amends)}, 0, "permit 200 update Observation/s1 _patch=* [seen] [PUT Observation/s1]"},
		{"without effect", []Operation{h.patchOf("Observation/s1", isAmended)}, 0, "permit 200 update Observation/s1 _patch=* [seen] [GET Observation/s1]"},
		{"fails", []Operation{h.patchOf("Observation/s1", isFinal)}, fhir.Unprocessable, "permit 422 update Observation/s1 _patch=* [seen] [GET Observation/s1]"},
		{"makes no resource", []Operation{h.patchOf("Observation/s1", `{'op':'remove','path':'/status'}`)}, fhir.Unprocessable, "permit 422 update Observation/s1 _patch=* [seen] [GET Observation/s1]"},
		{"hidden", []Operation{h.patchOf("Observation/h1", isFinal)}, fhir.NotFound, "deny 404 update Observation/h1 _patch=* [hidden] []"},
		{"absent", []Operation{h.patchOf("Observation/no", isFinal)}, fhir.NotFound, "permit 404 update Observation/no _patch=* [] []"},
		{"of another version", []Operation{matching(h.patchOf("Observation/s1", amends), 1)}, fhir.VersionMismatch, "permit 412 update Observation/s1 _patch=* [seen] []"},
		{"without a match", []Operation{other}, fhir.NotFound, "permit 404 update  patient=seen&status=none&_patch=* [seen] []"},
		{"in a transaction", transaction(h.patchOf("Observation/s1", isAmended+","+`{'op':'replace','path':'/status','value':'final'}`)), 0, "permit 200 transaction  Observation?_patch=* [seen] [PUT Observation/s1]"},
	} {
		_, err := h.Apply(t.Context(), h.as(agent.Practitioner, "TREAT"), c.ops)
		if (err == nil) != (c.kind == 0) || err != nil && kindOf(err) != c.kind {
			t.Errorf("%s: %v", c.name, err)
		}
		got := told()
		before, after, _ := strings.Cut(c.want, "*")
		if len(got) != 1 || !strings.HasPrefix(got[0], before+"sha256:") || len(got[0]) != len(c.want)-1+71 || !strings.HasSuffix(got[0], after) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// A patch needs the right to read as well as that to update: a test could be tried out on
// data that its sender may only write.
func TestPatchesNeedTheRightToRead(t *testing.T) {
	h := ward(t)
	told := h.told()
	for scope, want := range map[string]string{
		"user/Observation.u": "deny 403 patch Observation/s1", "user/Observation.r": "deny 403 patch Observation/s1",
		"user/Observation.cr": "deny 403 patch Observation/s1", "user/Observation.ru": "permit 200 update Observation/s1",
	} {
		c := h.as(agent.Practitioner, "TREAT")
		scopes, err := agent.ParseScopes(scope)
		if err != nil {
			t.Fatal(err)
		}
		c.Agent.Scopes = scopes
		_, err = h.Apply(t.Context(), c, []Operation{h.patchOf("Observation/s1", isFinal)})
		if got := told(); (err == nil) != strings.HasPrefix(want, "permit") || len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%s: %v, %q", scope, err, got)
		}
	}
}

// An own system may correct what a Consent hides from it, but not patch it: the answer to a
// test would tell what is there.
func TestHiddenDataCannotBeTested(t *testing.T) {
	for _, c := range []struct{ operations, put string }{{isFinal, "200"}, {isAmended, "200"}, {amends, "200"}} {
		h := newHouse(t)
		h.put(patientDoc("p"), observationDoc("o", "p"), actionDoc("deny", "access"))
		told := h.told()
		if got := h.outcomes(h.system(), h.patchOf("Observation/o", c.operations)); got != "404" {
			t.Errorf("%s: %s", c.operations, got)
		}
		if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], "deny 404 update Observation/o") || !strings.HasSuffix(got[0], "[p] []") {
			t.Errorf("%q", got)
		}
		if got := h.outcomes(h.system(), h.update(amended(observationDoc("o", "p")))); got != c.put {
			t.Errorf("PUT: %s", got)
		}
	}
}

// What a patch makes is judged like what an update sends.
func TestWhatAPatchMakesIsJudged(t *testing.T) {
	h := ward(t)
	for operations, want := range map[string]string{
		`{'op':'replace','path':'/subject/reference','value':'Patient/hidden'}`:                     "403",
		`{'op':'replace','path':'/subject/reference','value':'Patient/seen'}`:                       "200 body",
		`{'op':'replace','path':'/subject/reference','value':'Patient?x=y'}`:                        "422",
		`{'op':'replace','path':'/id','value':'other'}`:                                             "422",
		`{'op':'replace','path':'','value':{'resourceType':'Basic','id':'s1','code':{'text':'x'}}}`: "422",
	} {
		if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.patchOf("Observation/s1", operations)); got != want {
			t.Errorf("%s: %s, want %s", operations, got, want)
		}
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/s1")); err != nil || v.Version != 1 {
		t.Errorf("version %d, %v", v.Version, err)
	}
}

// An update that changes nothing is decided and recorded, and makes no version; another
// organisation's is one.
func TestUpdatesWithoutEffectMakeNoVersion(t *testing.T) {
	h := ward(t)
	told := h.told()
	same := h.update(observationDoc("s1", "seen"))
	for range 2 {
		if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), same); got != "200 body" {
			t.Error(got)
		}
		if got := told(); len(got) != 1 || got[0] != "permit 200 update Observation/s1  [seen] [GET Observation/s1]" {
			t.Errorf("%q", got)
		}
	}
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), h.update(observationDoc("h1", "hidden"))); got != "404" {
		t.Errorf("of what is hidden: %s", got)
	}
	if v, err := h.Store.Get(t.Context(), ref("Observation/s1")); err != nil || v.Version != 1 {
		t.Errorf("version %d, %v", v.Version, err)
	}
	told()
	if got := h.outcomes(h.as(agent.Practitioner, "TREAT"), transaction(same, h.update(strings.Replace(patientDoc("seen"), `"id"`, `"active":true,"id"`, 1)))...); got != "200 body, 200 body" {
		t.Error(got)
	}
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "GET Observation/s1") || !strings.Contains(got[0], "PUT Patient/seen") {
		t.Errorf("%q", got)
	}
}

// A version belongs to the organisation that wrote it: another one's update is a version of
// its own, though its bytes are the same.
func TestUpdatesOfAnotherOrganisationMakeVersions(t *testing.T) {
	h := ward(t)
	v, err := h.Store.Get(t.Context(), ref("Observation/s1"))
	if err != nil {
		t.Fatal(err)
	}
	res := h.parse(observationDoc("s1", "seen"))
	stamped, err := res.Stamp("s1", 2, v.LastUpdated)
	if err != nil {
		t.Fatal(err)
	}
	s := &step{Operation: &Operation{Ref: v.Ref, Resource: res}, exists: true, before: v, stamped: stamped, length: len(v.Body)}
	if !s.unchanged(v.Owner) || s.unchanged("other") {
		t.Errorf("by its owner %v, by another %v", s.unchanged(v.Owner), s.unchanged("other"))
	}
}
