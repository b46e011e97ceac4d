package fhir

import "iter"

// codeSet is an enumerable value set, for required bindings.
type codeSet struct {
	name    string
	systems []systemCodes
}

type systemCodes struct {
	system string
	codes  []string // sorted
}

func (s *codeSet) add(system string, codes []string) {
	s.systems = append(s.systems, systemCodes{system, codes})
}

// SystemsOf yields the systems in the element's required value set that have a code.
func (e *Element) SystemsOf(code []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		if e.codes == nil {
			return
		}
		for i := range e.codes.systems {
			if one := &e.codes.systems[i]; one.has(code) && !yield(one.system) {
				return
			}
		}
	}
}

// hasCode says whether the set has a code, in any system.
func (s *codeSet) hasCode(code []byte) bool {
	for i := range s.systems {
		if s.systems[i].has(code) {
			return true
		}
	}
	return false
}

// hasCoding says whether the set has a code of a system.
func (s *codeSet) hasCoding(system, code []byte) bool {
	for i := range s.systems {
		if one := &s.systems[i]; one.system == string(system) && one.has(code) {
			return true
		}
	}
	return false
}

func (s *systemCodes) has(code []byte) bool {
	low, high := 0, len(s.codes)
	for low < high {
		if mid := (low + high) / 2; s.codes[mid] < string(code) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low < len(s.codes) && s.codes[low] == string(code)
}
