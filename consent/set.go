package consent

import "slices"

// set is a set of texts. A few are compared one by one, which is faster than to look them
// up; many are looked up, so that long lists cost no more.
type set struct {
	few  []string
	many map[string]bool
}

// mostFew is how many texts are compared one by one.
const mostFew = 8

func (s *set) has(v string) bool {
	if s.many != nil {
		return s.many[v]
	}
	return slices.Contains(s.few, v)
}

// add says whether v is new.
func (s *set) add(v string) bool {
	if s.has(v) {
		return false
	}
	s.few = append(s.few, v)
	if s.many != nil {
		s.many[v] = true
	} else if len(s.few) > mostFew {
		s.many = map[string]bool{}
		for _, v := range s.few {
			s.many[v] = true
		}
	}
	return true
}
