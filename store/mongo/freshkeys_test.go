package mongo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/storetest"
)

// recordOf records that patients were read.
func recordOf(s *Store, sealer *ledgerbridge.Sealer, patients ...string) error {
	p, err := storetest.Record(sealer, "read", "R", 200, patients...)
	if err == nil {
		_, err = s.Record(context.Background(), p, store.Judged{})
	}
	return err
}

// The keys of new patients cost a query for each thousand and one insert, and records at the
// same time share the insert.
func TestCommandsOfNewPatients(t *testing.T) {
	r, _ := newWatcher(t)
	sealer := sealerWith(t, r.PartKeys(wrap, unwrap))
	sent := func(do func()) map[string]int {
		r.spy.take("")
		do()
		got := map[string]int{}
		for _, c := range r.spy.sent {
			first, _ := c.IndexErr(0)
			if in, _ := first.Value().StringValueOK(); in == "partkeys" || first.Key() == "commitTransaction" {
				got[first.Key()]++
			}
		}
		return got
	}
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprintf("Patient/%d", i)
	}
	got := sent(func() {
		if err := recordOf(r.Store, sealer, many...); err != nil {
			t.Error(err)
		}
	})
	if got["find"] != 3 || got["insert"] != 1 {
		t.Errorf("2,500 new patients in one record: %v", got)
	}
	if got = sent(func() { _ = recordOf(r.Store, sealer, "Patient/1") }); got["find"]+got["insert"] != 0 {
		t.Errorf("a patient whose key is known: %v", got)
	}
	got = sent(func() {
		var wait sync.WaitGroup
		for i := range 64 {
			wait.Go(func() {
				if err := recordOf(r.Store, sealer, fmt.Sprintf("Patient/new%d", i)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
	if got["find"] != 64 || got["insert"] > got["commitTransaction"] || got["insert"] > 32 {
		t.Errorf("64 new patients at the same time: %v", got)
	}
}

// A record is not written before the keys of its parts are durable: while they cannot be
// inserted new patients are refused and known ones served, and all is well afterwards.
func TestKeysAreDurableBeforeRecords(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to fail")
	}
	s := server.open(t, testOptions("n1"))
	sealer := sealerWith(t, s.PartKeys(wrap, unwrap))
	if err := recordOf(s, sealer, "Patient/known"); err != nil {
		t.Fatal(err)
	}
	p, err := storetest.Record(sealer, "read", "R", 200, "Patient/new")
	if err != nil {
		t.Fatal(err)
	}
	rule := server.standIn.Fail(mongotest.Fault{Command: "insert", Do: mongotest.Refuse, Code: 121, Name: "DocumentValidationFailure", Times: 1})
	var known *fhir.Error
	if _, err := s.Record(t.Context(), p, store.Judged{}); !errors.As(err, &known) || known.Kind != fhir.Unavailable {
		t.Errorf("a record whose key is not durable: %v", err)
	}
	rule.Remove()
	for _, patient := range []string{"Patient/known", "Patient/new"} {
		if err := recordOf(s, sealer, patient); err != nil {
			t.Error(err)
		}
	}
	_, log := s.Logs()
	n := 0
	err = log.Rows(t.Context(), 0, 10, func(r ledgerbridge.Row) error {
		n++
		_, err := sealer.OpenParts(t.Context(), r.Parts, nil)
		return err
	})
	if err != nil || n != 3 {
		t.Errorf("%d records, %v", n, err)
	}
}

// So many keys wait at most.
func TestKeysWaitInLimits(t *testing.T) {
	var f freshKeys
	var err error
	for i := range freshMost + 1 {
		if err != nil {
			t.Fatal(i, err)
		}
		_, err = f.ensure(wrappedKey{Owner: fmt.Sprint(i), ID: fmt.Sprint(i)})
	}
	var known *fhir.Error
	if !errors.As(err, &known) || known.Kind != fhir.Unavailable || !strings.Contains(known.Err.Error(), "200000 keys") {
		t.Error(err)
	}
}
