package consent

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strconv"

	samply "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// criteria reads what a provision is about. What is understood becomes a value,
// what is not makes the criterion unclear: it may match anything.
func (b *builder) criteria(path string, p *provision, v *samply.ConsentProvision, o *outlineProvision) {
	if w := b.window(path+".period", v.Period); w != nil {
		p.periods = append(slices.Clip(p.periods), w)
	}
	override(&p.dataPeriod, b.window(path+".dataPeriod", v.DataPeriod))
	override(&p.actors, b.actors(path, v.Actor))
	override(&p.actions, readActions(v.Action))
	override(&p.purpose, readPurposes(v.Purpose))
	override(&p.class, readClass(v.Class))
	override(&p.content, readContent(v.Code))
	override(&p.labels, readLabelled(v.SecurityLabel))
	if len(v.Purpose) > 0 {
		p.emergency = p.purpose.values.has("BTG") && !p.total
	}
	if len(v.Data) > 0 {
		p.data = nil
	}
	for i, d := range v.Data {
		place := path + ".data[" + strconv.Itoa(i) + "]"
		b.modifiers(place, d.ModifierExtension)
		m := unknownMeaning
		if o.Data[i].Meaning == nil {
			b.defect(place+".meaning", "is missing")
		} else {
			m = readMeaning(d.Meaning)
		}
		p.data = append(p.data, datum{meaning: m, ref: b.normal(&d.Reference)})
	}
}

// override replaces what was inherited by what is given.
func override[T any](criterion **T, given *T) {
	if given != nil {
		*criterion = given
	}
}

func readMeaning(m samply.ConsentDataMeaning) meaning {
	switch m {
	case samply.ConsentDataMeaningInstance:
		return instance
	case samply.ConsentDataMeaningRelated:
		return related
	case samply.ConsentDataMeaningDependents:
		return dependents
	case samply.ConsentDataMeaningAuthoredby:
		return authoredBy
	}
	return unknownMeaning
}

func (b *builder) actors(path string, list []samply.ConsentProvisionActor) *actors {
	if len(list) == 0 {
		return nil
	}
	a := &actors{}
	for i := range list {
		actor := &list[i]
		b.modifiers(path+".actor["+strconv.Itoa(i)+"]", actor.ModifierExtension)
		a.inData = a.inData || towardsData(actor.Role)
		names := b.names(&actor.Reference)
		for _, name := range names {
			if a.refs.add(name) && doubtful(name) {
				a.doubts = append(a.doubts, name)
			}
		}
		a.unclear = a.unclear || len(names) == 0
	}
	return a
}

// names are what a reference calls somebody: a normalised reference, an identifier.
func (b *builder) names(r *samply.Reference) (names []string) {
	if ref := b.normal(r); ref != "" {
		names = append(names, ref)
	}
	if id := r.Identifier; id != nil && text(id.System) != "" && text(id.Value) != "" {
		names = append(names, *id.System+"|"+*id.Value)
	}
	return names
}

// custodians takes the actors in the role CST out of the root: they say whose data the
// Consent is about, not who may have them.
func (b *builder) custodians(list []samply.ConsentProvisionActor) (keepers []string, others []samply.ConsentProvisionActor) {
	for i := range list {
		if !slices.ContainsFunc(list[i].Role.Coding, func(c samply.Coding) bool { return text(c.Code) == "CST" }) {
			others = append(others, list[i])
			continue
		}
		keepers = append(keepers, b.normal(&list[i].Reference))
	}
	return keepers, others
}

func towardsData(role samply.CodeableConcept) bool {
	for _, c := range role.Coding {
		if dataRoles.has(text(c.Code)) {
			return true
		}
	}
	return false
}

// readActions: the codings of one concept say the same, so one that is known is enough.
func readActions(list []samply.CodeableConcept) *actions {
	if len(list) == 0 {
		return nil
	}
	c := &actions{}
	for _, concept := range list {
		known := false
		for _, coding := range concept.Coding {
			code := text(coding.Code)
			if !actionSystems.has(text(coding.System)) || !actionCodes.has(code) {
				continue
			}
			known = true
			if !slices.Contains(c.values, code) {
				c.values = append(c.values, code)
			}
		}
		c.unclear = c.unclear || !known
	}
	return c
}

func readPurposes(list []samply.Coding) *purposes {
	if len(list) == 0 {
		return nil
	}
	c := &purposes{}
	c.values, c.unclear = readCodes(list, purposeSystems, agent.IsPurpose)
	return c
}

func readCodes(list []samply.Coding, systems oneOf, known func(string) bool) (values set, unclear bool) {
	for _, coding := range list {
		if systems.has(text(coding.System)) && known(text(coding.Code)) {
			values.add(*coding.Code)
		} else {
			unclear = true
		}
	}
	return values, unclear
}

// readClass understands resource types; profiles and document formats are unclear.
func readClass(list []samply.Coding) *codes {
	if len(list) == 0 {
		return nil
	}
	c := &codes{}
	c.values, c.unclear = readCodes(list, typeSystems, func(code string) bool {
		return code == "Resource" || code == "DomainResource" || fhir.IsResourceType(code)
	})
	c.any = c.values.has("Resource") || c.values.has("DomainResource")
	return c
}

func readContent(list []samply.CodeableConcept) *content {
	if len(list) == 0 {
		return nil
	}
	c := &content{systems: map[string][]string{}}
	for _, concept := range list {
		known := false
		for _, coding := range concept.Coding {
			code, system := text(coding.Code), text(coding.System)
			if code == "" {
				continue
			}
			known = true
			c.codes.add(code)
			if !slices.Contains(c.systems[code], system) {
				c.systems[code] = append(c.systems[code], system)
			}
		}
		c.unclear = c.unclear || !known
	}
	c.name = c.naming()
	return c
}

// naming makes the name of a criterion of what it matches.
func (c *content) naming() string {
	var w writer
	w.number(flag(c.unclear), len(c.systems))
	for _, code := range slices.Sorted(maps.Keys(c.systems)) {
		w.texts([]string{code})
		w.texts(c.systems[code])
	}
	sum := sha256.Sum256(w.text)
	return string(sum[:])
}

func readLabelled(list []samply.Coding) *labelled {
	if len(list) == 0 {
		return nil
	}
	c := &labelled{}
	for _, coding := range list {
		system, code := text(coding.System), text(coding.Code)
		rank := secrecyRank(code)
		switch {
		case secrecySystems.has(system) && rank > 0:
			if !slices.Contains(c.secrecy, rank) {
				c.secrecy = append(c.secrecy, rank)
			}
		case system == "" || code == "" || secrecySystems.has(system):
			c.unclear = true
		default:
			c.add(system, code)
		}
	}
	return c
}
