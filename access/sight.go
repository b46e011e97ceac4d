package access

import (
	"context"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// sight says what is certain of visible for whole sets of rows.
func (r *review) sight(ctx context.Context, interaction, action string) store.Sights {
	return func(typ string, epoch int64) (*store.Sight, error) {
		q := question{interaction, action, typ}
		return r.look(ctx, q, r.actions(q), epoch)
	}
}

// sighting is what a Sight is about.
type sighting struct {
	question
	actions string
	epoch   int64
}

// look makes the Sight of a question, once per attempt and epoch: what row says of rows
// that stand for themselves, as far as it is certain without looking at them.
func (r *review) look(ctx context.Context, q question, actions []string, epoch int64) (*store.Sight, error) {
	d := r.decide(ctx, q)
	if d.Allow && r.searches(&d) {
		rights, err := r.rights(ctx, q)
		if err != nil || len(rights) > 1 { // nothing is certain of rows that may be visible in several ways
			return nil, nil
		}
		if d = (policy.Decision{}); len(rights) == 1 {
			d = rights[0].Decision
		}
	}
	if len(d.Constraints.Labels) > 0 { // until all resources have the keys of their labels, each is asked for them
		if _, err := r.keyed(ctx); err != nil || !r.plan.labelled() {
			return nil, err
		}
	}
	switch {
	case d.Reason == tooSlow: // whoever looks at a row is told
		return nil, nil
	case !d.Allow, len(d.Constraints.Types) > 0 && !slices.Contains(d.Constraints.Types, q.typ):
		return &store.Sight{Free: store.Hidden, Rest: store.Hidden}, nil
	}
	of := sighting{q, strings.Join(actions, " "), epoch}
	if s, known := r.sights[of]; known {
		return s, nil
	}
	s, err := (&outlook{review: r, question: q, decision: d, actions: actions, epoch: epoch}).sight(ctx)
	if err != nil {
		return nil, err
	}
	if r.sights == nil {
		r.sights = map[sighting]*store.Sight{}
	}
	r.sights[of] = s
	return s, nil
}

// outlook makes one Sight.
type outlook struct {
	*review
	question question
	decision policy.Decision
	actions  []string
	epoch    int64
	splits   int
}

// somebody stands for every patient who is not the one of a compartment.
const somebody = "Patient/"

func (o *outlook) sight(ctx context.Context) (*store.Sight, error) {
	s := &store.Sight{Free: o.free()}
	if !o.past() {
		o.constrain(s)
	}
	if o.breaking() {
		return s, o.ofEmergencies(ctx, s)
	}
	if _, asks := binding(o.decision); !asks {
		s.Rest = o.weigh(store.Shown, somebody)
		return s, nil
	}
	own := o.decision.Constraints.Compartment
	switch {
	case own == "":
		return s, o.shapes(ctx, s)
	case !o.past():
		s.Rest = store.Hidden // whatever the others' Consents say
	default:
		if err := o.shapes(ctx, s); err != nil {
			return nil, err
		}
	}
	is, err := o.patient(ctx, own)
	s.Groups = append(s.Groups, store.Group{Name: own, Is: is, Patients: []string{own}})
	return s, err
}

// constrain adds what the constraints say of current rows, whoever's they are: the owner,
// labels and authors of within.
func (o *outlook) constrain(s *store.Sight) {
	c := o.decision.Constraints
	for _, l := range consent.Barred(c.Labels) {
		s.Barred = append(s.Barred, search.LabelMark(l))
		if o.plan.rules != nil {
			s.Barred = append(s.Barred, search.RuledKey(o.plan.Labels.Number, l))
		}
	}
	slices.Sort(s.Barred)
	if c.Owner != "" {
		s.Needed = append(s.Needed, search.OwnerMark(c.Owner))
	}
	if c.Author != "" && o.question.writes() {
		s.Needed = append(s.Needed, search.AuthorMark(c.Author))
	}
}

// free is what is certain of rows in nobody's compartment. What has been in one may be
// visible as it was then.
func (o *outlook) free() store.Sure {
	switch {
	case o.within():
		return o.unlessByRow(store.Shown)
	case o.past() && len(fhir.CompartmentParams("Patient", o.question.typ)) > 0:
		return store.ByRow
	}
	return store.Hidden
}

// past says whether the question is about past versions, too.
func (o *outlook) past() bool { return strings.HasPrefix(o.question.interaction, "history-") }

// within says whether a row in the compartments of patients, of which nothing else is
// known, may be within the constraints.
func (o *outlook) within(patients ...string) bool {
	c := o.decision.Constraints
	f := &fhir.Facts{Type: o.question.typ, Patients: patients, Authors: []string{c.Author}}
	return within(c, o.question, store.Row{Ref: fhir.Ref{Type: o.question.typ}, Owner: c.Owner, Facts: f})
}

// weigh joins what Consents say of a patient's rows with the constraints. A row that a
// constraint hides now may have been in its compartment.
func (o *outlook) weigh(consents store.Sure, patient string) store.Sure {
	switch {
	case o.within(patient):
		return o.unlessByRow(consents)
	case consents != store.Hidden && o.past():
		return store.ByRow
	}
	return store.Hidden
}

// unlessByRow leaves to each past version what it has to say for itself: it may have had
// another owner, and other labels.
func (o *outlook) unlessByRow(is store.Sure) store.Sure {
	c := o.decision.Constraints
	if is == store.Shown && o.past() && (c.Owner != "" || len(c.Labels) > 0) {
		return store.ByRow
	}
	return is
}

// patient is what is certain of the rows of one patient.
func (o *outlook) patient(ctx context.Context, patient string) (store.Sure, error) {
	if exempt(o.decision, patient) {
		return o.weigh(store.Shown, patient), nil
	}
	if err := o.restsOn(ctx, o.epoch); err != nil {
		return store.ByRow, err
	}
	decisive := o.consentsRead[patient]
	o.consentsRead[patient] = decisive // there is a key for whoever's Consents are read
	rules, err := o.gate.Consents.Rules(ctx, patient, o.epoch)
	if err != nil {
		return store.ByRow, unavailable("consents cannot be read", err)
	}
	return o.foresee(ctx, patient, func(s consent.Subject) consent.Verdicts { return consent.Foresee(rules, s, o.question.typ) })
}

// shapes adds what is certain of the patients who have Consents, and of the rest.
func (o *outlook) shapes(ctx context.Context, s *store.Sight) (err error) {
	if err := o.restsOn(ctx, o.epoch); err != nil {
		return err
	}
	o.everybody = true
	all, known, err := o.gate.Consents.Shapes(ctx, o.epoch, o.now)
	if err != nil {
		return unavailable("consents cannot be read", err)
	}
	if !known {
		return nil
	}
	none := func(s consent.Subject) consent.Verdicts { return consent.Foresee(nil, s, o.question.typ) }
	if s.Rest, err = o.foresee(ctx, somebody, none); err != nil {
		return err
	}
	for _, shape := range all {
		is, err := o.foresee(ctx, somebody, func(s consent.Subject) consent.Verdicts { return shape.Foresee(s, o.question.typ) })
		if err != nil {
			return err
		}
		split, err := o.split(ctx, shape, is)
		if err != nil {
			return err
		}
		if is != s.Rest || split != nil {
			s.Groups = add(s.Groups, shape.Buckets, store.Group{Is: is, Split: split}, o.decision.Constraints.Compartment)
		}
	}
	return nil
}

// mostSplit bounds the shapes whose rows are told apart by their codes for one Sight.
const mostSplit = 200

// split is what is certain of rows by the codes that Consents of a shape name. Past
// versions are protected by later codes, too.
func (o *outlook) split(ctx context.Context, shape *consent.Shape, is store.Sure) (*store.Split, error) {
	codes := shape.Codes()
	if is != store.ByRow || o.past() || len(codes) == 0 || o.splits >= mostSplit {
		return nil, nil
	}
	o.splits++
	sures, name := make([]store.Sure, codes.Ways()), codes.Name()
	for way := range sures {
		var err error
		if sures[way], err = o.foresee(ctx, somebody, func(s consent.Subject) consent.Verdicts { return shape.ForeseeWay(s, o.question.typ, way) }); err != nil {
			return nil, err
		}
		name += string('0' + rune(sures[way]))
	}
	if !slices.ContainsFunc(sures, func(one store.Sure) bool { return one != store.ByRow }) {
		return nil, nil
	}
	return &store.Split{Name: name, Of: func(f *fhir.Facts) store.Sure { return sures[codes.Way(f)] }}, nil
}

// add adds groups, without the patient of a compartment.
func add(groups []store.Group, buckets []consent.Bucket, g store.Group, own string) []store.Group {
	for _, b := range buckets {
		g.Name, g.Patients = b.Name, b.Patients
		if i, there := slices.BinarySearch(b.Patients, own); there {
			g.Name, g.Patients = b.Name+" without "+own, slices.Delete(slices.Clone(b.Patients), i, i+1)
		}
		groups = append(groups, g)
	}
	return groups
}

// foresee is what is certain of rows of a patient, or of others like her.
func (o *outlook) foresee(ctx context.Context, patient string, verdicts func(consent.Subject) consent.Verdicts) (store.Sure, error) {
	mode, _ := binding(o.decision)
	s, is := o.subject, store.Shown
	few := &fewLookups{directory: o.directory, used: &o.lookups}
	s.Directory, s.BreakGlass = few, o.breaksGlass(patient)
	o.directory.ctx = ctx
	for _, action := range o.actions {
		s.Action = action
		shown, certain := verdicts(s).Certain(mode)
		switch {
		case certain && !shown:
			is = store.Hidden
		case !certain && is == store.Shown:
			is = store.ByRow
		}
	}
	if err := o.directory.err; err != nil {
		return store.ByRow, unavailable("consents cannot be read", err)
	}
	if few.short {
		return store.ByRow, nil
	}
	return o.weigh(is, patient), nil
}

// fewLookups is the directory of a request for what is foreseen of very many patients: it
// looks up few of those whom their Consents name.
type fewLookups struct {
	*directory
	used  *int
	short bool // more was asked
}

// mostForeseen bounds what one attempt looks up to foresee what Consents say.
const mostForeseen = 500

// Stored implements consent.Directory.
func (d *fewLookups) Stored(name string) (consent.Entry, bool) {
	if _, known := d.known[name]; !known && !d.lost[name] {
		if *d.used++; *d.used > mostForeseen {
			d.short = true
			return consent.Entry{}, false
		}
	}
	return d.directory.Stored(name)
}

// decisive names the Consents of a patient that may have decided about rows of hers which
// nobody looked at.
func (r *review) decisive(ctx context.Context, patient string) (all []string, err error) {
	rules, err := r.gate.Consents.Rules(ctx, patient, r.epoch)
	if err != nil {
		return nil, err
	}
	s := r.subject
	s.BreakGlass = r.breaksGlass(patient)
	r.directory.ctx = ctx
	for of := range r.sights {
		for action := range strings.FieldsSeq(of.actions) {
			s.Action = action
			all = store.Union(all, consent.Decisive(rules, s, of.typ))
		}
	}
	slices.Sort(all)
	return all, r.directory.err
}
