package purge

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// mostLines is how many lines of a kind a preview has, and how many may be decided.
const mostLines = 500

// Preview is what would go and what would stay.
type Preview struct {
	Digest    string         `json:"digest,omitempty"` // of all that goes: what is approved
	Types     map[string]int `json:"types,omitempty"`  // resources that go, by type
	Versions  int            `json:"versions"`         // of those
	Kept      []Line         `json:"kept,omitempty"`   // by a retention rule
	Shared    []Line         `json:"shared,omitempty"` // also somebody else's
	Mentions  []Line         `json:"mentions,omitempty"`
	Beyond    int            `json:"beyond,omitempty"` // lines left out of Kept and Shared
	Looked    int            `json:"looked"`           // versions that were looked at
	resources []fhir.Ref
}

// Line is a resource that stays, unless it was decided that it goes.
type Line struct {
	Ref   string `json:"ref"`
	Why   string `json:"why"`
	Goes  bool   `json:"goes,omitempty"`
	Owner string `json:"owner,omitempty"`
}

// look is one pass over all versions.
type look struct {
	patient   string
	words     *words
	rules     Rules
	now       time.Time
	all       map[fhir.Ref]*resource       // hers, and those that mention her
	strangers map[uint64]bool              // hashes of resources of which some version is somebody else's
	namers    map[string]map[fhir.Ref]bool // of Binaries
	seed      maphash.Seed
	looked    int
}

// resource is what the versions of one say together.
type resource struct {
	ref      fhir.Ref
	hers     bool
	versions int // that were not purged
	last     int64
	newest   time.Time // when it was written last, tombstones apart
	owner    string
	logical  []string
	names    []string // Binaries
	why      string   // how it mentions her
}

func newLook(patient string, w *words, rules Rules, now time.Time) *look {
	return &look{
		patient: patient, words: w, rules: rules, now: now, seed: maphash.MakeSeed(),
		all: map[fhir.Ref]*resource{}, strangers: map[uint64]bool{}, namers: map[string]map[fhir.Ref]bool{},
	}
}

// take notes a version; of most of them hardly anything.
func (l *look) take(v *Version) error {
	if l.looked++; v.Purged {
		return nil
	}
	for _, name := range v.Names {
		if l.namers[name] == nil {
			l.namers[name] = map[fhir.Ref]bool{}
		}
		l.namers[name][v.Ref] = true
	}
	self := v.Ref.String() == l.patient
	hers := self || slices.Contains(v.Patients, l.patient)
	if !self && slices.ContainsFunc(v.Patients, func(p string) bool { return p != l.patient }) {
		l.strangers[maphash.Comparable(l.seed, v.Ref)] = true
	}
	why := ""
	if !hers {
		why = l.words.in(v.Body)
	}
	if hers || why != "" || l.all[v.Ref] != nil {
		l.note(v, hers, why)
	}
	return nil
}

func (l *look) note(v *Version, hers bool, why string) {
	r := l.all[v.Ref]
	if r == nil {
		r = &resource{ref: v.Ref, last: v.Version, owner: v.Owner}
		l.all[v.Ref] = r
	}
	r.versions++
	r.hers, r.why = r.hers || hers, cmp.Or(r.why, why)
	if !v.Deleted && r.newest.IsZero() { // the newest comes first
		r.newest, r.owner = v.At, v.Owner
	}
	r.logical, r.names = append(r.logical, v.Logical...), append(r.names, v.Names...)
}

// preview says what goes, given what was decided before.
func (l *look) preview(decided map[string]bool) Preview {
	p := Preview{Types: map[string]int{}, Looked: l.looked}
	goes := map[fhir.Ref]*resource{}
	for _, ref := range slices.SortedFunc(maps.Keys(l.all), byName) {
		r := l.all[ref]
		line := Line{Ref: ref.String(), Owner: r.owner}
		switch rule := l.rules.keeps(r, l.now); {
		case !r.hers:
			line.Why, line.Goes = r.why, decided[line.Ref]
			p.Mentions = append(p.Mentions, line)
			if line.Goes {
				goes[ref] = r
			}
		case l.shared(r):
			line.Why = "it is also the data of somebody else"
			p.Shared = append(p.Shared, line)
		case rule != "":
			line.Why = rule
			p.Kept = append(p.Kept, line)
		default:
			goes[ref] = r
		}
	}
	l.binaries(goes)
	p.sum(goes)
	p.Kept, p.Shared = p.cut(p.Kept), p.cut(p.Shared)
	return p
}

// shared says whether a resource of hers is also somebody else's. Her own is not.
func (l *look) shared(r *resource) bool {
	if r.ref.String() == l.patient {
		return false
	}
	return l.strangers[maphash.Comparable(l.seed, r.ref)] || slices.ContainsFunc(r.logical, func(value string) bool { return !l.words.bears(value) })
}

// binaries adds those that nobody names but what goes: they are in no compartment.
func (l *look) binaries(goes map[fhir.Ref]*resource) {
	for _, r := range slices.Collect(maps.Values(goes)) {
		for _, name := range r.names {
			ref, err := fhir.ParseRef(name)
			if err != nil || goes[ref] != nil || l.strangers[maphash.Comparable(l.seed, ref)] {
				continue
			}
			alone := true
			for namer := range l.namers[name] {
				alone = alone && goes[namer] != nil
			}
			if alone {
				goes[ref] = &resource{ref: ref, versions: 1}
			}
		}
	}
}

// sum counts what goes, and names all of it by one digest. The patient comes last: until
// then it is known whose purge it is.
func (p *Preview) sum(goes map[fhir.Ref]*resource) {
	h := sha256.New()
	for _, ref := range slices.SortedFunc(maps.Keys(goes), byName) {
		r := goes[ref]
		p.resources = append(p.resources, ref)
		p.Types[ref.Type]++
		p.Versions += r.versions
		fmt.Fprintf(h, "%s %d\n", ref, r.last)
	}
	slices.SortStableFunc(p.resources, func(a, b fhir.Ref) int { return cmp.Compare(b2i(a.Type == "Patient"), b2i(b.Type == "Patient")) })
	p.Digest = hex.EncodeToString(h.Sum(nil))
}

// Resources is how many go.
func (p *Preview) Resources() (n int) {
	for _, of := range p.Types {
		n += of
	}
	return n
}

// cut leaves lines out that are too many to list.
func (p *Preview) cut(lines []Line) []Line {
	n := min(len(lines), mostLines)
	p.Beyond += len(lines) - n
	return lines[:n]
}

func byName(a, b fhir.Ref) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID)) }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
