package patch

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
)

// A primitive has two members, as birthDate and _birthDate; in repeating ones the items
// of both belong together by their place, with nulls in between. What is done to one is
// done to the other.

// set puts a value at a place: it replaces what is there, on both sides.
func (e *edit) set(p place, s sides) *fhir.Error {
	for side, prefix := range prefixes {
		at := append(slices.Clone(p.parent), prefix+p.name)
		list, err := e.memberAt(at)
		switch {
		case err != nil:
			return err
		case s[side] == nil && list == nil:
			continue
		case !p.elem.Array && s[side] == nil:
			_, err = e.remove(at, "path")
		case !p.elem.Array:
			err = e.add(at, s[side])
		default:
			err = e.setItem(at, list, p.index, s[side])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// memberAt is the value of a member, or nil if there is none.
func (e *edit) memberAt(at pointer) (*value, *fhir.Error) {
	parent, err := e.find(at[:len(at)-1], "path")
	if err != nil {
		return nil, err
	}
	if err := parent.open(&e.meter); err != nil {
		return nil, err
	}
	i, err := e.member(parent, at[len(at)-1])
	if err != nil || i < 0 {
		return nil, err
	}
	return parent.items[i].value, nil
}

// list is the array at a member, opened, with nulls up to a number of items; it is made if
// it is not there.
func (e *edit) list(at pointer, list *value, items int) (*value, *fhir.Error) {
	if list == nil {
		if err := e.add(at, []byte("[]")); err != nil {
			return nil, err
		}
		var err *fhir.Error
		if list, err = e.memberAt(at); err != nil {
			return nil, err
		}
	}
	if list.kind() != '[' {
		return nil, unprocessable("the resource has no array where R4 has one.")
	}
	if err := list.open(&e.meter); err != nil {
		return nil, err
	}
	for len(list.items) < items {
		if err := e.spend(step); err != nil {
			return nil, err
		}
		list.insert(len(list.items), item{value: &value{raw: orNull(nil)}})
	}
	return list, nil
}

func (e *edit) setItem(at pointer, list *value, index int, raw []byte) *fhir.Error {
	list, err := e.list(at, list, index+1)
	if err != nil {
		return err
	}
	*list.items[index].value = value{raw: orNull(raw)}
	return e.dropEmpty(at, list)
}

// insert puts a value before an item of a list, on both sides.
func (e *edit) insert(p place, s sides) *fhir.Error {
	for side, prefix := range prefixes {
		at := append(slices.Clone(p.parent), prefix+p.name)
		list, err := e.memberAt(at)
		if err != nil {
			return err
		}
		if s[side] == nil && list == nil {
			continue
		}
		if list, err = e.list(at, list, p.index); err != nil {
			return err
		}
		if err := e.addItem(list, strconv.Itoa(p.index), orNull(s[side])); err != nil {
			return err
		}
	}
	return nil
}

// delete takes an element out, on both sides, and what is empty without it.
func (e *edit) delete(p place) *fhir.Error {
	for _, prefix := range prefixes {
		at := append(slices.Clone(p.parent), prefix+p.name)
		list, err := e.memberAt(at)
		switch {
		case err != nil:
			return err
		case list == nil:
			continue
		case p.elem.Array:
			err = e.deleteItem(at, list, p.index)
		default:
			_, err = e.remove(at, "path")
		}
		if err != nil {
			return err
		}
	}
	return e.dropParents(p.parent)
}

func (e *edit) deleteItem(at pointer, list *value, index int) *fhir.Error {
	list, err := e.list(at, list, 0)
	if err != nil {
		return err
	}
	if index < len(list.items) {
		if _, err := e.remove(append(slices.Clone(at), strconv.Itoa(index)), "path"); err != nil {
			return err
		}
	}
	return e.dropEmpty(at, list)
}

// dropEmpty takes an array out that has nothing but nulls.
func (e *edit) dropEmpty(at pointer, list *value) *fhir.Error {
	for _, it := range list.items {
		if it.value.kind() != 'n' {
			return nil
		}
	}
	_, err := e.remove(at, "path")
	return err
}

// dropParents takes out the elements around a deleted one that have no member left: an
// element without any is not valid.
func (e *edit) dropParents(at pointer) *fhir.Error {
	for len(at) > 0 {
		v, err := e.find(at, "path")
		if err != nil {
			return err
		}
		if err := v.open(&e.meter); err != nil {
			return err
		}
		if len(v.items) > 0 {
			return nil
		}
		last := at[len(at)-1]
		if _, isItem := index(last); !isItem {
			_, err = e.remove(at, "path")
			at = at[:len(at)-1]
		} else {
			err = e.dropItem(at)
			at = at[:len(at)-2]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dropItem takes an empty object out of an array. In that of extensions of primitives a
// null stays in its place.
func (e *edit) dropItem(at pointer) *fhir.Error {
	list, err := e.find(at[:len(at)-1], "path")
	if err != nil {
		return err
	}
	i, _ := index(at[len(at)-1])
	if name := at[len(at)-2]; name[0] == '_' {
		*list.items[i].value = value{raw: orNull(nil)}
	} else if _, err := e.remove(at, "path"); err != nil {
		return err
	}
	return e.dropEmpty(at[:len(at)-1], list)
}

// moveItem moves an item of a list to another place, on both sides.
func (e *edit) moveItem(p place, from, to int) *fhir.Error {
	for _, prefix := range prefixes {
		at := append(slices.Clone(p.parent), prefix+p.name)
		list, err := e.memberAt(at)
		if err != nil {
			return err
		}
		if list == nil {
			continue
		}
		if list, err = e.list(at, list, max(from, to)+1); err != nil {
			return err
		}
		if err := e.spend(step * len(list.items)); err != nil {
			return err
		}
		shift(list.items, from, to)
	}
	return nil
}

// shift moves the value of an item; the space around the items stays where it is.
func shift(items []item, from, to int) {
	moved := items[from].value
	for ; from < to; from++ {
		items[from].value = items[from+1].value
	}
	for ; from > to; from-- {
		items[from].value = items[from-1].value
	}
	items[to].value = moved
}

// rename gives the member of a choice another name, on both sides.
func (e *edit) rename(p place, name string) *fhir.Error {
	parent, err := e.find(p.parent, "path")
	if err != nil {
		return err
	}
	if err := parent.open(&e.meter); err != nil {
		return err
	}
	for _, prefix := range prefixes {
		i, err := e.member(parent, prefix+p.name)
		if err != nil {
			return err
		}
		if i < 0 {
			continue
		}
		quoted, _ := json.Marshal(prefix + name) // a string can always be written
		it := &parent.items[i]
		it.name = prefix + name
		it.head = append(slices.Clone(it.head[:bytesBefore(it.head)]), append(quoted, ':')...)
	}
	return nil
}

// bytesBefore is where the name of a member begins in what stands before its value.
func bytesBefore(head []byte) int { return slices.Index(head, '"') }
