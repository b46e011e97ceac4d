package validate

import (
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"os"
)

func TestQuickly(t *testing.T) {
	for expression, want := range map[string]string{
		"value.empty() or system.exists()":                                              "-value +system",
		"code.exists() implies ((system = %ucum) and value.exists())":                   "-code",
		"start.hasValue().not() or end.hasValue().not() or (start <= end)":              "-start -end",
		"name.exists() or telecom.exists()":                                             "+name +telecom",
		"value.empty() or component.code.where(coding.exists() and x = 'or y').empty()": "-value -component",
		"start.exists() = end.exists()":                                                 "",
		"category.exists() xor productOrService.exists()":                               "",
		"detail.exists() and measure.exists()":                                          "",
		"a.exists() implies b.exists() implies c.exists()":                              "",
		"a.count().empty() or b.exists()":                                               "+b",
		"(a.exists() and b.exists()) or c.exists()":                                     "+c",
		"type != 'group' or initial.empty()":                                            "",
		"$this.exists() or %resource.exists() or where(use = 'home').empty()":           "",
		"a.exists().not() or b":                                                         "-a",
		"verificationStatus.coding.where(code='x').empty() or clinicalStatus.empty()":   "-verificationStatus -clinicalStatus",
		"a.where(b = %resource.c).empty() or a.matches('\\'') or d.combine(e).empty()":  "",
	} {
		var got []string
		for _, q := range quickly(expression) {
			sign := "+"
			if q.absent {
				sign = "-"
			}
			got = append(got, sign+q.name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", expression, s, want)
		}
	}
}

// What is seen quickly is what evaluation says, for all constraints of R4 and all
// elements of its examples.
func TestQuicknessDecidesAlike(t *testing.T) {
	d, b := fhir.R4(), base()
	compared := 0
	for _, file := range fhirtest.Corpus(t, "r4-examples") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 1<<20 {
			continue
		}
		tape, err := fhir.ReadTape(data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range tape.Nodes {
			at := int32(i)
			if tape.Nodes[i].PrimitiveExt || tape.Nodes[i].Kind != '{' {
				continue
			}
			for _, c := range b.types[tape.Nodes[i].Type] {
				path, err := c.compiled()
				if err != nil {
					t.Fatal(c.expression, err)
				}
				for _, q := range c.program.quick {
					if !q.holds(tape, d, at) {
						continue
					}
					compared++
					found, err := path.Evaluate(nil, fhirpath.Node{Tape: tape, At: at})
					if ok := len(found) == 1 && found[0].String() == "true"; err != nil || !ok {
						t.Errorf("%s %s: %s does not hold, %v", file, tape.Place(at), c.expression, err)
					}
				}
			}
		}
		tape.Close()
	}
	if compared < 1000 {
		t.Errorf("only %d compared", compared)
	}
}
