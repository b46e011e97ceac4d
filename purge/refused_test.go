package purge

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
)

// Each refusal says what is wrong, and what to do.
func TestRefusalsSayWhatIsWrong(t *testing.T) {
	h := newHouse(t)
	ctx, call, a, b := t.Context(), new(kept.Call), officer("a"), officer("b")
	says := func(err error, sentence string) {
		t.Helper()
		var known *fhir.Error
		pattern := strings.ReplaceAll(regexp.QuoteMeta(sentence), "…", ".+")
		if !errors.As(err, &known) || !regexp.MustCompile("^"+pattern+"$").MatchString(known.Detail) {
			t.Errorf("got %v, want %q", err, sentence)
		}
	}
	says(h.SetHold(ctx, call, a, "Observation/1", "x"), "A legal hold is of a patient, as in Patient/1, and for a reason of up to … bytes.")
	says(h.SetHold(ctx, call, a, "Patient/anna", ""), "This patient is under no legal hold.")
	says(h.SetRules(ctx, call, a, Rules{{Years: 200, Law: "x"}}), "Retention rule … needs years from 1 to …, the law (up to 200 characters), and a resource type or none.")
	says(h.SetRules(ctx, call, a, make(Rules, 201)), "There are more than … retention rules.")
	says(second(h.Ask(ctx, call, a, "x", "y")), "A purge is of a patient (Patient/1) or of a version (Observation/1/_history/2).")
	says(second(h.Ask(ctx, call, a, "Patient/anna", "")), "A purge needs a reason, of up to … bytes.")
	says(second(h.Ask(ctx, call, a, "Patient/none", "x")), "There never was such a patient or version, or it was purged before.")
	says(second(h.Get(ctx, call, a, "x")), "There is no such purge.")
	u := h.asked()
	says(second(h.Approve(ctx, call, b, u.ID, "x")), "What goes has changed since it was looked at. Look at it again, then approve it.")
	says(second(h.Decide(ctx, call, a, u.ID, []string{"Patient/ben"})), "Only documents that the preview lists as mentioning the patient can be decided.")
	says(changed(kept.ErrChanged), "Somebody else changed this meanwhile. Look at it again.")
	if err := h.SetHold(ctx, call, a, "Patient/anna", "a court"); err != nil {
		t.Fatal(err)
	}
	says(second(h.Approve(ctx, call, b, u.ID, u.Preview.Digest)), "The patient is under legal hold: nothing of hers can be purged until the hold ends.")
	h.must(h.Drop(ctx, call, a, u.ID))
	says(second(h.Drop(ctx, call, a, u.ID)), "The purge is …: this cannot be done with it now.")
	if err := errors.Join(h.SetHold(ctx, call, a, "Patient/anna", ""), h.SetRules(ctx, call, a, Rules{{Years: 10, Law: "x"}})); err != nil {
		t.Fatal(err)
	}
	u = h.asked()
	says(second(h.Approve(ctx, call, b, u.ID, u.Preview.Digest)), "Nothing would go: all of it is kept, or also somebody else's.")
	for i := range mostLines + 1 {
		h.add(Version{Ref: fhir.Ref{Type: "Basic", ID: strings.Repeat("x", i%60+1) + string(rune('a'+i/60))}, Version: 1, Body: []byte(`{"reference":"Patient/anna"}`)})
	}
	u = h.must(h.Ask(ctx, call, a, "Patient/anna", "x"))
	u = h.worked(u, Dropped)
	says(refused(fhir.TooCostly, u.Problem), "More than … documents mention the patient by her id, names or identifiers: they cannot be decided line by line. Remove what mentions her by mistake first.")
}
