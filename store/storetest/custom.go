package storetest

import (
	"fmt"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/custom"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// customs are SearchParameters: code, type, base, expression and targets. Some have one of the
// shapes of R4's own expressions, others need FHIRPath, and some make values.
var customs = [][5]string{
	{"x-family", "string", "Patient", "Patient.name.family"},
	{"x-born", "date", "Patient", "Patient.birthDate.where(true)"},
	{"x-man", "token", "Patient", "Patient.gender = 'male'"},
	{"x-names", "number", "Patient", "Patient.name.given.count()"},
	{"x-number", "token", "Patient", "Patient.identifier"},
	{"x-value", "quantity", "Observation", "Observation.value.ofType(Quantity)"},
	{"x-about", "reference", "Observation", "Observation.subject", "Patient"},
	{"x-pain", "token", "Condition", "Condition.code.where(text.exists())"},
}

var customQueries = []string{
	"Patient?x-family=smith", "Patient?x-family:exact=Smith", "Patient?x-family:contains=ith", "Patient?x-born=ge1945", "Patient?x-born=1949",
	"Patient?x-man=true", "Patient?x-man:not=true", "Patient?x-names=2", "Patient?x-names=gt1", "Patient?x-number=urn:mrn|4", "Patient?x-number:missing=true",
	"Patient?_sort=-x-born", "Patient?_sort=x-family,-_id", "Patient?_sort=x-names", "Patient?_has:Observation:x-about:x-value=gt66", "Patient?x-family=smith&gender=male",
	"Observation?x-value=gt64|http://unitsofmeasure.org|kg", "Observation?x-value=60000|http://unitsofmeasure.org|g", "Observation?x-about=Patient/p3",
	"Observation?x-about.x-family=smith", "Observation?x-about:Patient.gender=male&x-value=lt80", "Observation?_sort=-x-value&x-about=p2,p4", "Observation?x-about:missing=false",
	"Condition?x-pain:text=knee", "Condition?x-pain=http://snomed.info/sct|101", `Patient?_filter=x-family sw "smi" and not (x-man eq true)`, "Condition?subject.x-man=true",
}

// planOf reads SearchParameters.
func (w *world) planOf(all [][5]string) (params []store.Planned) {
	w.Helper()
	for i, p := range all {
		target := ""
		if p[4] != "" {
			target = fmt.Sprintf(`,"target":[%q]`, p[4])
		}
		doc, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"SearchParameter","url":"urn:%s","name":"n","status":"active","description":"d","code":%q,"base":[%q],"type":%q,"expression":%q%s}`,
			p[0], p[0], p[2], p[1], p[3], target))
		w.check(err)
		doc, err = doc.Stamp(fmt.Sprint("s.", i), 1, w.now)
		w.check(err)
		c, active, err := search.ReadCustom(doc, custom.Compile)
		if err != nil || !active {
			w.Fatalf("%s: %v %v", p[0], active, err)
		}
		params = append(params, store.Planned{Custom: c})
	}
	return params
}

// replan lets there be other parameters.
func (w *world) replan(params []store.Planned) store.Plan {
	w.Helper()
	before, err := w.indexer().Plan(w.Context())
	w.check(err)
	next, changed := before.Replan(params, before.Labels.Rules)
	if !changed {
		w.Fatal("nothing has changed")
	}
	w.check(w.indexer().Amend(w.Context(), next))
	w.customs, err = next.Customs(custom.Compile)
	w.check(err)
	return next
}

func (w *world) indexer() store.Indexer { return w.store.(store.Indexer) }

// rekeyAll goes on with a plan to its end; between is called after each portion.
func (w *world) rekeyAll(p store.Plan, between func()) store.Plan {
	w.Helper()
	for n := 0; len(p.Passes) > 0; n++ {
		if n > 1000 {
			w.Fatalf("no end: %+v", p)
		}
		next, err := w.indexer().Rekey(w.Context(), p, 7, w.customs.Keys)
		w.check(err)
		if _, err := w.indexer().Rekey(w.Context(), p, 7, w.customs.Keys); err == nil {
			w.Fatal("a portion was made twice")
		}
		stored, err := w.indexer().Plan(w.Context())
		w.check(err)
		if fmt.Sprint(stored) != fmt.Sprint(next) {
			w.Fatalf("the plan is %+v, want %+v", stored, next)
		}
		p = next
		between()
	}
	var err error
	w.customs, err = p.Customs(custom.Compile)
	w.check(err)
	return p
}

// rekeyModel lets the model have the keys that there should be.
func (w *world) rekeyModel() {
	w.Helper()
	w.model.now = nil
	for ref, v := range w.model.last {
		if v.Deleted {
			continue
		}
		doc, err := fhir.Open(v.Body)
		w.check(err)
		own, err := w.customs.Keys(doc, base)
		w.check(err)
		v.index = v.index.WithCustom(own)
		w.model.last[ref] = v
	}
}

// testCustom: what is written before custom parameters were, while their keys are made and
// afterwards is found by them alike; a change or a query made by another plan is refused; what
// is retired has no keys.
func testCustom(w *world) {
	w.ward()
	params := w.planOf(customs)
	late := w.document("late", 0, `{"resourceType":"Patient","name":[{"family":"Smith"}]}`)
	plan := w.replan(params)
	if _, err := w.parsed("Patient?x-family=smith"); err == nil {
		w.Error("a parameter is used before it is ready")
	}
	_, err := w.store.Commit(w.Context(), store.Change{Writes: []store.Write{late}, Entry: w.entry()})
	w.wantChanged(err)
	n := 0
	plan = w.rekeyAll(plan, func() {
		if n++; n > 6 {
			return
		}
		w.commit(w.document(fmt.Sprintf("during%d", n), 0, `{"resourceType":"Patient","name":[{"family":"Smithson","given":["A"]}],"gender":"male"}`))
		ref := fhir.Ref{Type: "Patient", ID: fmt.Sprintf("p%d", 2*n-1)}
		w.commit(w.document(ref.ID, w.get(ref).Version, `{"resourceType":"Patient","name":[{"family":"Smith-%d"}],"birthDate":"1949"}`, n))
	})
	w.rekeyModel()
	for _, text := range customQueries {
		q := w.parse(strings.ReplaceAll(text, " ", "%20"))
		if len(w.model.search(q, nil)) == 0 {
			w.Errorf("%s finds nothing: it tests too little", text)
		}
		w.searched(q, nil)
		w.searched(q, hideLabelled)
	}
	w.commit(tombstone(w.get(fhir.Ref{Type: "Patient", ID: "p2"}), w.tick()), w.document("o-new", 0, `{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p4"},"valueQuantity":{"value":99}}`))
	for _, text := range customQueries {
		w.searched(w.parse(strings.ReplaceAll(text, " ", "%20")), hideLabelled)
	}
	stale := w.parse("Patient?x-family=smith")
	w.retire(plan, params[1:], stale)
}

// retire takes the first parameter out.
func (w *world) retire(plan store.Plan, rest []store.Planned, stale *search.Query) {
	w.Helper()
	w.wantChanged(w.indexer().Amend(w.Context(), plan)) // as another node has in the meantime
	next := w.replan(rest)
	_, err := w.store.Search(w.Context(), store.Search{Query: stale, Limit: 10})
	w.wantChanged(err)
	_, err = w.store.Commit(w.Context(), store.Change{Writes: []store.Write{w.document("q", 0, `{"resourceType":"Patient"}`)}, Plan: plan.Number, Entry: w.entry()})
	w.wantChanged(err)
	for _, p := range next.Params {
		if !p.Ready {
			w.Errorf("%s is ready no longer, because another one was retired", p.Code)
		}
	}
	w.rekeyAll(next, func() {})
	stale.Plan = 0
	page, err := w.store.Search(w.Context(), store.Search{Query: stale, Limit: 10})
	w.check(err)
	if len(page.Matches) > 0 {
		w.Errorf("keys of what was retired are still there: %v", refs(page.Matches))
	}
}

// testRekeyMeanwhile: a resource that is written while a pass makes the keys of the version
// before has those of the new one.
func testRekeyMeanwhile(w *world) {
	w.commit(w.document("p", 0, `{"resourceType":"Patient","name":[{"family":"Before"}]}`))
	w.commit(w.document("gone", 0, `{"resourceType":"Patient","name":[{"family":"Before"}]}`))
	plan := w.replan(w.planOf(customs[:1]))
	w.wantChanged(w.try(w.document("p", 7, `{"resourceType":"Patient"}`))) // a writer that has missed the plan knows it now
	changed := false
	next, err := w.indexer().Rekey(w.Context(), plan, 10, func(doc *fhir.Resource, base string) (*search.Index, error) {
		if !changed {
			changed = true
			w.commit(w.document("p", 1, `{"resourceType":"Patient","name":[{"family":"After"}]}`), tombstone(w.get(fhir.Ref{Type: "Patient", ID: "gone"}), w.tick()))
		}
		return w.customs.Keys(doc, base)
	})
	w.check(err)
	w.customs, err = next.Customs(custom.Compile)
	w.check(err)
	w.searched(w.parse("Patient?x-family=before"), nil)
	w.searched(w.parse("Patient?x-family=after"), nil)
	w.commit(w.document("p", 2, `{"resourceType":"Patient"}`))
	w.searched(w.parse("Patient?x-family=after"), nil)
}
