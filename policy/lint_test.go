package policy

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// Policies that would silently do something else than their author means do not go into
// force.
func TestCompileRefuses(t *testing.T) {
	rule := func(condition string) string {
		return byDefault + "decision := " + permit + " if {\n" + condition + "\n}\n"
	}
	tests := map[string]struct{ policy, says string }{
		"no decision":              {"own := true", "default decision"},
		"no default":               {"decision := " + permit, "default decision"},
		"default that allows":      {"default decision := " + permit, `"allow": false`},
		"default that is a string": {`default decision := "no"`, `"allow": false`},
		"mistyped data":            {rule(`not "a" in data.aceso.knwon`), "data.aceso.knwon"},
		"mistyped data tree":       {rule(`not data.acesso.known[0]`), "data.acesso.known"},
		"data below a leaf":        {rule(`not data.aceso.known.deeper`), "data.aceso.known.deeper"},
		"mistyped rule":            {rule(`not data.aceso.access.onw`), "data.aceso.access.onw"},
		"missing input field":      {rule(`not input.agent.blocked`), "undefined ref: input.agent.blocked"},
		"mistyped input field":     {rule(`input.agent.rol == "practitioner"`), "undefined ref: input.agent.rol"},
		"input of another type":    {rule(`input.agent.scopes == "all"`), "match error"},
		"undefined name":           {rule(`not admin`), "unsafe"},
		"with":                     {rule(`data.aceso.access.other with input.purpose as "TREAT"`) + "other if input.purpose == \"TREAT\"", "tests"},
		"allow is a string":        {byDefault + `decision := {"allow": "false", "reason": "local-permit", "consent": "none"} if input.purpose == "TREAT"`, "allow must be"},
		"unknown reason of a rule": {byDefault + "decision := deny(\"becuase\") if input.purpose == \"TREAT\"\ndeny(code) := {\"allow\": false, \"reason\": code}", "becuase"},
		"unknown reason in else":   {byDefault + "decision := other\nother := deny(\"local-refusal\") if input.purpose == \"TREAT\"\nelse := deny(\"becuase\")\ndeny(code) := {\"allow\": false, \"reason\": code}", "becuase"},
		"reason of a variable":     {byDefault + "decision := {\"allow\": false, \"reason\": why} if why := \"becuase\"", "becuase"},
		"reason of another rule":   {byDefault + "decision := {\"allow\": false, \"reason\": why} if input.purpose == \"TREAT\"\nwhy := \"becuase\"", "becuase"},
		"reason through functions": {byDefault + "decision := no(\"becuase\")\nno(word) := deny(word)\ndeny(code) := {\"allow\": false, \"reason\": code}", "becuase"},
		"unknown consent mode":     {byDefault + `decision := {"allow": true, "reason": "local-permit", "consent": "forbid"}`, "forbid"},
		"unknown obligation":       {byDefault + `decision := ` + with(`"obligations": ["watermark"]`), "watermark"},
		"mask of no element":       {byDefault + `decision := ` + with(`"obligations": ["record", "mask Patient.birthdate"]`), "Patient has no such element"},
		"mask of no type":          {byDefault + `decision := ` + with(`"obligations": {"mask Patienten.birthDate"}`), "R4 has no resource type Patienten"},
		"mask of any, of none":     {byDefault + `decision := ` + with(`"obligations": {"mask *.geburtsdatum"}`), "no resource type has such an element"},
		"mask of what is needed":   {byDefault + `decision := ` + with(`"obligations": {"mask Patient.id"}`), "would be another one"},
		"mask of a type":           {byDefault + `decision := ` + with(`"obligations": {"mask Patient"}`), "no path of an element"},
		"mask in a rule":           {byDefault + "decision := " + with(`"obligations": hidden`) + "hidden contains \"mask Patient.x\"", "Patient has no such element"},
		"mask in a list of a rule": {byDefault + "decision := " + with(`"obligations": hidden`) + "hidden contains word if {\ninput.purpose == \"TREAT\"\nsome word in [\"mask *.name\", \"mask Patient.x\"]\n}", "Patient has no such element"},
		"an obligation, a number":  {byDefault + `decision := ` + with(`"obligations": [1]`), "unknown obligation"},
		"unknown field":            {byDefault + `decision := ` + with(`"alow": false`), "alow"},
		"unknown constraint":       {byDefault + `decision := ` + with(`"constraints": {"label": ["R"]}`), "label"},
		"label without a system":   {byDefault + `decision := ` + with(`"constraints": {"labels": ["R"]}`), "system|code"},
		"label without a code":     {byDefault + "decision := " + with(`"constraints": {"labels": barred}`) + "barred := {\"http://terminology.hl7.org/CodeSystem/v3-ActCode|\"}", "system|code"},
		"no labels":                {byDefault + `decision := ` + with(`"constraints": {"labels": []}`), "empty"},
		"no level":                 {byDefault + `decision := ` + with(`"constraints": {"labels": {"confidentiality": {}}}`), "empty"},
		"unknown level":            {byDefault + `decision := ` + with(`"constraints": {"labels": {"confidentiality": {"max": "V"}}}`), "must be N or R"},
		"level of another name":    {byDefault + `decision := ` + with(`"constraints": {"labels": {"confidentiality": {"min": "N"}}}`), "min"},
		"unknown sensitivity":      {byDefault + "decision := " + with(`"constraints": {"labels": {"without": barred}}`) + "barred contains \"HVI\"", "HVI"},
		"no sensitivity":           {byDefault + `decision := ` + with(`"constraints": {"labels": {"without": []}}`), "empty"},
		"labels without anything":  {byDefault + `decision := ` + with(`"constraints": {"labels": {}}`), "empty"},
		"unknown field of labels":  {byDefault + "decision := " + with(`"constraints": {"labels": rows}`) + "rows := {\"witout\": [\"HIV\"]}", "witout"},
		"search of no type":        {byDefault + `decision := ` + with(`"constraints": {"search": "categroy=x"}`), "categroy"},
		"search by a string":       {byDefault + `decision := ` + with(`"constraints": {"search": "family=x"}`), "family"},
		"search without values":    {byDefault + `decision := ` + with(`"constraints": {"search": "category"}`), "category"},
		"constraint of a rule":     {byDefault + "decision := " + with(`"constraints": rows`) + "rows := {\"compartmnet\": input.agent.patient}", "compartmnet"},
		"constraint of a union":    {byDefault + "decision := " + with(`"constraints": object.union(rows, {"onwer": "a"})`) + "rows := {\"compartment\": input.agent.patient}", "onwer"},
		"constraint by its path":   {byDefault + "decision := " + with(`"constraints": rows`) + "rows.onwer := input.agent.organization", "onwer"},
		"empty constraint":         {byDefault + `decision := ` + with(`"constraints": {"types": []}`), "empty"},
		"constraint of nobody":     {byDefault + `decision := ` + with(`"constraints": {"owner": ""}`), "empty"},
		"unknown reason":           {byDefault + `decision := {"allow": false, "reason": "because"} if input.purpose == "TREAT"`, "because"},
		"unused variable":          {rule(`x := input.purpose`), "unused"},
		"duplicate import":         {"import data.aceso.known\nimport data.aceso.known\n" + byDefault, "import"},
		"recursion":                {rule(`a`) + "a if b\nb if a", "recursive"},
		"not Rego v1":              {byDefault + "decision = x { x := 1 }", "if"},
		"not Rego":                 {"SELECT 1", "parse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := New(context.Background(), folder(test.policy), Options{})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want an error that says %q", err, test.says)
			}
		})
	}
}

func TestCompileRefusesRulesOnTopOfData(t *testing.T) {
	_, err := New(context.Background(), fstest.MapFS{
		"p.rego":    {Data: []byte("package aceso.access\n" + byDefault)},
		"q.rego":    {Data: []byte("package aceso\nknown := 1\n")},
		"data.json": {Data: []byte(`{"aceso": {"known": ["a"]}}`)},
	}, Options{})
	if err == nil || !strings.Contains(err.Error(), "conflict") {
		t.Errorf("got %v", err)
	}
}

// Nothing that reaches out or varies from call to call. (The compiler removes print.)
func TestSandbox(t *testing.T) {
	for _, call := range []string{
		`http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`,
		`opa.runtime().env.HOME == "/"`, `net.lookup_ip_addr("localhost")`, `net.cidr_contains("10.0.0.0/8", "10.0.0.1")`,
		`time.now_ns() > 0`, `rand.intn("x", 2) == 1`, `uuid.rfc4122("x") != ""`, `trace("x")`,
		`io.jwt.decode("x")`, `rego.parse_module("a", "package a")`, `crypto.sha256("x") != ""`,
		`count(numbers.range(1, 1000000000)) > 0`, `bits.lsh(1, 1000000000) > 0`, `sprintf("%1000000d", [1]) != ""`,
		`json.unmarshal("{}") == {}`, `yaml.unmarshal("") == {}`, `walk(input, x); x != 1`,
	} {
		_, err := New(context.Background(), folder(byDefault+"decision := "+permit+" if { "+call+" }"), Options{})
		if err == nil || !strings.Contains(err.Error(), "undefined function") {
			t.Errorf("%s: got %v", call, err)
		}
	}
}

func TestSandboxNamesExist(t *testing.T) {
	have := map[string]bool{}
	for _, b := range sandbox().Builtins {
		have[b.Name] = true
	}
	for _, name := range strings.Fields(allowed) {
		if !have[name] {
			t.Errorf("OPA has no function %s", name)
		}
	}
}

func TestReadSourceRefuses(t *testing.T) {
	rego := &fstest.MapFile{Data: []byte("package aceso.access\n" + byDefault)}
	data := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	many := fstest.MapFS{}
	for i := range maxFiles + 1 {
		many[strings.Repeat("x", i+1)+".rego"] = rego
	}
	for name, fsys := range map[string]fs.FS{
		"empty":            fstest.MapFS{},
		"only tests":       fstest.MapFS{"a_test.rego": rego},
		"only hidden":      fstest.MapFS{".git/a.rego": rego, ".b.rego": rego},
		"other data":       fstest.MapFS{"a.rego": rego, "types.json": data("{}")},
		"YAML":             fstest.MapFS{"a.rego": rego, "data.yaml": data("a: 1")},
		"data not object":  fstest.MapFS{"a.rego": rego, "data.json": data("[1]")},
		"data cut off":     fstest.MapFS{"a.rego": rego, "data.json": data(`{"a": `)},
		"data contradicts": fstest.MapFS{"a.rego": rego, "x/data.json": data(`{"y": 1}`), "data.json": data(`{"x": {"y": 2}}`)},
		"too large":        fstest.MapFS{"a.rego": data(strings.Repeat("#", maxFile+1))},
		"too many":         many,
	} {
		if _, err := New(context.Background(), fsys, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDataOfFoldersIsNested(t *testing.T) {
	e := newEngine(t, fstest.MapFS{
		"p.rego":           {Data: []byte("package aceso.access\n" + byDefault + "decision := " + permit + ` if input.type in data.ward.a.types`)},
		"ward/a/data.json": {Data: []byte(`{"types": ["Observation"]}`)},
		"ward/b/data.json": {Data: []byte(`{"types": ["Patient"]}`)},
		"README.md":        {Data: []byte("not ours")},
		".data/p.rego":     {Data: []byte("not Rego")},
	}, Options{})
	if d, err := e.Decide(context.Background(), input()); err != nil || !d.Allow {
		t.Errorf("got %+v, %v", d, err)
	}
}

// The revision depends on everything that decides, and on nothing else.
func TestRevision(t *testing.T) {
	revision := func(files map[string]string) string {
		fsys := fstest.MapFS{}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return newEngine(t, fsys, Options{}).Revision()
	}
	policy := "package aceso.access\n" + byDefault
	first := revision(map[string]string{"a.rego": policy})
	if len(first) != 64 {
		t.Errorf("revision %q", first)
	}
	if first != revision(map[string]string{"a.rego": policy, "a_test.rego": "package t\n", "README.md": "x"}) {
		t.Error("tests and other files change the revision")
	}
	for name, files := range map[string]map[string]string{
		"content": {"a.rego": policy + "\n"}, "path": {"b.rego": policy},
		"data": {"a.rego": policy, "data.json": "{}"}, "more": {"a.rego": policy, "b.rego": "package b\n"},
	} {
		if revision(files) == first {
			t.Errorf("%s does not change the revision", name)
		}
	}
}
