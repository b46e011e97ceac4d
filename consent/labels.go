package consent

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	security "github.com/aceso-health/aceso/labels"
)

// labels is what a resource's security labels say.
//
// Without any label a resource is of normal confidentiality and unknown
// sensitivity. A label N or lower says that nothing sensitive was found; R or V
// alone, or a label that cannot be read, leave the sensitivity open, and a
// sensitivity alone leaves open how far above N the confidentiality is.
type labels struct {
	all         []fhir.Coding
	secrecy     int8 // rank: exact if known, else the lowest possible
	known       bool // secrecy is exact
	sensitivity bool // all sensitivities are among all
}

func readLabels(all []fhir.Coding) labels {
	l := labels{all: all}
	unclear := false
	for i := range all {
		switch c := &all[i]; {
		case c.System == "":
			unclear = true
		case secrecySystems.has(c.System):
			rank := secrecyRank(c.Code)
			l.secrecy = max(l.secrecy, rank)
			unclear = unclear || rank == 0
		case actCodeSystems.has(c.System) && sensitivityParent(c.Code) != "":
			l.sensitivity = true
		}
	}
	given := l.secrecy > 0
	l.known = !unclear && (given || !l.sensitivity)
	if !given || unclear {
		l.secrecy = max(l.secrecy, rankNormal)
	}
	l.sensitivity = !unclear && (l.sensitivity || given && l.secrecy <= rankNormal)
	return l
}

// labelled is the criterion securityLabel. Its confidentialities and its other
// labels are two groups: where only one of them matches, R4 leaves open whether
// the provision does.
type labelled struct {
	secrecy []int8               // ranks
	tags    set                  // codes of v3-ActCode
	broader set                  // codes of v3-ActCode that subsume one of tags
	others  map[fhir.Coding]bool // of other code systems
	unclear bool                 // has a label that cannot be read
}

func (c *labelled) add(system, code string) {
	if !actCodeSystems.has(system) {
		if c.others == nil {
			c.others = map[fhir.Coding]bool{}
		}
		c.others[fhir.Coding{System: system, Code: code}] = true
		return
	}
	c.tags.add(code)
	for code = sensitivityParent(code); code != ""; code = sensitivityParent(code) {
		c.broader.add(code)
	}
}

func (c *labelled) tagged() bool { return len(c.tags.few) > 0 || len(c.others) > 0 }

func (c *labelled) match(k kind, l *labels) truth {
	t := no
	switch secrecy, tags := c.matchSecrecy(k, l), c.matchTags(l); {
	case len(c.secrecy) == 0:
		t = tags
	case !c.tagged() || secrecy == tags:
		t = secrecy
	default:
		t = maybe
	}
	if c.unclear {
		t = max(t, maybe)
	}
	return t
}

// matchSecrecy: a permit covers its level and all below, a deny its level and all above.
func (c *labelled) matchSecrecy(k kind, l *labels) truth {
	t := no
	for _, rank := range c.secrecy {
		t = max(t, coversSecrecy(k, rank, l))
	}
	return t
}

func coversSecrecy(k kind, rank int8, l *labels) truth {
	low, high := l.secrecy, l.secrecy
	if !l.known {
		high = rankHighest
	}
	switch {
	case k == permits && high <= rank, k == denies && low >= rank, low == high && low == rank:
		return yes
	case k == permits && low > rank, k == denies && high < rank:
		return no
	}
	return maybe
}

func (c *labelled) matchTags(l *labels) truth {
	t := no
	if !l.sensitivity {
		t = maybe
	}
	if !c.tagged() {
		return t
	}
	for i := range l.all {
		t = max(t, c.matchTag(&l.all[i]))
	}
	return t
}

// matchTag: a resource labelled more broadly than the criterion may be meant.
func (c *labelled) matchTag(label *fhir.Coding) truth {
	if !actCodeSystems.has(label.System) {
		return certain(c.others != nil && c.others[*label])
	}
	for code := label.Code; code != ""; code = sensitivityParent(code) {
		if c.tags.has(code) {
			return yes
		}
	}
	return either(false, c.broader.has(label.Code))
}

// Bars says whether one of a resource's labels is one of some others (system|code), or
// falls under one: a confidentiality under those below it, a sensitivity under those that
// subsume it. A label without a system may be of any.
func Bars(barred []string, labels []fhir.Coding) bool {
	for _, one := range barred {
		system, code, _ := strings.Cut(one, "|")
		if slices.ContainsFunc(labels, func(l fhir.Coding) bool { return fallsUnder(l, system, code) }) {
			return true
		}
	}
	return false
}

// Barred lists all labels that Bars takes for one of some others, or for one under them.
func Barred(barred []string) (all []fhir.Coding) {
	for _, one := range barred {
		system, code, _ := strings.Cut(one, "|")
		codes := append(security.Sensitivities(), append(secrecyCodes[:len(secrecyCodes):len(secrecyCodes)], code)...)
		for _, s := range slices.Concat(secrecySystems, actCodeSystems, []string{"", system}) {
			for _, c := range codes {
				if l := (fhir.Coding{System: s, Code: c}); fallsUnder(l, system, code) && !slices.Contains(all, l) {
					all = append(all, l)
				}
			}
		}
	}
	return all
}

func fallsUnder(l fhir.Coding, system, code string) bool {
	same := func(systems oneOf) bool { return systems.has(system) && (l.System == "" || systems.has(l.System)) }
	switch {
	case same(secrecySystems):
		return l.Code == code || secrecyRank(code) > 0 && secrecyRank(l.Code) >= secrecyRank(code)
	case same(actCodeSystems):
		for c := l.Code; c != ""; c = sensitivityParent(c) {
			if c == code {
				return true
			}
		}
		return false
	}
	return l.Code == code && (l.System == "" || l.System == system)
}
