package access

import (
	"cmp"
	"slices"

	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// difference is what changes in one way: for which patients, by the bucket of their Consents.
type difference struct {
	purposes, types []string
	buckets         map[string]bool // of shapes; "" are those without Consents
}

// differ notes how sets of rows of a type change.
func (s *seers) differ(purpose, typ string, old, next *store.Sight, obliges bool, found map[string]*difference) {
	before, after := groupsOf(old), groupsOf(next)
	note := func(bucket string) {
		is, will := sure(old, before, bucket), sure(next, after, bucket)
		what := changed(is, will, old, next)
		if what == "" && obliges && will == store.Shown {
			what = policy.Obliged
		}
		if what == "" {
			return
		}
		d := found[what]
		if d == nil {
			d = &difference{buckets: map[string]bool{}}
			found[what] = d
		}
		d.buckets[bucket] = true
		d.purposes, d.types = store.Union(d.purposes, []string{purpose}), store.Union(d.types, []string{typ})
	}
	note("")
	for _, shape := range s.shapes {
		for i := range shape.Buckets {
			note(shape.Buckets[i].Name)
		}
	}
}

func groupsOf(s *store.Sight) map[string]store.Sure {
	all := map[string]store.Sure{}
	if s != nil {
		for i := range s.Groups {
			all[s.Groups[i].Name] = s.Groups[i].Is
		}
	}
	return all
}

func sure(s *store.Sight, groups map[string]store.Sure, bucket string) store.Sure {
	if s == nil {
		return store.ByRow
	}
	if is, apart := groups[bucket]; apart {
		return is
	}
	return s.Rest
}

// changed says in which way rows are seen otherwise; "" if they are not.
func changed(is, will store.Sure, old, next *store.Sight) string {
	fewer, more := marked(old, next)
	switch {
	case is == store.Hidden && will == store.Hidden:
		return ""
	case is == store.Hidden && will == store.Shown && !fewer:
		return policy.Newly
	case is == store.Hidden:
		return policy.NewlySome
	case will == store.Hidden:
		return policy.NoLonger
	case is == store.ByRow && will == store.ByRow:
		return policy.Either
	case is == store.Shown && will == store.ByRow:
		return map[bool]string{true: policy.Either, false: policy.Less}[more]
	case is == store.ByRow:
		return map[bool]string{true: policy.Either, false: policy.More}[fewer]
	case fewer && more:
		return policy.Either
	case fewer:
		return policy.Less
	case more:
		return policy.More
	}
	return ""
}

// marked says whether marks hide more rows than before, and whether less.
func marked(old, next *store.Sight) (fewer, more bool) {
	var a, b store.Sight
	if old != nil {
		a = *old
	}
	if next != nil {
		b = *next
	}
	lacks := func(list, of []string) bool {
		return slices.ContainsFunc(of, func(m string) bool { return !slices.Contains(list, m) })
	}
	return lacks(a.Barred, b.Barred) || lacks(a.Needed, b.Needed), lacks(b.Barred, a.Barred) || lacks(b.Needed, a.Needed)
}

// count counts the patients of a difference, and names some.
func (s *seers) count(d *difference) (n int64, whom []string) {
	rest := s.answer.Patients
	in := map[string]bool{}
	for _, shape := range s.shapes {
		for _, b := range shape.Buckets {
			rest -= int64(len(b.Patients))
			for _, p := range b.Patients {
				in[p] = true
			}
			if d.buckets[b.Name] {
				n += int64(len(b.Patients))
				whom = append(whom, b.Patients[:min(len(b.Patients), seersSamples)]...)
			}
		}
	}
	if d.buckets[""] {
		n += max(0, rest)
		for _, p := range s.patients {
			if !in[p] {
				whom = append(whom, p)
			}
		}
	}
	slices.SortFunc(whom, cmp.Compare)
	return n, whom[:min(len(whom), seersSamples)]
}
