package engine_test

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

// Who is not admitted cannot use up the events of a journey.
func TestOutsidersDoNotUseUpAJourney(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	w.s.Seen = engine.Full(5_000)
	stranger := w.honest("order", "bag-1")
	stranger.Person = "stranger"
	before := text(t, w.s)
	if out := w.finish(stranger, ""); out.Verdict != engine.Refused || out.Code != engine.RoleDenied || text(t, w.s) != before {
		t.Errorf("a stranger is %s %s", out.Verdict, out.Code)
	}
	if out := w.do("order"); out.Verdict != engine.Accepted {
		t.Errorf("an order is %s %s", out.Verdict, out.Code)
	}
	w.s.Seen = engine.Full(10_000)
	if out := w.do("issue"); out.Verdict != engine.Refused || out.Code != engine.Locked {
		t.Errorf("one too many is %s %s", out.Verdict, out.Code)
	}
}

// Where one organisation has all roles, a person still does not approve what she asked for.
func TestOneHouseOfTwoPersons(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	for i := range w.s.Parties {
		if w.s.Parties[i].Role != "sponsor" && w.s.Parties[i].Role != "courier" && w.s.Parties[i].Role != "collector" {
			w.s.Parties[i].Organisation = "maker"
		}
	}
	w.r.Persons = append(w.r.Persons, engine.Person{ID: "head", Organisation: "maker", Roles: []string{"clinic", "quality"}})
	if err := w.r.Prepare(); err != nil {
		t.Fatal(err)
	}
	for _, code := range []engine.Code{"", engine.SelfApproval} {
		e := w.honest("release", "b")
		e.Person, e.PrevHash = "head", engine.Hash{}
		b := &engine.Bag{ID: "b", State: "made", Custodian: "maker", Product: w.d.Product, Printed: 3, Results: good()}
		if code != "" {
			b.Request = "head"
		}
		w.s.Bags = []*engine.Bag{b}
		e.Payload.Printed, e.Payload.Used = 3, 2
		if out := w.finish(e, ""); out.Code != code {
			t.Errorf("a release is %s %s, want %q", out.Verdict, out.Code, code)
		}
	}
}

func good() (list []engine.Result) {
	for _, test := range []string{"viability", "potency", "sterility", "identity"} {
		list = append(list, engine.Result{Test: test, Outcome: "pass"})
	}
	return list
}

// Where several organisations may receive, only the one that it was given to does.
func TestOnlyTheNamedReceiverTakes(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	w.d = changed(t, `"to": "received", "by": ["manufacturer"]`, `"to": "received", "by": ["manufacturer", "site"]`)
	w.s.Definition = w.d.Hash()
	for _, step := range w.paths[:6] {
		w.do(step)
	}
	w.now += pause
	e := w.honest("receive", w.current)
	w.as(e, "site")
	w.stand(e)
	if out := w.finish(e, ""); out.Code != engine.WrongReceiver {
		t.Errorf("the site's acceptance is %s %s", out.Verdict, out.Code)
	}
}

// Where several may carry, only the courier that was named does.
func TestOnlyTheNamedCourierCarries(t *testing.T) {
	w := newWorld(t, "cart-autologous-cryo")
	w.d = changed(t, `"does": "carry", "from": ["travelling"], "to": "", "by": ["courier"]`, `"does": "carry", "from": ["travelling"], "to": "", "by": ["courier", "sponsor"]`)
	w.s.Definition = w.d.Hash()
	for _, step := range w.paths[:5] {
		w.do(step)
	}
	w.now += pause
	e := w.honest("carry", w.current)
	w.as(e, "sponsor")
	if out := w.finish(e, ""); out.Code != engine.WrongCourier {
		t.Errorf("the sponsor's carrying is %s %s", out.Verdict, out.Code)
	}
}

// changed is the definition for autologous cells with something exchanged.
func changed(t *testing.T, from, to string) *engine.Definition {
	t.Helper()
	text := definitionText(t, "cart-autologous-cryo")
	other := strings.Replace(text, from, to, 1)
	if other == text {
		t.Fatalf("%s is not in the definition", from)
	}
	d, err := engine.Load([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	return d
}
