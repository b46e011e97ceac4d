package terminology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// stored is a Source in memory: canonical or type/id -> JSON.
type stored map[string]string

func (s stored) Canonical(_ context.Context, typ, url, version string) ([]byte, error) {
	if version != "" {
		url += "|" + version
	}
	return s.get(typ + " " + url), nil
}

func (s stored) Instance(_ context.Context, typ, id string) ([]byte, error) {
	return s.get(typ + "/" + id), nil
}

func (s stored) get(key string) []byte {
	if body, ok := s[key]; ok {
		return []byte(body)
	}
	return nil
}

func codes(list []Entry) (all []string) {
	for _, e := range list {
		all = append(all, e.Code)
	}
	return all
}

func expansion(t *testing.T, s Source, url string) ([]string, error) {
	t.Helper()
	terms := New(s)
	vs, err := terms.Set(t.Context(), url)
	if err != nil {
		return nil, err
	}
	list, err := terms.Expand(t.Context(), vs)
	return codes(list), err
}

func kindOf(err error) fhir.Kind {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return fhir.Internal
}

func TestEmbeddedValueSetsExpandToTheirMembers(t *testing.T) {
	urls, err := Embedded("ValueSet")
	if err != nil || len(urls) < 2000 {
		t.Fatalf("%d value sets: %v", len(urls), err)
	}
	expanded, unknown := 0, 0
	for _, url := range urls {
		terms := New(nil)
		vs, err := terms.Set(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		list, err := terms.Expand(t.Context(), vs)
		if kindOf(err) == fhir.Unprocessable || kindOf(err) == fhir.NotFound {
			unknown++
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		expanded++
		lone := func() *Terms { return New(nil) }
		for i := 0; i < len(list); i += 1 + len(list)/20 {
			if e, err := lone().Member(t.Context(), vs, list[i].Coding, false); e == nil || err != nil {
				t.Errorf("%s has %s|%s, but it is no member: %v", url, list[i].System, list[i].Code, err)
			}
		}
		for _, c := range []Coding{{System: "urn:none", Code: "x"}, {System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: "none"}} {
			if e, err := lone().Member(t.Context(), vs, c, false); e != nil || err != nil {
				t.Errorf("%s is said to have %v: %v", url, c, err)
			}
		}
	}
	t.Logf("%d expand, %d need code systems that are not embedded", expanded, unknown)
	if expanded < 2500 {
		t.Errorf("only %d of %d value sets expand", expanded, len(urls))
	}
}

func TestFiltersSelect(t *testing.T) {
	for name, c := range map[string]struct{ want, filters string }{
		"all":                {"a b c d", `[]`},
		"is-a":               {"b c", `[{"property":"concept","op":"is-a","value":"b"}]`},
		"descendent-of":      {"c", `[{"property":"concept","op":"descendent-of","value":"b"}]`},
		"is-not-a":           {"a d", `[{"property":"concept","op":"is-not-a","value":"b"}]`},
		"generalizes":        {"a b c d", `[{"property":"concept","op":"generalizes","value":"c"}]`},
		"equal":              {"c", `[{"property":"colour","op":"=","value":"red"}]`},
		"parent":             {"c", `[{"property":"parent","op":"=","value":"b"}]`},
		"child":              {"b d", `[{"property":"child","op":"=","value":"c"}]`},
		"in":                 {"a d", `[{"property":"code","op":"in","value":"a, d"}]`},
		"not-in":             {"b c", `[{"property":"code","op":"not-in","value":"a, d"}]`},
		"exists":             {"b c", `[{"property":"colour","op":"exists","value":"true"}]`},
		"exists not":         {"a d", `[{"property":"colour","op":"exists","value":"false"}]`},
		"regex":              {"a b", `[{"property":"code","op":"regex","value":"[ab]"}]`},
		"regex is anchored":  {"", `[{"property":"display","op":"regex","value":"e"}]`},
		"two":                {"c", `[{"property":"concept","op":"is-a","value":"b"},{"property":"colour","op":"=","value":"red"}]`},
		"is-a of nothing":    {"", `[{"property":"concept","op":"is-a","value":"zz"}]`},
		"subsumedBy a third": {"c d", `[{"property":"concept","op":"is-a","value":"d"}]`},
	} {
		t.Run(name, func(t *testing.T) {
			s := stored{"CodeSystem urn:cs": letters, "ValueSet urn:vs": `{"compose":{"include":[{"system":"urn:cs","filter":` + c.filters + `}]}}`}
			got, err := expansion(t, s, "urn:vs")
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%v, want %s: %v", got, c.want, err)
			}
		})
	}
}

// letters is a over b over c; c is below d, too.
const letters = `{"resourceType":"CodeSystem","url":"urn:cs","version":"1","name":"Letters","content":"complete","concept":[
	{"code":"a","display":"One","concept":[{"code":"b","display":"Two","property":[{"code":"colour","valueCode":"blue"}],"concept":[
		{"code":"c","display":"Three","property":[{"code":"colour","valueCode":"red"},{"code":"subsumedBy","valueCode":"d"}]}]}]},
	{"code":"d","display":"Four","property":[{"code":"status","valueCode":"retired"}]}]}`

func TestComposeUnitesIntersectsAndExcludes(t *testing.T) {
	s := stored{
		"CodeSystem urn:cs": letters,
		"ValueSet urn:ab":   `{"compose":{"include":[{"system":"urn:cs","concept":[{"code":"a"},{"code":"b"}]}]}}`,
		"ValueSet urn:bc":   `{"compose":{"include":[{"system":"urn:cs","concept":[{"code":"b"},{"code":"c"}]}]}}`,
		"ValueSet urn:1":    `{"compose":{"include":[{"valueSet":["urn:ab"]},{"valueSet":["urn:bc"]}]}}`,
		"ValueSet urn:2":    `{"compose":{"include":[{"valueSet":["urn:ab","urn:bc"]}]}}`,
		"ValueSet urn:3":    `{"compose":{"include":[{"system":"urn:cs"}],"exclude":[{"valueSet":["urn:ab"]}]}}`,
		"ValueSet urn:4":    `{"compose":{"include":[{"system":"urn:cs","valueSet":["urn:bc"],"filter":[{"property":"code","op":"=","value":"c"}]}]}}`,
		"ValueSet urn:5":    `{"compose":{"inactive":false,"include":[{"system":"urn:cs"}]}}`,
		"ValueSet urn:6":    `{"expansion":{"contains":[{"system":"urn:x","code":"x","contains":[{"system":"urn:x","code":"y"}]}]}}`,
	}
	for url, want := range map[string]string{"urn:1": "a b c", "urn:2": "b", "urn:3": "c d", "urn:4": "c", "urn:5": "a b c", "urn:6": "x y"} {
		got, err := expansion(t, s, url)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s: %v", url, got, want, err)
		}
		terms := New(s)
		vs, _ := terms.Set(t.Context(), url)
		for _, c := range []string{"a", "b", "c", "d", "x", "y"} {
			coding := Coding{System: "urn:cs", Code: c}
			if c >= "x" {
				coding.System = "urn:x"
			}
			e, err := terms.Member(t.Context(), vs, coding, false)
			if err != nil || (e != nil) != slices.Contains(got, c) {
				t.Errorf("%s: member %s: %v %v", url, c, e, err)
			}
		}
	}
}

func TestExpansionIsBounded(t *testing.T) {
	many := func(n int, one string) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	s := stored{
		"CodeSystem urn:cs":    letters,
		"ValueSet urn:self":    `{"compose":{"include":[{"valueSet":["urn:other"]}]}}`,
		"ValueSet urn:other":   `{"compose":{"include":[{"valueSet":["urn:self"]}]}}`,
		"ValueSet urn:regex":   `{"compose":{"include":[{"system":"urn:cs","filter":[{"property":"code","op":"regex","value":"` + strings.Repeat("a", 501) + `"}]}]}}`,
		"ValueSet urn:look":    `{"compose":{"include":[{"system":"urn:cs","filter":[{"property":"code","op":"regex","value":"(?=a)"}]}]}}`,
		"ValueSet urn:costly":  `{"compose":{"include":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","filter":[{"property":"display","op":"regex","value":"(.?){1000}x"}]}]}}`,
		"ValueSet urn:steps":   `{"compose":{"include":[` + many(100_000, `{"system":"urn:cs"}`) + `]}}`,
		"ValueSet urn:loads":   `{"compose":{"include":[` + many(60, `{"valueSet":["urn:%d"]}`) + `]}}`,
		"ValueSet urn:unread":  `{"compose":1}`,
		"ValueSet urn:unknown": `{"compose":{"include":[{"system":"urn:cs","filter":[{"property":"code","op":"like","value":"a"}]}]}}`,
		"ValueSet urn:hidden":  `{"compose":{"include":[{"system":"urn:hidden"}]}}`,
	}
	var wide strings.Builder
	for i := range 20_001 {
		fmt.Fprintf(&wide, `,{"code":"c%d"}`, i)
	}
	s["ValueSet urn:wide"] = `{"compose":{"include":[{"system":"urn:x","concept":[` + wide.String()[1:] + `]}]}}`
	for i := range 25 {
		s[fmt.Sprintf("ValueSet urn:deep%d", i)] = fmt.Sprintf(`{"compose":{"include":[{"valueSet":["urn:deep%d"]}]}}`, i+1)
	}
	s["ValueSet urn:deep25"] = `{"compose":{"include":[{"system":"urn:cs"}]}}`
	s["ValueSet urn:big"] = `{"name":"` + strings.Repeat("x", mostBytes) + `"}`
	loads := s["ValueSet urn:loads"]
	for i := range 60 {
		loads = strings.Replace(loads, "%d", fmt.Sprint(i), 1)
		s[fmt.Sprintf("ValueSet urn:%d", i)] = `{"compose":{"include":[{"system":"urn:cs"}]}}`
	}
	s["ValueSet urn:loads"] = loads
	for url, want := range map[string]fhir.Kind{
		"urn:self": fhir.Unprocessable, "urn:regex": fhir.TooCostly, "urn:costly": fhir.TooCostly, "urn:look": fhir.Unprocessable, "urn:steps": fhir.TooCostly, "urn:loads": fhir.TooCostly,
		"urn:wide": fhir.TooCostly, "urn:deep0": fhir.TooCostly, "urn:big": fhir.TooCostly, "urn:hidden": fhir.Unprocessable, "urn:absent": fhir.NotFound,
	} {
		if got, err := expansion(t, s, url); kindOf(err) != want {
			t.Errorf("%s: %v %v", url, got, err)
		}
	}
	for url, sentence := range map[string]string{
		"urn:steps":   "The value sets and code systems of this request lead to more than … concepts to look at. Ask for smaller ones.",
		"urn:unread":  "A stored … cannot be read.",
		"urn:unknown": "A value set has a filter with an operator that R4 does not know.",
	} {
		before, after, _ := strings.Cut(sentence, "…")
		var refusal *fhir.Error
		if got, err := expansion(t, s, url); !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Detail, before) || !strings.HasSuffix(refusal.Detail, after) {
			t.Errorf("%s: %v %v", url, got, err)
		}
	}
	terms := New(s)
	vs, _ := terms.Set(t.Context(), "urn:self")
	if _, err := terms.Member(t.Context(), vs, Coding{System: "urn:cs", Code: "a"}, false); kindOf(err) != fhir.Unprocessable {
		t.Errorf("a member of a value set that includes itself: %v", err)
	}
}

func TestEmbeddedTerminologyComesFirst(t *testing.T) {
	const gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
	s := stored{
		"ValueSet " + gender:             `{"compose":{"include":[{"system":"urn:x","concept":[{"code":"x"}]}]}}`,
		"ValueSet " + gender + "|own":    `{"compose":{"include":[{"system":"urn:x","concept":[{"code":"x"}]}]}}`,
		"ValueSet urn:mine":              `{"compose":{"include":[{"system":"urn:x","concept":[{"code":"y"}]}]}}`,
		"ValueSet " + gender + "|absent": "",
	}
	for url, want := range map[string]string{gender: "male female other unknown", gender + "|4.0.1": "male female other unknown", gender + "|own": "x", "urn:mine": "y"} {
		if got, err := expansion(t, s, url); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v %v", url, got, err)
		}
	}
}

func TestSubsumptionFollowsTheHierarchy(t *testing.T) {
	terms := New(stored{"CodeSystem urn:cs": letters})
	for pair, want := range map[string]string{"a a": "equivalent", "a c": "subsumes", "c d": "subsumed-by", "a d": "not-subsumed"} {
		a, b, _ := strings.Cut(pair, " ")
		got, err := terms.Subsumes(t.Context(), Coding{System: "urn:cs", Code: a}, Coding{System: "urn:cs", Code: b})
		if got != want || err != nil {
			t.Errorf("%s: %s %v", pair, got, err)
		}
	}
	list, err := terms.Below(t.Context(), Coding{System: "http://terminology.hl7.org/CodeSystem/condition-clinical", Code: "active"})
	if err != nil || len(list) != 3 {
		t.Errorf("below active: %v %v", list, err)
	}
	list, err = terms.Above(t.Context(), Coding{System: "urn:cs", Code: "c"})
	if err != nil || len(list) != 4 {
		t.Errorf("above c: %v %v", list, err)
	}
}

func TestLookupTellsOfACode(t *testing.T) {
	terms := New(stored{"CodeSystem urn:cs": letters})
	f, err := terms.Lookup(t.Context(), Coding{System: "urn:cs", Code: "b"})
	body, _ := json.Marshal(f)
	want := `{"system":"urn:cs","version":"1","code":"b","display":"Two","Abstract":false,"Inactive":false,"Designation":null,"System":"Letters","Definition":"",` +
		`"Properties":[{"code":"parent","valueCode":"a"},{"code":"child","valueCode":"c"},{"code":"colour","valueCode":"blue"}]}`
	if err != nil || string(body) != want {
		t.Errorf("%s %v", body, err)
	}
	if _, err := terms.Lookup(t.Context(), Coding{System: "urn:cs", Code: "z"}); kindOf(err) != fhir.NotFound {
		t.Error(err)
	}
	if _, err := terms.Lookup(t.Context(), Coding{System: "urn:none", Code: "z"}); kindOf(err) != fhir.Unprocessable {
		t.Error(err)
	}
}

func TestTranslateFollowsGroups(t *testing.T) {
	s := stored{
		"ConceptMap urn:m": `{"url":"urn:m","group":[{"source":"urn:a","target":"urn:b","element":[{"code":"1","target":[{"code":"x","equivalence":"wider"}]}],"unmapped":{"mode":"other-map","url":"urn:n"}}]}`,
		"ConceptMap urn:n": `{"url":"urn:n","group":[{"source":"urn:a","target":"urn:b","unmapped":{"mode":"fixed","code":"y"}}]}`,
		"ConceptMap urn:o": `{"url":"urn:o","group":[{"source":"urn:a","target":"urn:b","unmapped":{"mode":"other-map","url":"urn:o"}}]}`,
		"ConceptMap urn:p": `{"url":"urn:p","group":[{"source":"urn:a","target":"urn:b","unmapped":{"mode":"provided"}}]}`,
	}
	ask := func(url, system, code, target string, reverse bool) string {
		terms := New(s)
		m, err := terms.Map(t.Context(), url)
		if err != nil {
			return err.Error()
		}
		all, err := terms.Translate(t.Context(), m, Coding{System: system, Code: code}, target, reverse)
		if err != nil {
			return fmt.Sprint(kindOf(err), strings.Contains(err.Error(), "20 value sets or concept maps"))
		}
		return fmt.Sprint(all)
	}
	for got, want := range map[string]string{
		ask("urn:m", "urn:a", "1", "", false):      "[{wider {urn:b  x } urn:m}]",
		ask("urn:m", "urn:b", "x", "", true):       "[{narrower {urn:a  1 } urn:m}]",
		ask("urn:m", "urn:a", "2", "urn:b", false): "[{inexact {urn:b  y } urn:n}]",
		ask("urn:m", "urn:a", "2", "urn:c", false): "[]",
		ask("urn:p", "urn:a", "2", "", false):      "[{equal {urn:b  2 } urn:p}]",
		ask("urn:o", "urn:a", "2", "", false):      fmt.Sprint(fhir.TooCostly, true),
		ask("http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3", "http://hl7.org/fhir/administrative-gender", "male", "", false): "[{equal {http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender  M } http://hl7.org/fhir/ConceptMap/cm-administrative-gender-v3}]",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestCapabilitiesAreValid(t *testing.T) {
	body, err := Capabilities("Aceso", "1", "https://x/fhir", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fhir.Parse(body); err != nil {
		t.Errorf("%v: %.300s", err, body)
	}
}

// What the server has checked before is checked here all the same.
func TestRefusalsOfAsks(t *testing.T) {
	_, noParameters := NewAsk("expand", "ValueSet", "", nil, []byte("[]"))
	_, noOperation := New(nil).Answer(t.Context(), &Ask{Operation: "explain", Type: "ValueSet"}, time.Now())
	for sentence, err := range map[string]error{"The body is not a Parameters resource.": noParameters, "There is no such operation.": noOperation} {
		var refusal *fhir.Error
		if !errors.As(err, &refusal) || refusal.Detail != sentence {
			t.Errorf("%v; want %s", err, sentence)
		}
	}
}
