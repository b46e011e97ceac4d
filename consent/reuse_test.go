package consent

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

// dressed gives a Consent a name, a patient and a time of its own, and sometimes what makes
// it unlike others.
func (d dice) dressed(c object, n int) Found {
	own := object{}
	for k, v := range c {
		own[k] = v
	}
	id := fmt.Sprint("c", n)
	own["id"], own["patient"] = id, object{"reference": fmt.Sprint("Patient/", n)}
	meta := object{"versionId": fmt.Sprint(n), "lastUpdated": fmt.Sprintf("2026-01-01T00:00:%02dZ", n%60)}
	if old, ok := c["meta"].(object); ok {
		meta["profile"] = old["profile"]
	}
	own["meta"] = meta
	delete(own, "dateTime")
	if d.chance(60) {
		own["dateTime"] = d.one("2019", "2020-06-01", "2020-06-15T11:59:59Z", "2020-06-15T12:00:00Z", "2021-01-01", "2030")
	}
	switch d.IntN(20) {
	case 0:
		own["dateTime"] = "2020-06-15T12:00:00" // no time of any zone
	case 1:
		own["modifierExtension"] = []any{object{"url": "u", "valueBoolean": true}}
	case 2:
		own["patient"] = object{"reference": fmt.Sprint("Patient/", n), "display": "x"}
	case 3:
		own["status"] = "inactive"
	}
	body, err := json.Marshal(own)
	if err != nil {
		panic(err)
	}
	return Found{Ref: fhir.Ref{Type: "Consent", ID: id}, Version: 1, Body: body}
}

// What is taken from another Consent stands as the Consent itself would, at any time.
func TestReusedConsentsStandAlike(t *testing.T) {
	d := newDice(41)
	r := NewRegistry(newShelf())
	reused, asked := 0, 0
	for range cases(t) / 200 {
		u := reuse{known: map[[32]byte]*Rules{}}
		a, b := d.consent(), d.consent()
		for n := range 10 {
			c := a
			if d.chance(50) {
				c = b
			}
			f := d.dressed(c, n)
			before := len(u.known)
			got, want := u.compile(r, f), r.compile([]Found{f})[0]
			if asked++; len(u.known) == before {
				reused++
			}
			now := d.subject().Now.UnixMilli()
			is, own := newStanding(everyCode), newStanding(everyCode)
			is.add(got, now, nil)
			own.add(want, now, nil)
			if len(is.models) != len(own.models) || is.from != own.from || is.until != own.until || len(is.models) > 0 && is.models[0].key != own.models[0].key {
				t.Fatalf("%s stands as %+v, and by itself as %+v", f.Body, is, own)
			}
		}
	}
	if t.Log(reused, "of", asked); reused*2 < asked {
		t.Errorf("only %d of %d are reused", reused, asked)
	}
}
