package node

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// twinRef is the k-th document of a type.
func twinRef(typ string, k int) fhir.Ref { return fhir.Ref{Type: typ, ID: fmt.Sprint("r", k)} }

// script is the load of both servers: a document of every type for every patient, some
// changed, moved to another patient, labelled, deleted or made again, and the Consents last.
func (c *twinCaller) script(seed uint64) []twinStep {
	a := &twinAuthor{Rand: rand.New(rand.NewPCG(seed, 1))}
	var steps []twinStep
	for round := range 3 {
		for _, typ := range twinTypes {
			for k := range twinEach {
				if typ == "Patient" && k >= twinHomes || round > 0 && !a.once(4) {
					continue
				}
				steps = append(steps, c.step(a, typ, k, round))
			}
		}
	}
	for k, f := range c.fates {
		if consent := c.doc(k, f); consent != "" {
			steps = append(steps, twinStep{ref: fhir.Ref{Type: "Consent", ID: fmt.Sprint("c", k)}, body: consent})
		}
	}
	return steps
}

func (c *twinCaller) home(typ string, k int) int {
	if typ == "Patient" {
		return k
	}
	home := c.homes[k%len(c.homes)]
	if slices.Contains(twinSettles, typ) && c.fates[home] == partly {
		return 0
	}
	return home
}

// step writes one version.
func (c *twinCaller) step(a *twinAuthor, typ string, k, round int) twinStep {
	s := twinStep{ref: twinRef(typ, k)}
	if round == 1 && a.once(5) {
		return s // deleted
	}
	home := c.home(typ, k)
	if to := a.IntN(twinHomes); round == 1 && typ != "Patient" && a.once(6) && c.fates[home] != partly && c.fates[to] != partly {
		home = to
	}
	a.to = c.towards(a, typ, home)
	label := ""
	if a.once(5) {
		label = twinLabel
	}
	patient := twinRef("Patient", home).String()
	for s.body == "" || adrift(s.body) {
		s.body = a.document(s.ref, patient, label)
	}
	s.decoy = strings.Replace(s.body, `"resourceType"`, `"implicitRules":"urn:other","resourceType"`, 1)
	s.decoy = leadAway(s.decoy)
	s.decoy = strings.ReplaceAll(s.decoy, `/r6"`, `/r5"`) // hidden, too, but not a stranger to the second server
	return s
}

// adrift says whether a document is a Composition without a patient that leads to another:
// whose it is changes when somebody writes that one, so a hidden one may come to be shown.
func adrift(body string) bool {
	return strings.Contains(body, `"resourceType":"Composition"`) && !strings.Contains(body, `"Patient/`) && strings.Contains(body, `"Composition/`)
}

// leadAway lets a document that is in nobody's compartment lead to a hidden patient, for
// what it leads to may not be there.
func leadAway(body string) string {
	const hidden = `{"reference":"Patient/r6"}`
	if strings.Contains(body, `"resourceType":"Binary"`) {
		before, after, found := strings.Cut(body, `"securityContext":{`)
		if _, rest, _ := strings.Cut(after, "}"); found {
			return before + `"securityContext":` + hidden + rest
		}
		return body
	}
	return strings.Replace(body, `"resourceType"`, `"extension":[{"url":"urn:decoy","valueReference":`+hidden+`}],"resourceType"`, 1)
}

// towards makes references of a type mostly to documents of the same patient. Whether a
// List of somebody who is shown partly may be seen depends on what it refers to, and on
// whether that exists (docs/limits.md): what holds or inherits is about nobody who is shown
// partly.
func (c *twinCaller) towards(a *twinAuthor, from string, home int) func(string) fhir.Ref {
	settles := slices.Contains(twinSettles, from)
	fits := func(other int, n int) bool {
		switch {
		case other == home:
			return true
		case settles && c.fates[other] == partly:
			return false
		}
		return n > twinEach || a.once(4)
	}
	return func(typ string) fhir.Ref {
		if typ == "Patient" {
			return twinRef(typ, home)
		}
		k := a.IntN(twinEach)
		for n := 0; !fits(c.home(typ, k), n); n++ {
			k = a.IntN(twinEach)
		}
		return twinRef(typ, k)
	}
}

// twinAsk is one request, in the names of the test.
type twinAsk struct {
	route, method, path, body string
	header                    []string
	anonymous                 bool
	params                    []string // Type.parameter: what it draws
}

func (q twinAsk) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %q\n%s", q.method, q.path, q.header, q.body))
}

// deck deals a list in turn, shuffled anew after each round, so that every card comes.
type deck[T any] struct {
	*rand.Rand
	cards []T
	next  int
}

// newDeck begins at a part of the round, so that several decks together come round sooner.
func newDeck[T any](r *rand.Rand, cards []T, part, parts int) deck[T] {
	at := len(cards) * part / parts
	return deck[T]{r, slices.Concat(cards[at:], cards[:at]), 0}
}

func (d *deck[T]) deal() T {
	if d.next == len(d.cards) {
		d.next = 0
		d.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	d.next++
	return d.cards[d.next-1]
}

// find deals a card that fits: one that has not come in this round, if there is one.
func (d *deck[T]) find(fits func(T) bool) (card T, ok bool) {
	for i := d.next; i < len(d.cards); i++ {
		if fits(d.cards[i]) {
			d.cards[d.next], d.cards[i] = d.cards[i], d.cards[d.next]
			return d.deal(), true
		}
	}
	from := d.IntN(len(d.cards))
	for i := range d.cards {
		if card = d.cards[(from+i)%len(d.cards)]; fits(card) {
			return card, true
		}
	}
	return card, false
}
