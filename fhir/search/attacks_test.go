package search

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// list repeats an item n times, with commas between; %d in it is the number.
func list(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		if items[i] = item; strings.Contains(item, "%d") {
			items[i] = fmt.Sprintf(item, i)
		}
	}
	return strings.Join(items, ",")
}

func repeat(n int, s string) string { return strings.Repeat(s, n) }

// attacks are documents of about n*20 bytes whose cost could grow faster than they do.
var attacks = map[string]func(n int) string{
	"two parts of a composite": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[` + list(n, `{"code":"a%d"}`) + `]},"valueCodeableConcept":{"coding":[` + list(n, `{"code":"b%d"}`) + `]}}`
	},
	"two parts of a composite, alike": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[` + list(n, `{"code":"a"}`) + `]},"valueCodeableConcept":{"coding":[` + list(n, `{"code":"b"}`) + `]}}`
	},
	"a composite with a long text": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[` + list(min(n, 900), `{"code":"a%d"}`) + `]},"valueString":"` + repeat(n*15, "x") + `"}`
	},
	"a composite with the same part for every element": func(n int) string {
		return `{"resourceType":"MolecularSequence","coordinateSystem":0,"referenceSeq":{"chromosome":{"coding":[` + list(min(n/2, 900), `{"code":"a%d"}`) + `]}},"variant":[` + list(n, `{"start":1,"end":2}`) + `]}`
	},
	"a composite with the same long part for every element": func(n int) string {
		return `{"resourceType":"MolecularSequence","coordinateSystem":0,"referenceSeq":{"chromosome":{"coding":[` + list(n, `{"code":"a"}`) + `]}},"variant":[` + list(n, `{"start":1,"end":2}`) + `]}`
	},
	"a composite with few different values": func(n int) string {
		return `{"resourceType":"MolecularSequence","coordinateSystem":0,"referenceSeq":{"chromosome":{"coding":[` + list(200, `{"code":"a%d"}`) + `]}},"variant":[` + list(n, `{"start":1,"end":2}`) + `]}`
	},
	"components": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"a"},"component":[` + list(n/100, `{"code":{"coding":[`+list(40, `{"code":"a%d"}`)+`]},"valueCodeableConcept":{"coding":[`+list(40, `{"code":"b"}`)+`]}}`) + `]}`
	},
	"paths of a URL": func(n int) string {
		return `{"resourceType":"ValueSet","status":"active","url":"http://h` + repeat(n*10, "/a") + `"}`
	},
	"long paths of a URL": func(n int) string {
		return `{"resourceType":"ValueSet","status":"active","url":"http://h` + repeat(1900, "/"+repeat(n/100, "a")) + `"}`
	},
	"the first entry": func(n int) string {
		return `{"resourceType":"Bundle","type":"collection","link":[` + list(n, `{"relation":"a","url":"b"}`) + `],"entry":[` + list(n/2, `{"resource":{"resourceType":"Basic","code":{"text":"a"}}}`) + `]}`
	},
	"names": func(n int) string { return `{"resourceType":"Patient","name":[{"given":[` + list(n*5, `"a"`) + `]}]}` },
	"words": func(n int) string {
		return `{"resourceType":"Basic","code":{"text":"` + repeat(n*10, "a ") + `b"}}`
	},
	"references": func(n int) string {
		return `{"resourceType":"List","status":"current","mode":"working","entry":[` + list(n/2, `{"item":{"reference":"Patient/%d"}}`) + `]}`
	},
	"contained resources": func(n int) string {
		return `{"resourceType":"List","status":"current","mode":"working","contained":[` + list(n/5, `{"resourceType":"Basic","id":"a","code":{"text":"a"}}`) + `],"entry":[` + list(n/2, `{"item":{"reference":"#a"}}`) + `]}`
	},
	"types at the end": func(n int) string {
		return repeat(33, `{"parameter":[{"name":"a","resource":`) + `{"resourceType":"Basic","code":{"text":"` + repeat(n*20, "x") + `"}}` + repeat(33, `}],"resourceType":"Parameters"}`)
	},
	"nested extensions": func(n int) string {
		return `{"resourceType":"Basic","code":{"text":"a"},` + repeat(48, `"extension":[{"url":"a",`) + `"valueString":"` + repeat(n*20, "x") + `"` + repeat(48, `}]`) + `}`
	},
	"brackets":  func(n int) string { return repeat(n*20, `[`) },
	"braces":    func(n int) string { return repeat(n*4, `{"a":`) },
	"mistakes":  func(n int) string { return `{"resourceType":"Patient",` + list(n*2, `"a%d":1`) + `}` },
	"tags":      func(n int) string { return narrative(repeat(n*3, "<b>a</b>")) },
	"open tags": func(n int) string { return narrative(repeat(n*6, "<b>")) },
	"comments":  func(n int) string { return narrative("a" + repeat(n*3, "<!-- -->")) },
	"entities":  func(n int) string { return narrative(repeat(n*5, "&lt;")) },
	"digits": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"coding":[` + list(min(n, 900), `{"code":"a%d"}`) + `]},"valueQuantity":{"value":0.` + repeat(n*10, "0") + `1}}`
	},
	"exponents": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"a"},"component":[` + list(n/5, `{"code":{"text":"a"},"valueQuantity":{"value":1e999999999}}`) + `]}`
	},
	"units": func(n int) string {
		return `{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueQuantity":{"value":1,"system":"http://unitsofmeasure.org","code":"` + repeat(n*5, "m.s/") + `1"}}`
	},
	"gaps": func(n int) string {
		return `{"resourceType":"Patient","name":[{"given":[` + list(n*2, `"a"`) + `],"_given":[` + list(n*2, `null`) + `]}]}`
	},
	"failing entries": func(n int) string {
		return `{"resourceType":"Bundle","type":"batch","entry":[` + list(n/40, `{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient",`+list(60, `"a%d":1`)+`}}`) + `]}`
	},
	"entries": func(n int) string {
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + list(n/10, `{"fullUrl":"urn:uuid:00000000-0000-0000-0000-00000000000%d","request":{"method":"POST","url":"Basic"},"resource":{"resourceType":"Basic","code":{"text":"a"},"subject":{"reference":"urn:uuid:00000000-0000-0000-0000-000000000001"}}}`) + `]}`
	},
}

func narrative(inside string) string {
	return `{"resourceType":"Basic","code":{"text":"a"},"text":{"status":"generated","div":"<div xmlns='http://www.w3.org/1999/xhtml'>` + inside + `</div>"}}`
}

// Attacks of 100 KB to 1 MB cost what they weigh, whether they are refused or not.
func TestAttacksCostWhatTheyWeigh(t *testing.T) {
	bound := fhirtest.Bound{Bytes: 8 << 20, BytesPerByte: 400, CPU: 20 * time.Millisecond, CPUPerByte: 500 * time.Nanosecond}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{5_000, 50_000} {
				doc := []byte(attack(n))
				bound.Check(t, len(doc), func() { work(doc) })
				if t.Failed() {
					return // the longer one may take very long
				}
			}
		})
	}
}

// Everything that a create does with a document costs what it weighs.
func FuzzDocument(f *testing.F) {
	for _, attack := range attacks {
		f.Add([]byte(attack(500)))
	}
	r := grower{d: fhir.R4()}
	for i, typ := range fhir.ResourceTypes() {
		f.Add(r.document(typ, uint64(i), 3))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fhirtest.Linear.Check(t, len(data), func() { work(data) })
	})
}

// A refusal says where the first value beyond the limit stands, and what the limit is: it
// grows with the document up to that of any resource.
func TestTooManyValuesAreRefusedInTheirPlace(t *testing.T) {
	for name, want := range map[string]struct {
		n     int
		place string
	}{
		"two parts of a composite": {40, "Observation"},
		"paths of a URL":           {3000, "ValueSet.url"},
		"references":               {220_000, "List.entry[99994].item"},
	} {
		doc := attacks[name](want.n)
		_, err := indexed(doc)
		e, refused := err.(*fhir.Error)
		limit := fmt.Sprint(min(100_000, 2000+len(doc)/4), " different values")
		if !refused || e.Kind != fhir.Unprocessable || e.Expression != want.place || !strings.Contains(e.Detail, limit) {
			t.Errorf("%s: %v, want %s", name, err, limit)
		}
	}
	for name, n := range map[string]int{"two parts of a composite": 300, "a composite with few different values": 2000} {
		doc := attacks[name](n)
		_, err := indexed(doc)
		limit := fmt.Sprint(20_000+len(doc)/2, " combinations")
		if e, refused := err.(*fhir.Error); !refused || e.Expression == "" || !strings.Contains(e.Detail, limit) {
			t.Errorf("combinations: %v, want %s", err, limit)
		}
	}
}

// What repeats counts once, however many there are.
func TestCopiesAreKeptOnce(t *testing.T) {
	for _, name := range []string{"names", "words", "two parts of a composite, alike"} {
		many, err := indexed(attacks[name](50_000))
		few, err2 := indexed(attacks[name](1))
		if err == nil && err2 == nil { // a text sorts by its beginning and its hash
			text := func(k string) bool { return strings.HasPrefix(k, "code<") }
			many.Keys, few.Keys = slices.DeleteFunc(many.Keys, text), slices.DeleteFunc(few.Keys, text)
		}
		if err != nil || err2 != nil || !reflect.DeepEqual(many.Keys, few.Keys) {
			t.Errorf("%s: %v %v, %d keys, want %d", name, err, err2, len(many.Keys), len(few.Keys))
		}
	}
}

func indexed(doc string) (*Index, error) {
	r, err := fhir.Open([]byte(doc))
	if err != nil {
		return nil, err
	}
	return IndexOf(r, "")
}
