package fhir

// Member is a JSON member name of a type: valueQuantity leads to the element value with
// the type Quantity.
type Member struct {
	Elem, Type int32 // indices into Definitions.Elements and Definitions.Types
	Array      bool
	JSON       byte // of a primitive: how it is written, as Node.Kind; 0 of others
	Abstract   bool // any resource
}

// Member finds a member of a type by its JSON name, without an underscore in front.
func (d *Definitions) Member(typ int32, name []byte) (Member, bool) {
	m := d.member(&d.Types[typ], name)
	if m == nil {
		return Member{}, false
	}
	return Member{Elem: m.elem, Type: m.typ, Array: m.array, JSON: d.Types[m.typ].json, Abstract: m.kind == abstractType}, true
}
