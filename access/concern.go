package access

import (
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// mostConcerned is how many patients a record names without disclosing anything of them.
const mostConcerned = 100

// concerned are the patients whom a record names though nothing of theirs is disclosed.
type concerned struct {
	named    []string // by the request: as its target, in criteria, as whose data is changed
	singled  []string // whom the request leads to, if these are few
	selected []string // by a search, counted only
	room     int      // parts made for those named and singled out
}

// name gives parts to the patients concerned, in that order, as far as the record has
// room. Those whose data are disclosed have theirs. The number of the rest stands in the
// part of everyone.
func (r *review) name() {
	rest := map[string]bool{}
	add := func(patients []string, room func() bool) {
		for _, patient := range patients {
			if r.partOf(patient) >= 0 {
				continue
			}
			if !room() {
				rest[patient] = true
				continue
			}
			r.part(patient)
		}
	}
	few := func() bool { r.concerned.room++; return r.concerned.room <= mostConcerned }
	add(r.concerned.named, few)
	add(r.concerned.singled, few)
	add(r.concerned.selected, func() bool { return r.names() < mostConcerned })
	if len(rest) > 0 {
		r.part(ledgerbridge.Everyone).More = int64(len(rest))
	}
}

// names is how many patients the record names.
func (r *review) names() int {
	if r.partOf(ledgerbridge.Everyone) >= 0 {
		return len(r.entry.Patients) - 1
	}
	return len(r.entry.Patients)
}

// concern notes the patients of what the request is about, whether or not their data are
// disclosed.
func (r *review) concern(patients []string) {
	r.concerned.named = append(r.concerned.named, patients...)
}

// concernSelected notes the patients whose data a search selected: those that the
// caller may see, counted ones included, and the hidden ones if the question singles out
// few. Otherwise the question is a broad one.
func (r *review) concernSelected(s store.Selected) {
	r.concerned.selected = append(r.concerned.selected, s.Visible...)
	switch {
	case len(s.Visible) >= store.SelectedLimit, s.Broad():
		r.part(ledgerbridge.Everyone)
	default:
		r.concerned.singled = append(r.concerned.singled, s.Hidden...)
	}
}

// asks notes criteria that the request evaluates: the patients whom they name or lead to
// are concerned whatever the answer is, also when it is a refusal or a failure.
func (r *review) asks(q *search.Query) {
	r.mention(q.Patients)
	r.asked = append(r.asked, q)
}

// told notes that the store has said whom the criteria select.
func (r *review) told(q *search.Query, page store.Page) {
	if r.answered == nil {
		r.answered = map[*search.Query]bool{}
	}
	r.answered[q] = len(page.Selected.Visible)+len(page.Selected.Hidden) > 0
	r.concernSelected(page.Selected)
}

// mention notes patients that the request names.
func (r *review) mention(patients []string) { r.mentioned = append(r.mentioned, patients...) }

// concernBlindly names whom the request names without looking them up, since that failed:
// who else is concerned is not known.
func (r *review) concernBlindly() {
	r.concern(r.mentioned)
	if target, err := fhir.ParseRef(r.entry.Target); err == nil && target.Type == "Patient" {
		r.concern([]string{target.String()})
	}
	r.part(ledgerbridge.Everyone)
}
