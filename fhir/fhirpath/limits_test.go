package fhirpath

import (
	"errors"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// costly are expressions that ask for more than a limit, and the number that the error
// names.
var costly = map[string]struct{ expression, says string }{
	"a long one":               {"'" + strings.Repeat("x", MaxLength) + "'", "more than 16384"},
	"a deep one":               {strings.Repeat("(", MaxDepth+1) + "1" + strings.Repeat(")", MaxDepth+1), "deeper than 100 levels"},
	"deep arguments":           {strings.Repeat("where(", MaxDepth+1) + "true" + strings.Repeat(")", MaxDepth+1), "deeper than 100 levels"},
	"many signs":               {strings.Repeat("-", MaxDepth+1) + "1", "deeper than 100 levels"},
	"deep indexes":             {strings.Repeat("a[", MaxDepth+1) + "1" + strings.Repeat("]", MaxDepth+1), "deeper than 100 levels"},
	"endless repetition":       {"repeatAll($this)", "more than 100000 items"},
	"growing repetition":       {"'x'.repeat($this & 'x')", "more than 1000000 steps"},
	"doubling repetition":      {"repeatAll(combine($this))", "more than 100000 items"},
	"nested loops":             {"descendants().select(%resource.descendants().select(%resource.descendants()))", "more than"},
	"many characters":          {"('x' & 'x')" + strings.Repeat(".replace('x', 'xxxxxxxxxx')", 5) + ".toChars()", "more than 100000 items"},
	"a growing text":           {"('x' & 'x')" + strings.Repeat(".replace('x', 'xxxxxxxxxx')", 6), "more than 1048576 bytes"},
	"a growing sum of texts":   {"descendants().aggregate($total & $total & 'xxxxxxxx')", "more than 1048576 bytes"},
	"a text that is replaced":  {"('x' & 'x')" + strings.Repeat(".replaceMatches('x', '$0$0$0$0$0$0$0$0$0$0')", 6), "more than 1048576 bytes"},
	"a long regular one":       {"'x'.matches('" + strings.Repeat("x", longestPattern) + "x')", "more than 2000 bytes"},
	"a costly regular one":     {"('x' & 'x').replace('x', '" + strings.Repeat("x", 10_000) + "').matches('(x|xx){900}y')", "more than 1000000 steps"},
	"series of many functions": {"descendants().select(%resource.descendants().select(2.5.ln()))", "more than 1000000 steps"},
}

func TestLimitsNameTheirNumbers(t *testing.T) {
	tape := tapeOf(t, "valueset-example-expansion.json")
	for name, c := range costly {
		e, err := Compile(c.expression)
		if err == nil {
			_, err = e.Evaluate(nil, Root(tape))
		}
		var f *fhir.Error
		if !errors.As(err, &f) || f.Kind != fhir.TooCostly || !strings.Contains(f.Detail, c.says) {
			t.Errorf("%s: %v does not say %q", name, err, c.says)
		}
	}
}

func TestStepsOfTheEnvironmentBind(t *testing.T) {
	e, err := Compile("descendants().count()")
	if err != nil {
		t.Fatal(err)
	}
	root := Root(tapeOf(t, "patient-example.json"))
	if _, err := e.Evaluate(&Env{Steps: 10}, root); err == nil || !strings.Contains(err.Error(), "more than 10 steps") {
		t.Errorf("10 steps: %v", err)
	}
	if _, err := e.Evaluate(&Env{Steps: 10_000}, root); err != nil {
		t.Error(err)
	}
}

// Numbers that do not fit are empty, as the specification has it.
func TestOverflowIsEmpty(t *testing.T) {
	for _, expression := range []string{
		"2147483647 + 1", "(-2147483647) - 2", "65536 * 65536", "2.5.power(100000)", "9999999999.0" + strings.Repeat(" * 9999999999.0", 30), "10.0.power(2000)", "1000.exp()",
		"@9999-12-31 + 1 day", "@0001-01-01 - 1 day", "@9999 + 1 year", "@2020-01-01 + 99999999999999999999 'd'",
	} {
		if got := evaluated(t, expression); len(got) > 0 {
			t.Errorf("%s is %v", expression, texts(got))
		}
	}
}

// What a replacement or a split would make is known before it is made: none allocates more
// than a few times what the limits allow.
func TestReplacementsAreCountedBeforeTheyAreMade(t *testing.T) {
	long := "'" + strings.Repeat("x", 10_000) + "'"
	root := Root(tapeOf(t, ""))
	for _, text := range []string{
		long + ".replace('x', " + "'" + strings.Repeat("y", 5_000) + "')",
		long + ".replaceMatches('x', '" + strings.Repeat("y", 5_000) + "')",
		long + ".replace('x', '" + strings.Repeat("y", 100) + "').toChars()",
	} {
		e, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		bytes, _ := fhirtest.Cost(func() { _, err = e.Evaluate(nil, root) })
		if err == nil || bytes > 8<<20 {
			t.Errorf("%.20s...: %v, %d bytes are allocated", text, err, bytes)
		}
	}
}

func evaluated(t testing.TB, expression string) Collection {
	t.Helper()
	e, err := Compile(expression)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Evaluate(nil, Root(tapeOf(t, "patient-example.json")))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// FuzzExpression evaluates what nobody expects. Nothing may panic, or cost more than an
// expression of its length may.
func FuzzExpression(f *testing.F) {
	for _, c := range officialCases(f) {
		f.Add(c.Expression)
	}
	for _, c := range costly {
		f.Add(c.expression)
	}
	tapes := []*fhir.Tape{tapeOf(f, "patient-example.json"), tapeOf(f, "patient-name-extensions.json"), tapeOf(f, "questionnaire-example.json")}
	f.Fuzz(func(t *testing.T, text string) {
		fhirtest.Linear.Check(t, len(text), func() {
			e, err := Compile(text)
			if err != nil {
				return
			}
			_ = e.Check("Patient")
			for _, tape := range tapes {
				found, _ := e.Evaluate(&Env{Steps: 5_000}, Root(tape))
				for i := range found[:min(10, len(found))] {
					_ = found[i].String() + found[i].Place() + found[i].Type()
				}
			}
		})
	})
}

// Who asks a long list for each of its items pays for what is passed over on the way.
func TestPassingOverChildrenCosts(t *testing.T) {
	document := `{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[` + strings.Repeat(`{"code":{"coding":[{"code":"1"}]}},`, 40_000) + `{"code":{"text":"x"}}]}`
	tape, err := fhir.ReadTape([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	defer tape.Close()
	e, err := Compile("component.code.where(coding.intersect(%resource.code.coding).exists()).empty()")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Evaluate(nil, Root(tape)); err == nil || !strings.Contains(err.Error(), "steps") {
		t.Errorf("it costs nothing: %v", err)
	}
}
