package fhir

import "slices"

// ParseLoosely is Parse that accepts more: beside strict JSON and the type of the resource
// it only checks that what access rests on stands where it is looked for: references
// (their form, the types they lead to, that mandatory ones are there), identifiers,
// attachments, codes, labels and resources inside. Of anything else it ignores what is not
// R4: it is stored, and not found by searches.
func ParseLoosely(data []byte) (*Resource, error) {
	s := scanners.Get().(*scanner)
	defer s.close()
	s.reset(data, true)
	s.loose = true
	if err := s.read(data); err != nil {
		return nil, err
	}
	r := s.resourceFound()
	r.links, r.linked = s.linksFound(), true
	return r, nil
}

// matters says whether a fault of an element is one in this scan.
func (s *scanner) matters(elem int32) bool {
	return !s.loose || elem < 0 || s.d.deciding()[elem]
}

// decidingTypes are the types by which it is decided whose data a resource is, and what
// policies and Consents see in it.
var decidingTypes = []string{"Reference", "Identifier", "Attachment", "Coding", "CodeableConcept", "Meta", "Resource"}

// findDeciding finds the elements that are of deciding types, in them, or on the way to
// them. What is in extensions decides nothing.
func (d *Definitions) findDeciding() []bool {
	leads := make([]bool, len(d.Types))
	for i := range d.Types {
		leads[i] = slices.Contains(decidingTypes, d.Types[i].Name)
	}
	elements := make([]bool, len(d.Elements))
	for changed := true; changed; {
		changed = false
		for i := range d.Elements {
			e := &d.Elements[i]
			own := slices.Contains(decidingTypes, d.Types[e.Owner].Name)
			if elements[i] || !own && !slices.ContainsFunc(e.Types, func(typ int32) bool { return leads[typ] && typ != d.marks.extension }) {
				continue
			}
			elements[i], changed = true, true
			leads[e.Owner] = leads[e.Owner] || d.Types[e.Owner].Name != "Extension"
		}
	}
	return elements
}
