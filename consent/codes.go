package consent

import (
	"slices"

	"github.com/aceso-health/aceso/fhir"
)

// Codes are criteria of codes that the Consents of a shape have, all patients' the same.
// Each answers no, maybe or yes about a resource that is Apart (see fhir.Facts), and its
// codes alone tell which: so there are 3 ways to answer one criterion, 9 to answer two.
type Codes []*content

// mostAnswered bounds the criteria of a shape whose answers are foreseen.
const mostAnswered = 3

// Codes are those of the shape; none if they are too many.
func (p *Shape) Codes() Codes {
	if len(p.codes) > mostAnswered {
		return nil
	}
	return p.codes
}

func (c *Codes) add(more []*content) {
	for _, one := range more {
		if !slices.ContainsFunc(*c, func(known *content) bool { return known.name == one.name }) {
			*c = append(*c, one)
		}
	}
}

// Name is the same for criteria that answer the same.
func (c Codes) Name() (name string) {
	for _, one := range c {
		name += one.name
	}
	return name
}

// answers the criterion can give.
const answersOfOne = int(yes) + 1

// Ways is in how many ways a resource may answer.
func (c Codes) Ways() int {
	n := 1
	for range c {
		n *= answersOfOne
	}
	return n
}

// Way is the one in which a resource answers.
func (c Codes) Way(f *fhir.Facts) (way int) {
	for _, one := range c {
		way = way*answersOfOne + int(one.match(f.Codes))
	}
	return way
}

// answers are those of one way, by the names of the criteria.
func (c Codes) answers(way int) map[string]truth {
	all := make(map[string]truth, len(c))
	for _, one := range slices.Backward(c) {
		all[one.name] = truth(way % answersOfOne)
		way /= answersOfOne
	}
	return all
}
