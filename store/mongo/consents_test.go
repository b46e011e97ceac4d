package mongo

import (
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// A Consent that a primary shows which has been deposed, and that is rolled back, is
// not told to those who would keep it.
func TestRolledBackConsentIsNotTold(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server rolls back when its set wants to")
	}
	a := newAuthor(t, server.open(t, testOptions("")))
	durable := server.standIn.Backup()
	a.commit(smallWrite(fhir.Ref{Type: "Consent", ID: "1"}, 0, 1))
	waits := server.standIn.Fail(mongotest.Fault{Command: "commitTransaction", Do: mongotest.Slow}) // for a majority
	type answer struct {
		consents []store.Version
		changed  []string
		epochs   [2]int64
	}
	told := make(chan answer, 1)
	go func() {
		var is answer
		var errs [2]error
		is.consents, is.epochs[0], errs[0] = a.Consents(t.Context(), "Patient/1")
		is.changed, is.epochs[1], errs[1] = a.ConsentChanges(t.Context(), 0)
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		told <- is
	}()
	waitFor(t, func() bool { return waits.Fired() == 1 || len(told) == 1 })
	server.standIn.Restore(durable)
	waits.Remove()
	if is := <-told; len(is.consents)+len(is.changed) != 0 || is.epochs != [2]int64{} {
		t.Errorf("told %d Consents, of %q, with the epochs %d", len(is.consents), is.changed, is.epochs)
	}
}
