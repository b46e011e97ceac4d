package access

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Basis is what an answer that is delivered later rests on: whatever the gate recorded of
// the calls that made it. It holds no documents. Begin with the zero Basis in Call.Basis.
type Basis struct {
	asked     []decision          // all that the policy was asked
	scopes    []agent.Scope       // of the first call: the policy does not see their search parameters
	items     []shown             // versions that the answer may show
	concerned []string            // patients named in the records
	broad     bool                // one of the questions was a broad one
	judged    store.Judged        // the Consents of all calls
	since     time.Time           // when the first call was recorded
	first     ledgerbridge.Draft  // its record
	calls     int                 // records that were made
	sealed    bool                // shows what is judged in other ways than resources
	named     map[string]struct{} // those concerned
}

// shown is a version, and the question by which it was shown.
type shown struct {
	ledgerbridge.Item
	question
}

// mostTotalAge is how old a total or an order may be when it is delivered: Consents begin and
// end, and labels change.
const mostTotalAge = time.Minute

// SameCaller says whether two agents are the same caller for the same purpose.
func SameCaller(a, b *agent.Agent) bool { return string(caller(a)) == string(caller(b)) }

// sameParameters says whether none of the scopes has search parameters, or both lists are the
// same: what they hide from a total cannot be told by the policy's decisions.
func sameParameters(before, now []agent.Scope) bool {
	some := func(s agent.Scope) bool { return s.Query != "" }
	return slices.Equal(before, now) || !slices.ContainsFunc(before, some) && !slices.ContainsFunc(now, some)
}

// note adds what was recorded of a call.
func (b *Basis) note(r *review) {
	if b == nil {
		return
	}
	if b.calls++; b.calls == 1 {
		b.since, b.named = r.now, map[string]struct{}{}
		b.first, b.scopes = r.entry, r.call.Agent.Scopes
		b.first.Patients, b.first.Others = nil, nil
	}
	for _, d := range r.decisions {
		if !slices.ContainsFunc(b.asked, func(e decision) bool { return e.question == d.question }) {
			b.asked = append(b.asked, d)
		}
	}
	b.sealed = b.sealed || r.entry.Type == auditEvent
	b.show(r, r.entry.Others)
	for i := range r.entry.Patients {
		b.touch(r, &r.entry.Patients[i])
	}
	b.rest(r.judged())
}

// touch adds the part of a patient.
func (b *Basis) touch(r *review, part *ledgerbridge.Touched) {
	if part.Patient == ledgerbridge.Everyone {
		b.broad = true
		return
	}
	if _, known := b.named[part.Patient]; !known {
		b.named[part.Patient] = struct{}{}
		b.concerned = append(b.concerned, part.Patient)
	}
	b.show(r, part.Items)
}

// show adds versions that a call showed or wrote.
func (b *Basis) show(r *review, items []ledgerbridge.Item) {
	for _, i := range items {
		if i.Method == "DELETE" {
			continue
		}
		b.items = append(b.items, shown{i, r.shownBy(i)})
	}
}

// shownBy is the question of this attempt by which a version was shown.
func (r *review) shownBy(i ledgerbridge.Item) question {
	ref, _ := fhir.ParseRef(i.Ref)
	letters := map[string][]string{"GET": {"r", "s"}, "POST": {"c"}, "PUT": {"u"}}[i.Method]
	for _, d := range r.decisions {
		if d.typ == ref.Type && slices.Contains(letters, d.action) {
			return d.question
		}
	}
	return question{"read", "r", ref.Type}
}

// rest adds what a call was judged by.
func (b *Basis) rest(j store.Judged) {
	if !j.All && len(j.Keys) == 0 {
		return
	}
	if len(b.judged.Keys) == 0 && !b.judged.All {
		b.judged.Epoch = j.Epoch
	}
	b.judged.Epoch, b.judged.All = min(b.judged.Epoch, j.Epoch), b.judged.All || j.All
	b.judged.Keys = append(b.judged.Keys, j.Keys...)
}

// Deliver decides whether an answer that was made before may leave now, and records that it
// does, like the read that it is: as of now policy and Consents must say of it what they said
// when it was made. If not, stands is false, and the answer must be made again or leave
// without what it shows.
func (g *Gate) Deliver(ctx context.Context, c *Call, b *Basis) (stands bool, err error) {
	if b.calls == 0 { // nothing was decided, and nothing is shown
		return true, nil
	}
	return answer(ctx, g, c, func(r *review) (bool, error) { return r.deliver(ctx, b) })
}

func (r *review) deliver(ctx context.Context, b *Basis) (bool, error) {
	stands, err := r.asBefore(ctx, b)
	e, first := &r.entry, &b.first
	e.Action, e.Interaction, e.Type, e.Target, e.Query = first.Action, first.Interaction, first.Type, first.Target, first.Query
	if b.calls > 1 {
		e.Action, e.Interaction, e.Type, e.Target, e.Query = "E", "batch", "", "", ""
		for _, d := range b.asked {
			r.alongside = append(r.alongside, d.question)
		}
	}
	r.concern(b.concerned)
	if b.broad {
		r.part(ledgerbridge.Everyone)
	}
	switch {
	case err != nil:
	case !stands:
		r.discloseNothing()
		e.Outcome = 202
	case b.calls == 1:
		e.Outcome, e.Decision, e.Reason = first.Outcome, first.Decision, first.Reason
	}
	return stands, err
}

// asBefore says whether everything is still decided as it was, and discloses what is shown.
func (r *review) asBefore(ctx context.Context, b *Basis) (bool, error) {
	r.begin(b.asked[0].question, r.decide(ctx, b.asked[0].question))
	if err := r.stands(ctx, 0); err != nil {
		return false, err
	}
	if err := r.identify(ctx); err != nil {
		return false, err
	}
	if !sameParameters(b.scopes, r.call.Agent.Scopes) {
		return false, nil
	}
	for _, before := range b.asked {
		now := r.decide(ctx, before.question)
		if now.Reason == tooSlow {
			return false, r.refuse(now)
		}
		if !reflect.DeepEqual(now, before.Decision) {
			return false, nil
		}
	}
	if changed, err := r.overtook(ctx, b.judged); changed || err != nil {
		return false, err
	}
	stands := !b.sealed && (len(b.items) > 0 || r.now.Sub(b.since) < mostTotalAge)
	if !stands {
		return false, nil
	}
	err := r.turns(ctx, r.call.spend(), func(ctx context.Context) error {
		for i := 0; i < len(b.items) && stands; i++ {
			var err error
			if stands, err = r.showsAgain(ctx, &b.items[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return stands, err
}

// overtook says whether a Consent that mattered was written since.
func (r *review) overtook(ctx context.Context, j store.Judged) (bool, error) {
	if !j.All && len(j.Keys) == 0 {
		return false, nil
	}
	keys, _, err := r.gate.Store.ConsentChanges(ctx, j.Epoch)
	if err != nil {
		return false, unavailable("consents cannot be read", err)
	}
	return j.All && len(keys) > 0 || slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(j.Keys, k) }), nil
}

// showsAgain judges a version as it stands now: what protects the resource today protects
// its past.
func (r *review) showsAgain(ctx context.Context, s *shown) (bool, error) {
	if err := r.call.spend().Spend(ctx, store.RowSteps); err != nil {
		return false, err
	}
	ref, err := fhir.ParseRef(s.Ref)
	if err != nil {
		return false, err
	}
	v, err := r.gate.Store.GetVersion(ctx, ref, s.Version)
	if errors.Is(err, store.ErrNotFound) { // purged
		return false, nil
	}
	if err != nil {
		return false, unavailable("resource cannot be read", err)
	}
	may := false
	if s.Method == "GET" {
		may, err = r.row(ctx, s.question, rowOf(&v))
	} else {
		may, err = r.sees(ctx, s.question, rowOf(&v))
	}
	if may && err == nil {
		r.disclose(&v, "GET")
		r.entry.Count++
	}
	return may, err
}
