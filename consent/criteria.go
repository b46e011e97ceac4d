package consent

import (
	"strconv"

	samply "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/aceso-health/aceso/fhir"
)

// criteria reads what a provision is about. What is understood becomes a value,
// what is not makes the criterion unclear: it may match anything.
func (b *builder) criteria(path string, p *provision, v *samply.ConsentProvision, o *outlineProvision) {
	p.period = b.window(path+".period", v.Period)
	p.dataPeriod = b.window(path+".dataPeriod", v.DataPeriod)
	p.actors = b.actors(path, v.Actor)
	p.actions = readActions(v.Action)
	p.purpose = readCodes(v.Purpose, purposeSystems, isPurpose)
	p.class = readClass(v.Class)
	p.content = readContent(v.Code)
	p.labels = readLabelled(v.SecurityLabel)
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
		before := len(a.refs)
		if ref := b.normal(&actor.Reference); ref != "" {
			a.refs = append(a.refs, ref)
		}
		if id := actor.Reference.Identifier; id != nil && text(id.System) != "" && text(id.Value) != "" {
			a.refs = append(a.refs, *id.System+"|"+*id.Value)
		}
		a.unclear = a.unclear || len(a.refs) == before
	}
	return a
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
func readActions(list []samply.CodeableConcept) *codes {
	if len(list) == 0 {
		return nil
	}
	c := &codes{}
	for _, concept := range list {
		before := len(c.values)
		for _, coding := range concept.Coding {
			if actionSystems.has(text(coding.System)) && actionCodes.has(text(coding.Code)) {
				c.values = append(c.values, *coding.Code)
			}
		}
		c.unclear = c.unclear || len(c.values) == before
	}
	return c
}

func readCodes(list []samply.Coding, systems oneOf, known func(string) bool) *codes {
	if len(list) == 0 {
		return nil
	}
	c := &codes{}
	for _, coding := range list {
		if systems.has(text(coding.System)) && known(text(coding.Code)) {
			c.values = append(c.values, *coding.Code)
		} else {
			c.unclear = true
		}
	}
	return c
}

// readClass understands resource types; profiles and document formats are unclear.
func readClass(list []samply.Coding) *codes {
	c := readCodes(list, typeSystems, func(code string) bool {
		return code == "Resource" || code == "DomainResource" || fhir.IsResourceType(code)
	})
	if c != nil {
		c.any = oneOf(c.values).has("Resource") || oneOf(c.values).has("DomainResource")
	}
	return c
}

func readContent(list []samply.CodeableConcept) *content {
	if len(list) == 0 {
		return nil
	}
	c := &content{}
	for _, concept := range list {
		before := len(c.codings)
		for _, coding := range concept.Coding {
			if text(coding.Code) != "" {
				c.codings = append(c.codings, fhir.Coding{System: text(coding.System), Code: *coding.Code})
			}
		}
		c.unclear = c.unclear || len(c.codings) == before
	}
	return c
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
			c.secrecy = append(c.secrecy, rank)
		case system == "" || code == "" || secrecySystems.has(system):
			c.unclear = true
		default:
			c.tags = append(c.tags, fhir.Coding{System: system, Code: code})
		}
	}
	return c
}
