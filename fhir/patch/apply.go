package patch

import (
	"encoding/json"
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// applied is a document while a patch is applied to it.
type applied struct {
	root *value
	meter
}

func unprocessable(detail string) *fhir.Error {
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: detail}
}

func nothingThere(member string) *fhir.Error {
	return unprocessable("the resource has nothing at its " + member + ".")
}

// do does one operation.
func (a *applied) do(o *operation) *fhir.Error {
	switch o.op {
	case "add":
		return a.add(o.path, o.value)
	case "remove":
		_, err := a.remove(o.path, "path")
		return err
	case "replace":
		v, err := a.find(o.path, "path")
		if err == nil {
			*v = value{raw: o.value}
		}
		return err
	case "test":
		return a.test(o)
	case "copy":
		v, err := a.find(o.from, "from")
		if err != nil {
			return err
		}
		return a.put(o.path, v)
	}
	return a.move(o)
}

func (a *applied) move(o *operation) *fhir.Error {
	if o.path.below(o.from) && len(o.path) > len(o.from) {
		return invalid("it moves a value into itself.")
	}
	v, err := a.find(o.from, "from")
	if err != nil || o.path.below(o.from) {
		return err
	}
	moved := *v
	if _, err := a.remove(o.from, "from"); err != nil {
		return err
	}
	return a.put(o.path, &moved)
}

func (a *applied) test(o *operation) *fhir.Error {
	v, err := a.find(o.path, "path")
	if err != nil {
		return err
	}
	same, err := a.equal(v, &value{raw: o.value})
	if err == nil && !same {
		err = unprocessable("the test fails: the resource has another value there.")
	}
	return err
}

// find returns what is at a path, which member of the operation has.
func (a *applied) find(at pointer, member string) (*value, *fhir.Error) {
	v := a.root
	for _, segment := range at {
		i, err := a.at(v, segment, member)
		if err != nil {
			return nil, err
		}
		v = v.items[i].value
	}
	return v, nil
}

// at is the place of a member of v, or of an item.
func (a *applied) at(v *value, segment, member string) (int, *fhir.Error) {
	if k := v.kind(); k != '{' && k != '[' {
		return 0, nothingThere(member)
	}
	if err := v.open(&a.meter); err != nil {
		return 0, err
	}
	if v.opened == '[' {
		if i, ok := index(segment); ok && i < len(v.items) {
			return i, nil
		}
		return 0, nothingThere(member)
	}
	i, err := a.member(v, segment)
	if err == nil && i < 0 {
		err = nothingThere(member)
	}
	return i, err
}

// member finds a member of an opened object, or returns -1.
func (a *applied) member(v *value, name string) (int, *fhir.Error) {
	if err := a.spend(step * len(v.items)); err != nil {
		return -1, err
	}
	return slices.IndexFunc(v.items, func(m item) bool { return m.name == name }), nil
}

// put adds a copy of a value.
func (a *applied) put(at pointer, v *value) *fhir.Error {
	size := v.size()
	if err := a.spend(size); err != nil {
		return err
	}
	return a.add(at, v.bytes(make([]byte, 0, size)))
}

// add adds a value: a member of an object, which it replaces if it is there, or an item
// before another one or at the end of an array.
func (a *applied) add(at pointer, raw []byte) *fhir.Error {
	if len(at) == 0 {
		*a.root = value{raw: raw}
		return nil
	}
	parent, err := a.find(at[:len(at)-1], "path")
	if err != nil {
		return err
	}
	if k := parent.kind(); k != '{' && k != '[' {
		return nothingThere("path")
	}
	if err := parent.open(&a.meter); err != nil {
		return err
	}
	segment := at[len(at)-1]
	if parent.opened == '[' {
		return a.addItem(parent, segment, raw)
	}
	i, err := a.member(parent, segment)
	switch {
	case err != nil:
		return err
	case i >= 0:
		*parent.items[i].value = value{raw: raw}
		return nil
	}
	name, _ := json.Marshal(segment) // a string can always be written
	parent.insert(len(parent.items), item{head: append(name, ':'), name: segment, value: &value{raw: raw}})
	return nil
}

func (a *applied) addItem(list *value, segment string, raw []byte) *fhir.Error {
	i, ok := index(segment)
	if segment == "-" {
		i, ok = len(list.items), true
	}
	if !ok || i > len(list.items) {
		return unprocessable("path names no place in the array: it has fewer items.")
	}
	if err := a.spend(step * (len(list.items) - i)); err != nil {
		return err
	}
	list.insert(i, item{value: &value{raw: raw}})
	return nil
}

// insert puts an item before another one. At the end it takes over the space that is there.
func (v *value) insert(i int, m item) {
	if n := len(v.items); i == n && n > 0 {
		m.tail, v.items[n-1].tail = v.items[n-1].tail, nil
	}
	v.items = slices.Insert(v.items, i, m)
}

// remove takes out what is at a path.
func (a *applied) remove(at pointer, member string) (*value, *fhir.Error) {
	if len(at) == 0 {
		return nil, invalid(member + " is the whole resource. To delete it, use DELETE.")
	}
	parent, err := a.find(at[:len(at)-1], member)
	if err != nil {
		return nil, err
	}
	i, err := a.at(parent, at[len(at)-1], member)
	if err != nil {
		return nil, err
	}
	if err := a.spend(step * (len(parent.items) - i)); err != nil {
		return nil, err
	}
	removed := parent.items[i]
	if n := len(parent.items); i == n-1 && n > 1 {
		parent.items[n-2].tail = removed.tail
	}
	parent.items = slices.Delete(parent.items, i, i+1)
	return removed.value, nil
}
