package node

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// termsTree has the parent of each code of the code system, by hand.
var termsTree = map[string]string{"animal": "", "cat": "animal", "dog": "animal", "puppy": "dog", "plant": "", "tree": "plant"}

const termsSystem = "http://t.example/cs"

// termsAbove says whether a code is another one or above it.
func termsAbove(above, code string) bool {
	for ; code != ""; code = termsTree[code] {
		if code == above {
			return true
		}
	}
	return false
}

// termsSets are value sets as documents, and as what they mean.
var termsSets = map[string]struct {
	compose string
	has     func(code string) bool
}{
	"all":  {`{"include":[{"system":"http://t.example/cs"}]}`, func(string) bool { return true }},
	"dogs": {`{"include":[{"system":"http://t.example/cs","filter":[{"property":"concept","op":"is-a","value":"dog"}]}]}`, func(c string) bool { return termsAbove("dog", c) }},
	"two":  {`{"include":[{"system":"http://t.example/cs","concept":[{"code":"cat"},{"code":"tree"}]}]}`, func(c string) bool { return c == "cat" || c == "tree" }},
	"not":  {`{"include":[{"system":"http://t.example/cs"}],"exclude":[{"valueSet":["http://t.example/vs/dogs"]}]}`, func(c string) bool { return !termsAbove("dog", c) }},
}

// Every operation of terminology answers every role what the codes mean, or nothing, if the
// role may not read what it is asked about.
func TestMetadataTermsOfEveryRole(t *testing.T) {
	n := startNode(t, t.TempDir())
	twoPatients(n)
	system := n.as("system", "HOPERAT")
	concepts := func() (all []string) {
		for code, parent := range termsTree {
			all = append(all, fmt.Sprintf(`{"code":%q,"display":"kind of %s","property":[{"code":"parent","valueCode":%q}]}`, code, code, parent))
		}
		return all
	}
	document := strings.ReplaceAll(strings.Join(concepts(), ","), `,"property":[{"code":"parent","valueCode":""}]`, "")
	system.Put("/CodeSystem/cs", `{"resourceType":"CodeSystem","id":"cs","url":"`+termsSystem+`","status":"active","content":"complete","hierarchyMeaning":"is-a","concept":[`+document+`]}`).Want(201)
	for id, vs := range termsSets {
		system.Put("/ValueSet/"+id, `{"resourceType":"ValueSet","id":"`+id+`","url":"http://t.example/vs/`+id+`","status":"active","compose":`+vs.compose+`}`).Want(201)
	}
	system.Put("/ConceptMap/map", `{"resourceType":"ConceptMap","id":"map","url":"http://t.example/map","status":"active","sourceUri":"http://t.example/vs/all","targetUri":"urn:b","group":[{"source":"`+termsSystem+
		`","target":"urn:b","element":[{"code":"cat","target":[{"code":"CAT","equivalence":"equal"}]}]}]}`).Want(201)
	shown := 0
	for role, caller := range everyRole(n) {
		r := termsReader{t, caller, role}
		may := r.may("/CodeSystem/cs")
		r.codes(may)
		for id := range termsSets {
			r.set(id, may && r.may("/ValueSet/"+id) && (id != "not" || r.may("/ValueSet/dogs")))
		}
		r.maps(r.may("/ConceptMap/map"))
		if may {
			shown++
		}
	}
	if shown < 3 {
		t.Errorf("only %d roles were answered", shown)
	}
}

// termsReader asks as a role.
type termsReader struct {
	t    *testing.T
	by   user
	role string
}

func (r termsReader) may(path string) bool { return peek(r.by, path).Status == http.StatusOK }

// asks wants the answers, or a refusal that has no code in it.
func (r termsReader) asks(path string, may bool) (a response, ok bool) {
	a = peek(r.by, path)
	if may != (a.Status == http.StatusOK) || !may && (a.Status != http.StatusForbidden && a.Status != http.StatusNotFound && a.Status != http.StatusUnprocessableEntity || a.Has("kind of")) {
		r.t.Errorf("%s, who may %v: %s: %d %.300s", r.role, may, path, a.Status, a.Body)
	}
	return a, may && a.Status == http.StatusOK
}

// wants compares a parameter of the answer.
func (r termsReader) wants(a response, name, member, want string) {
	list, _ := a.JSON()["parameter"].([]any)
	for _, one := range list {
		if p, _ := one.(map[string]any); p["name"] == name {
			if got := fmt.Sprint(p[member]); got != want {
				r.t.Errorf("%s: %s: %s is %s, want %s", r.role, a.What, name, got, want)
			}
			return
		}
	}
	r.t.Errorf("%s: %s has no %s: %s", r.role, a.What, name, a.Body)
}

func (r termsReader) codes(may bool) {
	for code := range termsTree {
		if a, ok := r.asks("/CodeSystem/$lookup?system="+termsSystem+"&code="+code, may); ok {
			r.wants(a, "display", "valueString", "kind of "+code)
		}
		if a, ok := r.asks("/CodeSystem/$validate-code?url="+termsSystem+"&code="+code, may); ok {
			r.wants(a, "result", "valueBoolean", "true")
		}
		for other := range termsTree {
			want := "not-subsumed"
			switch {
			case code == other:
				want = "equivalent"
			case termsAbove(code, other):
				want = "subsumes"
			case termsAbove(other, code):
				want = "subsumed-by"
			}
			if a, ok := r.asks("/CodeSystem/$subsumes?system="+termsSystem+"&codeA="+code+"&codeB="+other, may); ok {
				r.wants(a, "outcome", "valueCode", want)
			}
		}
	}
}

func (r termsReader) set(id string, may bool) {
	var want []string
	for code := range termsTree {
		has := termsSets[id].has(code)
		if has {
			want = append(want, code)
		}
		if a, ok := r.asks("/ValueSet/"+id+"/$validate-code?system="+termsSystem+"&code="+code, may); ok {
			r.wants(a, "result", "valueBoolean", fmt.Sprint(has))
		}
	}
	if a, ok := r.asks("/ValueSet/$expand?url=http://t.example/vs/"+id, may); ok {
		got, err := a.Find("expansion.contains.code")
		slices.Sort(got)
		slices.Sort(want)
		if err != nil || !slices.Equal(got, want) {
			r.t.Errorf("%s: %s expands to %v, want %v: %v", r.role, id, got, want, err)
		}
	}
}

func (r termsReader) maps(may bool) {
	for code := range termsTree {
		if a, ok := r.asks("/ConceptMap/$translate?url=http://t.example/map&system="+termsSystem+"&code="+code, may); ok {
			r.wants(a, "result", "valueBoolean", fmt.Sprint(code == "cat"))
			if a.Has(`"CAT"`) != (code == "cat") {
				r.t.Errorf("%s: %s: %s", r.role, a.What, a.Body)
			}
		}
	}
}
