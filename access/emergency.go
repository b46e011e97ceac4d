package access

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// A request for the purpose BTG sees the data of the patients of whom its caller has declared
// an emergency that runs, whatever the policy would let it see besides, and of them all that
// the policy permits but what a Consent denies for BTG itself. Who has declared nothing is
// refused. Emergencies are rows (store.EmergencySpace) whose keys begin with the mark of
// who declared them and end with the patient; package emergency writes them.

// emergencies are those of the caller that run, and the epoch as of which they do.
type emergencies struct {
	patients []string
	keys     []string // see store.Judged
	epoch    int64
}

// mostEmergencies is how many of one caller count; package emergency lets nobody declare more.
const mostEmergencies = 20

// undeclared is the reason of a refusal because the caller has declared no emergency that runs.
const undeclared = "emergency-undeclared"

// breaking says whether the request is made for the purpose of breaking the glass.
func (r *review) breaking() bool {
	return agent.PurposeFamily(r.call.Agent.Purpose) == agent.BreakGlass
}

// mustHaveDeclared refuses a request for BTG of somebody who has declared nothing.
func (r *review) mustHaveDeclared(ctx context.Context) error {
	if !r.breaking() {
		return nil
	}
	e, err := r.declared(ctx)
	if err != nil || len(e.patients) > 0 {
		return err
	}
	r.entry.Decision, r.entry.Reason = "deny", undeclared
	return &fhir.Error{Kind: fhir.Forbidden, Detail: "No emergency that you have declared is running. Declare one for the patient, with the reason, at /ui/emergencies or POST /admin/breakglass."}
}

// declared are the caller's emergencies that run. They are looked up once per attempt, and
// the record rests on them.
func (r *review) declared(ctx context.Context) (*emergencies, error) {
	if r.emergencies != nil {
		return r.emergencies, nil
	}
	e := &emergencies{epoch: math.MaxInt64}
	mark := r.call.Agent.Mark() + "."
	rows, err := r.gate.Store.EachKept(ctx, store.EmergencySpace, mark, mostEmergencies)
	for i := 0; i < len(rows) && err == nil; i++ {
		id, own := strings.CutPrefix(rows[i].Key, mark)
		if !own {
			break
		}
		var row store.Kept // as it stands in a snapshot that says its epoch
		row, err = r.gate.Store.Kept(ctx, store.EmergencySpace, rows[i].Key)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && row.Gone(r.now):
			err = nil
		case err == nil:
			e.patients, e.keys = append(e.patients, "Patient/"+id), append(e.keys, store.EmergencyKey(row.Key))
			e.epoch = min(e.epoch, row.Epoch)
		}
	}
	if err != nil {
		return nil, unavailable("emergencies cannot be looked up", err)
	}
	r.emergencies = e
	return e, nil
}

// inEmergency says whether a row is one that a declared emergency opens: a patient's of whom
// one runs, or nobody's, about which the constraints decide. Other requests are not asked.
func (r *review) inEmergency(ctx context.Context, row store.Row) (bool, error) {
	if !r.breaking() {
		return true, nil
	}
	e, err := r.declared(ctx)
	if err != nil {
		return false, err
	}
	f := row.Facts
	if len(f.Patients) == 0 && len(f.Inherited) == 0 {
		return len(e.patients) > 0, nil
	}
	of := func(p string) bool { return slices.Contains(e.patients, p) }
	return slices.ContainsFunc(f.Patients, of) || slices.ContainsFunc(f.Inherited, of), nil
}

// breaksGlass says whether the Consents of a patient bind as in a declared emergency.
func (r *review) breaksGlass(patient string) bool {
	return r.breaking() && r.emergencies != nil && slices.Contains(r.emergencies.patients, patient)
}

// ofEmergencies is what is certain of rows of patients in a request for BTG: those of others
// are hidden.
func (o *outlook) ofEmergencies(ctx context.Context, s *store.Sight) error {
	e, err := o.declared(ctx)
	if err != nil {
		return err
	}
	s.Rest = store.Hidden
	if o.past() {
		s.Rest = store.ByRow
	}
	if len(e.patients) == 0 {
		s.Free = store.Hidden
	}
	_, asks := binding(o.decision)
	for _, patient := range e.patients {
		is := o.weigh(store.Shown, patient)
		if asks {
			if is, err = o.patient(ctx, patient); err != nil {
				return err
			}
		}
		s.Groups = append(s.Groups, store.Group{Name: patient, Is: is, Patients: []string{patient}})
	}
	return nil
}
