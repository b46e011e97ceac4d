package access

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// The bounds of an answer about who sees whom.
const (
	mostStaff    = 5_000
	mostSights   = 20_000 // sets that are looked at; a shape of Consents each costs some microseconds
	mostDecided  = 200_000
	seersSamples = 5
)

// SeersQuestion asks who of the staff sees patients otherwise if other policies decide.
type SeersQuestion struct {
	Before, After Decider
	Named         []string // subjects that one of them names; all others are decided alike
	Apart         bool     // that is not known: each is decided by herself
	Purposes      []string
	Users         []agent.Agent // staff beside the practitioners that are stored, with Purposes of their own
	UserPurposes  [][]string    // of each of Users
	As            func(subject string) agent.Agent
	Detail        string // for the record
}

// Seers answers to those whom the policy lets explain. It judges by what is certain of sets of
// rows (see Sight), so it costs as much as Consents and decisions differ, not as there are rows.
// The record names the patients whom the answer names.
func (g *Gate) Seers(ctx context.Context, c *Call, asked SeersQuestion) (*policy.People, error) {
	return answer(ctx, g, c, func(r *review) (*policy.People, error) {
		r.entry.Query = asked.Detail
		if _, err := r.ask(ctx, question{"explain", "r", ""}); err != nil {
			return nil, err
		}
		s := &seers{review: r, asked: &asked, answer: &policy.People{Purposes: asked.Purposes, Changes: []policy.PeopleChange{}}, decided: map[string][2]policy.Decision{}, room: mostStaff, looks: mostSights, asks: mostDecided}
		if err := s.find(ctx); err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(s.classes)) {
			if err := s.class(ctx, s.classes[key]); err != nil {
				return nil, err
			}
		}
		r.part(ledgerbridge.Everyone) // all of them were counted
		for i := range s.answer.Changes {
			r.concern(s.answer.Changes[i].Whom)
		}
		return s.answer, nil
	})
}

// seers is one look at who sees whom.
type seers struct {
	*review
	asked         *SeersQuestion
	answer        *policy.People
	before, after *Gate
	patients      []string // the first of them
	shapes        []*consent.Shape
	at            int64 // epoch
	classes       map[string]*staff
	decided       map[string][2]policy.Decision
	room, looks   int // staff, sets and decisions that may still be looked at
	asks          int
}

// staff are people of whom the same holds.
type staff struct {
	agent.Agent
	purposes []string
	who      []string
}

// find finds out who and what there is.
func (s *seers) find(ctx context.Context) error {
	config := s.gate.Config
	config.Policy = s.asked.Before
	s.before = New(config)
	config.Policy = s.asked.After
	s.after = New(config)
	for _, typ := range fhir.ResourceTypes() {
		if typ != "Patient" && len(fhir.CompartmentParams("Patient", typ)) == 0 {
			continue
		}
		page, err := s.all(ctx, typ, nil, seersSamples, typ == "Patient")
		if err != nil {
			return err
		}
		if len(page.Matches) > 0 {
			s.answer.Types = append(s.answer.Types, typ)
		}
		if typ == "Patient" {
			s.answer.Patients, s.at = page.Total, page.Epoch
			for i := range page.Matches {
				s.patients = append(s.patients, page.Matches[i].Ref.String())
			}
		}
	}
	shapes, known, err := s.gate.Consents.Shapes(ctx, s.at, s.now)
	if err != nil {
		return unavailable("consents cannot be read", err)
	}
	kin, told := (*consent.Kin)(nil), false
	if known {
		s.shapes = shapes
		kin, told = consent.KinOf(shapes)
	}
	return s.findStaff(ctx, kin, told)
}

// all is a page of all resources of a type: to judge, not to show.
func (s *seers) all(ctx context.Context, typ string, after []byte, limit int, count bool) (store.Page, error) {
	query, err := search.ParseQuery(typ, nil, search.QueryOptions{Base: s.gate.Base})
	if err != nil {
		return store.Page{}, err
	}
	every := func(store.Row) (bool, error) { return true, nil }
	shown := func(string, int64) (*store.Sight, error) {
		return &store.Sight{Free: store.Shown, Rest: store.Shown}, nil
	}
	page, err := s.gate.Store.Search(ctx, store.Search{Query: query, Visible: every, Sight: shown, After: after, Limit: limit, Count: count, Work: s.call.spend()})
	if err != nil {
		return page, unavailable("resources cannot be counted", err)
	}
	return page, nil
}

// findStaff sorts all staff into classes of whom the same holds.
func (s *seers) findStaff(ctx context.Context, kin *consent.Kin, told bool) error {
	s.classes = map[string]*staff{}
	for i, a := range s.asked.Users {
		if err := s.put(ctx, a, s.asked.UserPurposes[i], kin, told); err != nil {
			return err
		}
	}
	for after := []byte(nil); ; {
		page, err := s.all(ctx, "Practitioner", after, maximumCount, false)
		if err != nil {
			return err
		}
		for i := range page.Matches {
			subject := page.Matches[i].Ref.String()
			if slices.ContainsFunc(s.asked.Users, func(a agent.Agent) bool { return a.Subject == subject && a.Role == agent.Practitioner }) {
				continue
			}
			if err := s.put(ctx, s.asked.As(subject), s.asked.Purposes, kin, told); err != nil {
				return err
			}
		}
		if after = page.Next; len(after) == 0 {
			break
		}
	}
	for _, subject := range s.asked.Named { // somebody else may know them
		if typ, _, _ := strings.Cut(subject, "/"); typ != "Practitioner" && typ != "PractitionerRole" || s.knows(subject) {
			continue
		}
		if err := s.put(ctx, s.asked.As(subject), s.asked.Purposes, kin, told); err != nil {
			return err
		}
	}
	return nil
}

// knows says whether somebody whom a policy names is among those who were found.
func (s *seers) knows(subject string) bool {
	for _, c := range s.classes {
		if c.Role == agent.Practitioner && slices.Contains(c.who, subject) {
			return true
		}
	}
	return false
}

// put puts somebody into her class.
func (s *seers) put(ctx context.Context, a agent.Agent, purposes []string, kin *consent.Kin, told bool) error {
	if s.answer.Staff == s.room {
		s.answer.MoreStaff = true
		return nil
	}
	s.answer.Staff++
	as := s.before.review(&Call{Agent: a})
	if err := as.identify(ctx); err != nil {
		return err
	}
	key := a.Subject
	if told && !s.apart(a.Subject) {
		key = "\x00" + kin.Key(&as.subject)
	}
	key = strings.Join([]string{a.Role, a.Organization, strings.Join(purposes, " "), key}, "\x01")
	if s.classes[key] == nil {
		s.classes[key] = &staff{Agent: a, purposes: purposes}
	}
	s.classes[key].who = append(s.classes[key].who, a.Subject)
	return nil
}

// apart says whether policies may decide about somebody otherwise than about others.
func (s *seers) apart(subject string) bool {
	return s.asked.Apart || slices.Contains(s.asked.Named, subject)
}

// class looks at what people of one class see otherwise.
func (s *seers) class(ctx context.Context, people *staff) error {
	found, err := s.differences(ctx, people)
	if err != nil {
		return err
	}
	for _, what := range slices.Sorted(maps.Keys(found)) {
		d := found[what]
		patients, whom := s.count(d)
		if patients == 0 {
			continue
		}
		s.answer.Changes = append(s.answer.Changes, policy.PeopleChange{
			What: what, Staff: len(people.who), Patients: patients, Purposes: d.purposes, Types: d.types,
			Who: people.who[:min(len(people.who), seersSamples)], Whom: whom,
		})
	}
	return nil
}

// differences are what changes for people of one class, by the way in which it does.
func (s *seers) differences(ctx context.Context, people *staff) (map[string]*difference, error) {
	found := map[string]*difference{}
	for _, purpose := range people.purposes {
		if agent.PurposeFamily(purpose) == agent.BreakGlass { // for whom, is told by each emergency
			continue
		}
		a := people.Agent
		a.Purpose = purpose
		if err := s.compare(ctx, a, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// compare compares what both policies let an agent see of each type.
func (s *seers) compare(ctx context.Context, a agent.Agent, found map[string]*difference) error {
	old, next := s.before.review(&Call{Agent: a, work: s.call.spend()}), s.after.review(&Call{Agent: a, work: s.call.spend()})
	old.now, old.subject.Now, next.now, next.subject.Now = s.now, s.now, s.now, s.now
	for _, typ := range s.answer.Types {
		q := question{"read", "r", typ}
		before, after, ok := s.both(ctx, old, next, q)
		if !ok {
			return nil
		}
		if permitsAlike(before, after) {
			continue
		}
		if s.looks -= 2; s.looks < 0 {
			s.answer.Unlooked = true
			return nil
		}
		var sights [2]*store.Sight
		for i, as := range []*review{old, next} {
			as.decisions = []decision{{q, [2]policy.Decision{before, after}[i]}}
			if err := as.identify(ctx); err != nil {
				return err
			}
			var err error
			if sights[i], err = as.look(ctx, q, as.actions(q), s.at); err != nil {
				return err
			}
		}
		s.differ(a.Purpose, typ, sights[0], sights[1], !slices.Equal(before.Obligations, after.Obligations), found)
	}
	return nil
}

// both asks both policies, once for all of whom the same holds.
func (s *seers) both(ctx context.Context, old, next *review, q question) (before, after policy.Decision, ok bool) {
	a := &old.call.Agent
	key := strings.Join([]string{a.Role, a.Organization, a.Purpose, q.typ}, "\x01")
	if s.apart(a.Subject) {
		key += "\x01" + a.Subject
	}
	both, known := s.decided[key]
	if !known {
		if len(s.decided) == s.asks {
			s.answer.Unlooked = true
			return before, after, false
		}
		both = [2]policy.Decision{old.decide(ctx, q), next.decide(ctx, q)}
		s.decided[key] = both
	}
	return both[0], both[1], true
}

// permitsAlike says whether two decisions permit the same.
func permitsAlike(a, b policy.Decision) bool {
	if !a.Allow || !b.Allow {
		return a.Allow == b.Allow
	}
	return a.Consent == b.Consent && reflect.DeepEqual(a.Constraints, b.Constraints) && slices.Equal(a.Obligations, b.Obligations)
}
