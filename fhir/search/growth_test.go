package search

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// Whatever is repeated in a document, in any type, time and memory grow like the document.
func TestCostIsLinear(t *testing.T) {
	bound := fhirtest.Bound{Bytes: 4 << 20, BytesPerByte: 150, CPU: 10 * time.Millisecond, CPUPerByte: 400 * time.Nanosecond}
	r := rand.New(rand.NewPCG(1, 2))
	docs, size := 2, 400_000
	if testing.Short() {
		docs, size = 1, 100_000
	}
	for _, typ := range fhir.ResourceTypes() {
		for range docs {
			g := grower{Rand: r, d: fhir.R4(), different: r.IntN(2) == 0}
			shape := r.Uint64()
			few := g.document(typ, shape, 10)
			small, large := g.document(typ, shape, 10+size/len(few)), g.document(typ, shape, 10+size*10/len(few))
			bound.Check(t, len(large), func() { work(large) })
			if t.Failed() {
				t.Fatalf("%s repeats %v: %.2000s", typ, g.repeated, g.document(typ, shape, 2))
			}
			sparse, _ := fhirtest.Cost(func() { work(small) })
			dense, _ := fhirtest.Cost(func() { work(large) })
			if ratio := float64(dense) / float64(sparse+1<<20) / (float64(len(large)) / float64(len(small))); ratio > 3 {
				t.Fatalf("%s repeats %v: memory grows %.1f times as fast as the document", typ, g.repeated, ratio)
			}
		}
	}
}

// work is what a create does with a document.
func work(data []byte) {
	if r, err := fhir.Parse(data); err == nil {
		_, _ = r.MapReferences(func(string) (string, bool) { return "Patient/1", true })
	}
	r, err := fhir.Open(data)
	if err != nil {
		return
	}
	if r, err = r.Stamp("a", 1, time.Unix(0, 0)); err == nil {
		_, _, _ = Describe(r, "http://localhost/fhir")
		_, _ = fhir.Subset(r.Bytes(), "true", nil)
		_, _ = fhir.Subset(r.Bytes(), "", []string{"id", "text"})
	}
	_, _ = fhir.ParseBundle(data, "http://localhost/fhir")
}

// grower writes documents in which one to four parts are repeated. They keep the
// structure of R4, not all of its rules.
type grower struct {
	*rand.Rand
	d         *fhir.Definitions
	different bool // the repetitions differ
	repeated  []string

	k     int // repetitions
	left  int // parts to repeat
	n     int // values so far
	depth int
	inner bool // inside a repeated part
}

func (g *grower) document(typ string, shape uint64, k int) []byte {
	g.Rand = rand.New(rand.NewPCG(shape, 0))
	g.repeated, g.k, g.left, g.n, g.depth, g.inner = nil, k, 1+g.IntN(4), 0, 0, false
	var b strings.Builder
	b.WriteString(`{"resourceType":"` + typ + `"`)
	g.members(&b, g.d.TypeIndex(typ), typ, ",")
	return []byte(b.String())
}

// members writes some elements of a type, and the end of the object.
func (g *grower) members(b *strings.Builder, typ int32, path, comma string) {
	g.depth++
	for i := range g.d.Elements {
		e := &g.d.Elements[i]
		if e.Owner != typ || g.depth > 1 && (e.Name == "extension" || e.Name == "modifierExtension") || g.IntN(1+g.depth) > 1 || g.depth > 5 {
			continue
		}
		of := e.Types[g.IntN(len(e.Types))]
		name := e.Name
		if e.Choice {
			of = e.Types[g.IntN(len(e.Types))]
			t := g.d.Types[of].Name
			name += strings.ToUpper(t[:1]) + t[1:]
		}
		b.WriteString(comma + `"` + name + `":`)
		comma = ","
		g.element(b, e, of, path+"."+name)
	}
	g.depth--
	b.WriteString("}")
}

func (g *grower) element(b *strings.Builder, e *fhir.Element, typ int32, path string) {
	if !e.Array {
		g.value(b, typ, path)
		return
	}
	items := 1
	often := 3
	if e.Name == "contained" || strings.Contains(path, "xtension") || strings.Contains(path, ".meta.") { // every type has them
		often = 20
	}
	if !g.inner && g.left > 0 && g.IntN(often) == 0 {
		items = g.k
		g.left--
		g.repeated = append(g.repeated, path)
		g.inner = true
		defer func() { g.inner = false }()
	}
	state := *rand.New(rand.NewPCG(g.Uint64(), 0))
	outer := g.Rand
	b.WriteString("[")
	for i := range items {
		if i > 0 {
			b.WriteString(",")
		}
		same := state
		g.Rand = &same
		g.value(b, typ, path)
	}
	g.Rand = outer
	b.WriteString("]")
}

func (g *grower) value(b *strings.Builder, typ int32, path string) {
	t := &g.d.Types[typ]
	if text, ok := g.primitive(t.Name); ok {
		b.WriteString(text)
		return
	}
	if t.Name == "Resource" {
		b.WriteString(`{"resourceType":"Basic","subject":{"reference":"Patient/` + g.token() + `"}}`)
		return
	}
	b.WriteString("{")
	g.members(b, typ, path, "")
}

func (g *grower) token() string {
	if g.n++; g.different && g.inner {
		return fmt.Sprint("v", g.n)
	}
	return "v"
}

// primitive is a value of a primitive type.
func (g *grower) primitive(typ string) (string, bool) {
	n := 1
	if g.n++; g.different && g.inner {
		n = g.n
	}
	switch typ {
	case "boolean":
		return "true", true
	case "decimal", "integer", "positiveInt", "unsignedInt":
		return fmt.Sprint(n), true
	case "date", "dateTime":
		return fmt.Sprintf(`"%04d-01-02"`, 1000+n%8000), true
	case "instant":
		return fmt.Sprintf(`"%04d-01-02T03:04:05Z"`, 1000+n%8000), true
	case "time":
		return `"03:04:05"`, true
	case "base64Binary":
		return `"AAAA"`, true
	case "uri", "url", "canonical":
		return fmt.Sprintf(`"http://a.example/b/%d"`, n), true
	case "oid":
		return fmt.Sprintf(`"urn:oid:1.%d"`, n), true
	case "uuid":
		return fmt.Sprintf(`"urn:uuid:00000000-0000-0000-0000-%012d"`, n), true
	case "xhtml":
		return `"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"`, true
	case "code", "id", "string", "markdown":
		return `"` + g.token() + `"`, true
	}
	return "", false
}
