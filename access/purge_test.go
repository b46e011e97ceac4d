package access

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// removalOf is of a resource, with a row that says how much went.
func removalOf(patient, target string, until time.Time) Removal {
	return Removal{
		Patient: patient, Whole: []fhir.Ref{ref(target)}, Until: until, Detail: "step=remove",
		Keep: func(resources, versions int) (store.Kept, error) {
			return store.Kept{Space: "purge", Key: target, Value: []byte{byte(resources), byte(versions)}}, nil
		},
	}
}

// went is the row of a removal, nil if there is none.
func (h *house) went(target string) []byte {
	row, err := h.Store.Kept(h.Context(), "purge", target)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		h.Fatal(err)
	}
	return row.Value
}

// What is removed is decided, and recorded with its row: all or nothing. What was written
// later stays.
func TestPurgesAreDecidedAndRecorded(t *testing.T) {
	h := ward(t)
	told := h.told()
	later := h.Gate.Now().Add(time.Hour)
	look := func(role string) error {
		return h.LookToPurge(t.Context(), h.as(role, "HOPERAT"), "Patient/seen", fhir.Ref{}, func(*Version) error { return nil })
	}
	want := func(what, record string) {
		t.Helper()
		if got := told(); len(got) != 1 || got[0] != record {
			t.Errorf("%s: recorded %q, want %q", what, got, record)
		}
	}
	if err := look(agent.Practitioner); !isKind(err, fhir.Forbidden) {
		t.Errorf("a look by a practitioner: %v", err)
	}
	want("a look that was refused", "deny 403 purge Patient/seen  [seen] []")
	if err := look(agent.PrivacyOfficer); err != nil {
		t.Fatal(err)
	}
	want("a look", "permit 200 purge Patient/seen  [seen] []")
	if err := h.Remove(t.Context(), h.as(agent.Practitioner, "HOPERAT"), removalOf("Patient/seen", "Observation/s1", later)); !isKind(err, fhir.Forbidden) || h.went("Observation/s1") != nil {
		t.Errorf("a removal by a practitioner: %v, row %v", err, h.went("Observation/s1"))
	}
	want("a removal that was refused", "deny 403 purge Patient/seen  [seen] []")
	officer := func() *Call { return h.as(agent.PrivacyOfficer, "HOPERAT") }
	if err := h.Remove(t.Context(), officer(), removalOf("Patient/seen", "Observation/s1", time.Time{})); err != nil || h.went("Observation/s1")[0] != 0 {
		t.Errorf("what was written later: %v, row %v", err, h.went("Observation/s1"))
	}
	want("what was written later", "permit 200 purge Patient/seen step=remove [seen] []")
	if err := h.Remove(t.Context(), officer(), removalOf("Patient/seen", "Patient/seen", later)); err != nil || h.went("Patient/seen")[0] != 1 {
		t.Errorf("a removal: %v, row %v", err, h.went("Patient/seen"))
	}
	want("a removal", "permit 200 purge Patient/seen step=remove [seen] []")
	both := removalOf("Patient/hidden", "Patient/gone", later)
	both.Only = []OneVersion{{Ref: ref("Patient/hidden"), Version: 1}} // current: all of it is refused
	if err := h.Remove(t.Context(), officer(), both); !isKind(err, fhir.Conflict) || h.went("Patient/gone") != nil {
		t.Errorf("a removal of a current version: %v, row %v", err, h.went("Patient/gone"))
	}
	both.Whole, both.Only = nil, []OneVersion{{Ref: ref("Patient/hidden"), Version: 7}}
	if err := h.Remove(t.Context(), officer(), both); !isKind(err, fhir.NotFound) || numberless(err) != "There is no version … of this resource, or it was purged before." {
		t.Errorf("a removal of a version that is not there: %v", err)
	}
	if v, err := h.Store.GetVersion(t.Context(), ref("Patient/gone"), 1); err != nil || len(v.Body) == 0 {
		t.Errorf("what was not removed is %+v, %v", v, err)
	}
	if v, err := h.Store.Get(t.Context(), ref("Patient/seen")); err != nil || !v.Deleted || v.Purged == "" {
		t.Errorf("what was removed is %+v, %v", v, err)
	}
}

// numberless is the sentence of a refusal, without its numbers.
func numberless(err error) string {
	var known *fhir.Error
	if !errors.As(err, &known) {
		return ""
	}
	return regexp.MustCompile("[0-9]+").ReplaceAllString(known.Detail, "…")
}

func isKind(err error, kind fhir.Kind) bool {
	var known *fhir.Error
	return errors.As(err, &known) && known.Kind == kind
}
