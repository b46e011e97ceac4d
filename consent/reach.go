package consent

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// MostPatients is how many patients' data a resource may be, or lead to.
const MostPatients = 20_000

// Furthest is how many resources one resource may lead to. What leads further may lead to
// anything. Each patient's Consents with criteria look at all of them, so this times
// MostPatients bounds what it costs to judge one resource.
const Furthest = 5000

// MostIdentified is how many patients may bear one identifier: beyond that, it names
// nobody, and may mean anybody.
const MostIdentified = 100

// Reached is what a resource leads to: by what it refers to, holds, and is named by.
type Reached struct {
	Patients   []string // of all of that; only of a resource in nobody's compartment
	Identified []string // patients who are named by an identifier alone
	More       bool     // it leads to more than Furthest resources, or to more than MostIdentified patients by one identifier
	parts      []part
}

// part is a resource inside another one, or that the other one shows.
type part struct {
	typ    string
	facts  *fhir.Facts // nil: not stored here
	labels labels
}

// Reach follows a resource: in nobody's compartment, or a container, through all that it
// refers to; another one to its attachments and Binaries. It goes in circles once, and
// stops at resources in a compartment that hold nothing, and at those that only say who
// and where.
func Reach(d Directory, f *fhir.Facts) *Reached {
	w := walk{directory: d, inherits: loose(f)}
	if !w.inherits && len(f.Inside)+len(f.Logical) == 0 && !Leads(f) {
		return &w.Reached
	}
	w.seen = map[string]bool{f.Type + "/" + f.ID: true}
	w.take(f, true)
	for len(w.fresh) > 0 && !w.More {
		next := w.fresh[0]
		w.fresh = w.fresh[1:]
		w.follow(next)
	}
	slices.Sort(w.Patients)
	return &w.Reached
}

type walk struct {
	Reached
	directory Directory
	inherits  bool
	seen      map[string]bool
	inherited map[string]bool // Patients
	named     map[string]bool // Identified
	blind     map[string]bool // those of the one that is followed, if there are many
	fresh     []*fhir.Facts   // to be followed
}

// Leads says whether a resource is followed at all.
func Leads(f *fhir.Facts) bool {
	return loose(f) || len(f.Contents) > 0 || fhir.Container(f.Type) || slices.ContainsFunc(f.References, isBinary)
}

// loose says whether a resource is in nobody's compartment.
func loose(f *fhir.Facts) bool { return len(f.Patients) == 0 || f.Loose }

func isBinary(ref string) bool { return strings.HasPrefix(ref, "Binary/") }

// take adds what is known of one resource; the first is the one that is followed.
func (w *walk) take(f *fhir.Facts, first bool) {
	if w.inherits && !first {
		w.inherit(f.Patients)
	}
	if (first || w.inherits) && w.directory != nil {
		for _, identifier := range f.Logical {
			w.identify(w.directory.Identified(identifier))
		}
	}
	for i := range f.Inside {
		in := &f.Inside[i]
		if fhir.Shows(f.Type, in.Type) {
			w.parts = append(w.parts, part{in.Type, in, readLabels(in.AllLabels())})
		}
	}
	if w.directory != nil && Leads(f) {
		w.fresh = append(w.fresh, f)
	}
}

// inherit adds patients, whom many resources may share.
func (w *walk) inherit(patients []string) {
	if w.inherited == nil {
		w.inherited = map[string]bool{}
	}
	for _, p := range patients {
		if !w.inherited[p] {
			w.inherited[p] = true
			w.Patients = append(w.Patients, p)
		}
	}
	w.More = w.More || len(w.Patients) > MostPatients
}

func (w *walk) identify(patients []string) {
	w.More = w.More || len(patients) > MostIdentified
	for _, p := range patients {
		if w.named == nil {
			w.named = map[string]bool{}
		}
		if !w.named[p] {
			w.named[p] = true
			w.Identified = append(w.Identified, p)
		}
	}
}

// follow goes one step further.
func (w *walk) follow(f *fhir.Facts) {
	w.blind = nil
	all := fhir.Container(f.Type) || loose(f)
	for _, list := range [][]string{f.References, f.Later} {
		for _, ref := range list {
			if all || isBinary(ref) {
				w.visit(f, ref)
			}
		}
	}
	for _, ref := range f.Contents {
		w.visit(f, ref)
	}
	if f.Type == "Binary" && w.inherits && !w.belongs(f) {
		w.back(f)
	}
}

// back goes from a Binary to the versions that name it.
func (w *walk) back(f *fhir.Facts) {
	all := w.directory.Naming(f.Type + "/" + f.ID)
	w.More = w.More || len(all) > Furthest
	for _, g := range all {
		w.seen[g.Type+"/"+g.ID] = true // other versions of it may come, too
		w.add(g.Type, g)
		w.take(g, false)
	}
}

// belongs says whether a Binary's securityContext tells whose it is.
func (w *walk) belongs(f *fhir.Facts) bool {
	return slices.ContainsFunc(f.References, func(ref string) bool {
		e := w.directory.Facts(ref)
		return strings.HasPrefix(ref, "Patient/") || e != nil && len(e.Patients) > 0
	})
}

func (w *walk) visit(from *fhir.Facts, ref string) {
	typ, _, local := strings.Cut(ref, "/")
	switch {
	case !local || !fhir.IsResourceType(typ) || w.seen[ref] || fhir.WhoAndWhere(typ):
		return
	case w.isBlind(from, ref):
		w.add(typ, nil) // as unknown as what is not there
		return
	case typ == "Patient":
		if w.inherits {
			w.inherit([]string{ref})
		}
		return
	}
	w.seen[ref] = true
	f := w.directory.Facts(ref)
	w.add(typ, f)
	if f != nil {
		w.take(f, false)
	}
}

// fewBlind is up to how many are compared faster than they are looked up.
const fewBlind = 32

// isBlind says whether the writer of a resource could not see what it refers to.
func (w *walk) isBlind(from *fhir.Facts, ref string) bool {
	if len(from.Blind) <= fewBlind {
		return slices.Contains(from.Blind, ref)
	}
	if w.blind == nil {
		w.blind = map[string]bool{}
		for _, b := range from.Blind {
			w.blind[b] = true
		}
	}
	return w.blind[ref]
}

// add counts a resource, and makes it a part.
func (w *walk) add(typ string, f *fhir.Facts) {
	if w.More = w.More || len(w.seen) > Furthest; w.More || fhir.Bystander(typ) {
		return
	}
	p := part{typ: typ, facts: f}
	if f != nil {
		p.labels = readLabels(f.AllLabels())
	}
	w.parts = append(w.parts, p)
}
