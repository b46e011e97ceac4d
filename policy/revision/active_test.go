package revision

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Without approval nothing is put in force or tried on anybody; an operator may, until the
// house wants two persons, if the tests pass.
func TestOnlyWhatIsApprovedIsPutInForce(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	o.active("first")
	hash := o.ready(a, "own")
	_, err := o.Activate(t.Context(), a, hash)
	o.refuses("an officer activates without approval", err, fhir.Conflict, 409)
	_, err = o.Canary(t.Context(), a, hash, []string{"clinic"})
	o.refuses("a canary without approval", err, fhir.Conflict, 409)
	draft := o.draft(operator(), "untested")
	_, err = o.Activate(t.Context(), operator(), draft)
	o.refuses("an operator activates without tests", err, fhir.Conflict, 409)
	if err := o.SetTwoPersons(t.Context(), operator(), true); err != nil {
		t.Fatal(err)
	}
	_, err = o.Activate(t.Context(), operator(), hash)
	o.refuses("an operator activates where two persons are needed", err, fhir.Conflict, 409)
	if err := o.SetTwoPersons(t.Context(), operator(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Activate(t.Context(), operator(), hash); err != nil || o.inForce() != hash {
		t.Error(err)
	}
}

// A rollback puts back what was in force before, once.
func TestRollbackIsToWhatWasInForce(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	_, err := o.Rollback(t.Context(), a)
	o.refuses("back to nothing", err, fhir.Conflict, 409)
	first, second := o.active("first"), o.active("second")
	if o.inForce() != second {
		t.Fatal(o.inForce())
	}
	if _, err := o.Rollback(t.Context(), a); err != nil || o.inForce() != first {
		t.Fatal(err, o.inForce())
	}
	_, err = o.Rollback(t.Context(), a)
	o.refuses("back to what was rolled back", err, fhir.Conflict, 409)
}

// Of two activations at once one wins; the other is told.
func TestOneActivationAtATime(t *testing.T) {
	o := newOffice(t)
	o.active("before")
	var won, lost int
	var hashes [2]string
	for i, line := range []string{"one", "two"} {
		hashes[i] = o.ready(officer("Practitioner/a"), line)
		o.must(o.Approve(t.Context(), officer("Practitioner/b"), hashes[i], 0))
	}
	met := make(chan struct{})
	var both, done sync.WaitGroup
	both.Add(2)
	o.Refused = func(context.Context, []byte) (int, int, error) { both.Done(); <-met; return 0, 0, nil }
	errs := make([]error, 2)
	for i := range hashes {
		done.Go(func() { _, errs[i] = o.Activate(t.Context(), officer("Practitioner/b"), hashes[i]) })
	}
	both.Wait()
	close(met)
	done.Wait()
	for _, err := range errs {
		if err == nil {
			won++
		} else if kindOf(err) == fhir.Conflict {
			lost++
		}
	}
	if won != 1 || lost != 1 {
		t.Errorf("%v", errs)
	}
}

// What is withdrawn while somebody activates it is not put in force.
func TestWhatIsWithdrawnMeanwhileIsNotActivated(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	before := o.active("before")
	hash := o.ready(a, "withdrawn")
	o.must(o.Approve(t.Context(), officer("Practitioner/b"), hash, 0))
	o.Refused = func(ctx context.Context, _ []byte) (int, int, error) {
		o.must(o.Withdraw(ctx, a, hash, 0))
		return 0, 0, nil
	}
	if _, err := o.Activate(t.Context(), a, hash); kindOf(err) != fhir.Conflict || o.inForce() != before {
		t.Errorf("%v, in force is %s", err, o.inForce())
	}
	_, err := o.Withdraw(t.Context(), a, before, 0)
	o.refuses("what is in force is withdrawn", err, fhir.Conflict, 409)
}

// What refuses everything that was permitted of late is a mistake, and not put in force.
func TestWhatRefusesEverythingIsNotActivated(t *testing.T) {
	o := newOffice(t)
	before := o.active("before")
	hash := o.ready(officer("Practitioner/a"), "closed")
	o.must(o.Approve(t.Context(), officer("Practitioner/b"), hash, 0))
	try := func(refused, permitted int, err error) error {
		o.Refused = func(context.Context, []byte) (int, int, error) { return refused, permitted, err }
		_, err = o.Activate(t.Context(), officer("Practitioner/a"), hash)
		return err
	}
	o.refuses("all refused", try(7, 7, nil), fhir.Unprocessable, 422)
	o.refuses("it cannot decide", try(0, 7, errors.New("loops")), fhir.Unprocessable, 422)
	if o.inForce() != before {
		t.Error("it is in force")
	}
	if err := try(6, 7, nil); err != nil {
		t.Error(err)
	}
}

// An emergency change needs the proof that it only narrows, lasts a day, and leaves nothing
// behind that nobody approved.
func TestAnEmergencyChangeOnlyNarrowsAndEnds(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	before := o.active("before")
	hash := o.draft(a, "narrow")
	emergency := func() error { _, err := o.Emergency(t.Context(), a, hash); return err }
	o.refuses("untested", emergency(), fhir.Conflict, 409)
	o.must(o.Test(t.Context(), a, hash))
	o.refuses("nobody can prove it", emergency(), fhir.Unprocessable, 422)
	says := func(narrower bool, err error) {
		o.Narrows = func(context.Context, fs.FS, fs.FS) (bool, error) { return narrower, err }
	}
	says(false, nil)
	o.refuses("it widens", emergency(), fhir.Unprocessable, 422)
	says(true, errors.New("a text function"))
	o.refuses("it cannot be proved", emergency(), fhir.Unprocessable, 422)
	says(true, nil)
	if err := emergency(); err != nil || o.inForce() != hash {
		t.Fatal(err, o.inForce())
	}
	o.refuses("a second one", emergency(), fhir.Conflict, 409)
	o.now = o.now.Add(EmergencyLife - time.Second)
	if o.inForce() != hash {
		t.Error("it ended early")
	}
	o.now = o.now.Add(time.Second)
	if o.inForce() != before {
		t.Error("it is still in force after a day")
	}
	old, err := o.Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // two nodes see it
		if err := o.End(t.Context(), operator(), old); err != nil {
			t.Fatal(err)
		}
	}
	if e := o.lastEvent(); !strings.Contains(e.Detail, "step=end") || !strings.Contains(e.Detail, before) || e.Refused != "" || o.inForce() != before {
		t.Errorf("the end is recorded as %+v", e)
	}
	if err := emergency(); err != nil { // another day, another one
		t.Fatal(err)
	}
	next := o.active("next")
	if _, err := o.Rollback(t.Context(), a); err != nil || o.inForce() != before {
		t.Errorf("back from %s is %s, %v: what one person put in force is nothing to come back to", next, o.inForce(), err)
	}
}

// Who is of a canary's organisation loses nothing to an emergency change that was not proved
// against the canary, too.
func TestAnEmergencyChangeIsProvedAgainstTheCanary(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	o.active("before")
	canary := o.ready(a, "canary")
	o.must(o.Approve(t.Context(), officer("Practitioner/b"), canary, 0))
	for _, bad := range [][]string{nil, {"a/b"}, make([]string, mostHouses+1)} {
		_, err := o.Canary(t.Context(), a, canary, bad)
		o.refuses("a canary for nobody", err, fhir.Unprocessable, 422)
	}
	if _, err := o.Canary(t.Context(), a, canary, []string{"clinic"}); err != nil {
		t.Fatal(err)
	}
	hash, proofs := o.draft(a, "narrow"), 0
	o.must(o.Test(t.Context(), a, hash))
	o.Narrows = func(context.Context, fs.FS, fs.FS) (bool, error) { proofs++; return proofs == 1, nil }
	_, err := o.Emergency(t.Context(), a, hash)
	o.refuses("it widens what the canary narrows", err, fhir.Unprocessable, 422)
	o.Narrows = func(context.Context, fs.FS, fs.FS) (bool, error) { return true, nil }
	if active, err := o.Emergency(t.Context(), a, hash); err != nil || active.Canary != nil {
		t.Errorf("%+v, %v", active, err)
	}
}

// A shadow needs tests that passed, and can be ended.
func TestAShadowWasTested(t *testing.T) {
	o, a := newOffice(t), officer("Practitioner/a")
	o.active("before")
	hash := o.draft(a, "watched")
	_, err := o.Shadow(t.Context(), a, hash)
	o.refuses("untested", err, fhir.Conflict, 409)
	o.must(o.Test(t.Context(), a, hash))
	if active, err := o.Shadow(t.Context(), a, hash); err != nil || active.Shadow != hash {
		t.Errorf("%+v, %v", active, err)
	}
	if active, err := o.Shadow(t.Context(), a, ""); err != nil || active.Shadow != "" {
		t.Errorf("%+v, %v", active, err)
	}
}

// Policies that were changed in the store go by no hash.
func TestWhatWasChangedInTheStoreIsNotUsed(t *testing.T) {
	o := newOffice(t)
	hash, other := o.draft(officer("Practitioner/a"), "one"), o.draft(officer("Practitioner/a"), "two")
	o.Lock()
	row := o.rows.Rows[spaceText+"/"+other]
	row.Key = hash
	o.rows.Rows[spaceText+"/"+hash] = row
	o.Unlock()
	if _, err := o.Archive(t.Context(), hash); err == nil {
		t.Error("other policies are used under the name of a revision")
	}
}
