package consent

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/fhir"
)

var anyRef = fhir.Ref{Type: "Consent", ID: "a"}

// A Consent in force that is not understood stands for a refusal, keeps its
// denies, and says why.
func TestNotUnderstood(t *testing.T) {
	const modifier = `'modifierExtension':[{'url':'http://example.org/not','valueBoolean':true}]`
	permit := `'provision':{'type':'permit'}`
	scoped := `'status':'active','scope':<privacy>,`
	cases := []struct {
		name, body string
		want       Verdict
		says       string
		refused    bool // no R4 Consent at all
	}{
		{"modifier on the Consent", scoped + permit + `,` + modifier, ImplicitDeny, "Consent.modifierExtension", false},
		{"modifier on the root", scoped + `'provision':{'type':'permit',` + modifier + `}`, ImplicitDeny, "Consent.provision.modifierExtension", false},
		{"modifier deep down", scoped + `'provision':{'type':'permit','provision':[{'type':'permit',` + modifier + `}]}`, ImplicitDeny, "Consent.provision.provision[0].modifierExtension", false},
		{"modifier on an actor", scoped + `'provision':{'type':'permit','actor':[{` + modifier + `,'reference':{'reference':'Practitioner/1'}}]}`, ImplicitDeny, "actor[0]", false},
		{"modifier on data", scoped + `'provision':{'type':'permit','data':[{` + modifier + `,'meaning':'instance','reference':{'reference':'Observation/1'}}]}`, ImplicitDeny, "data[0]", false},
		{"modifier on a policy", scoped + permit + `,'policy':[{` + modifier + `,'uri':'u'}]`, ImplicitDeny, "Consent.policy", false},
		{"modifier on a verification", scoped + permit + `,'verification':[{` + modifier + `,'verified':true}]`, ImplicitDeny, "Consent.verification", false},
		{"rules of somebody else", scoped + permit + `,'implicitRules':'http://example.org/rules'`, ImplicitDeny, "Consent.implicitRules", false},
		{"a deny stays", scoped + `'provision':{'type':'deny'},` + modifier, Deny, "modifierExtension", false},
		{"and its exceptions do not", scoped + `'provision':{'type':'deny','provision':[{'type':'permit'}]},` + modifier, Deny, "modifierExtension", false},
		{"a deny inside a permit stays", scoped + `'provision':{'type':'permit','provision':[{'type':'deny',<TREAT>}]},` + modifier, Deny, "modifierExtension", false},
		{"nested provision without type", scoped + `'provision':{'type':'permit','provision':[{<HRESCH>}]}`, ImplicitDeny, "provision[0].type", false},
		{"nested provision without type, matching", scoped + `'provision':{'type':'permit','provision':[{<TREAT>}]}`, Deny, "provision[0].type", false},
		{"data without meaning", scoped + `'provision':{'type':'permit','data':[{'reference':{'reference':'Observation/1'}}]}`, ImplicitDeny, "meaning", false},
		{"a date that is none", scoped + permit + `,'dateTime':'tomorrow'`, ImplicitDeny, "dateTime", false},
		{"a period that is none", scoped + `'provision':{'type':'permit','period':{'start':'soon'}}`, ImplicitDeny, "period", false},
		{"a period backwards may apply", scoped + `'provision':{'type':'deny','period':{'start':'2026','end':'2025'}}`, Deny, "period", false},
		{"no status", `'scope':<privacy>,` + permit, ImplicitDeny, "no value", true},
		{"no scope", `'status':'active',` + permit, ImplicitDeny, "no value", true},
		{"unknown status", `'status':'enacted','scope':<privacy>,` + permit, ImplicitDeny, "ConsentState", true},
		{"unknown type", scoped + `'provision':{'type':'allow'}`, ImplicitDeny, "ConsentProvisionType", true},
		{"unknown meaning", scoped + `'provision':{'type':'permit','data':[{'meaning':'near','reference':{}}]}`, ImplicitDeny, "ConsentDataMeaning", true},
		{"wrong shape", scoped + `'provision':[]`, ImplicitDeny, "read Consent", false},
	}
	for _, c := range cases {
		r, err := Compile(anyRef, 1, body(c.body))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v does not name %s", c.name, err, c.says)
		}
		var refused *fhir.Error
		if errors.As(err, &refused) != c.refused {
			t.Errorf("%s: refused at the door: %v", c.name, !c.refused)
		}
		if got, _, _ := Evaluate([]*Rules{r}, clinician, observation()); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got, _, _ := Evaluate(append(mustCompile(t, privacy(`'type':'permit'`)), r), clinician, observation()); got != max(Permit, c.want) {
			t.Errorf("%s: with another permit %v", c.name, got)
		}
	}
}

func TestNotUnderstoodButNotInForce(t *testing.T) {
	for _, b := range []string{
		`'status':'inactive','provision':[]`,
		`'status':'rejected','scope':<privacy>,'modifierExtension':[{'url':'u'}]`,
		`'status':'active','scope':<research>,'modifierExtension':[{'url':'u'}]`,
	} {
		r, _ := Compile(anyRef, 1, body(b))
		if got, _, _ := Evaluate([]*Rules{r}, clinician, observation()); got != Silent {
			t.Errorf("%s: %v for treatment, want silent", b, got)
		}
	}
	r, _ := Compile(anyRef, 1, body(`'status':'active','scope':<research>,'modifierExtension':[{'url':'u'}]`))
	if got, _, _ := Evaluate([]*Rules{r}, researcher, observation()); got != ImplicitDeny {
		t.Errorf("%v for research, want implicit deny", got)
	}
}

func TestRulesThatNobodyCompiled(t *testing.T) {
	for _, rules := range [][]*Rules{{nil}, {{}}} {
		if got, _, _ := Evaluate(rules, clinician, observation()); got != ImplicitDeny {
			t.Errorf("%v, want implicit deny", got)
		}
	}
}

// The same bytes in other spellings of JSON mean the same.
func TestSpelling(t *testing.T) {
	b := strings.Replace(string(body(privacy(`'type':'deny'`))), `"deny"`, `"\u0064eny"`, 1)
	r, err := Compile(anyRef, 1, []byte(b))
	if got, _, _ := Evaluate([]*Rules{r}, clinician, observation()); err != nil || got != Deny {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLimits(t *testing.T) {
	nest := func(depth int) string {
		return privacy(strings.Repeat(`'type':'permit','provision':[{`, depth-1) + `'type':'permit'` + strings.Repeat(`}]`, depth-1))
	}
	wide := func(n int) string {
		return privacy(`'type':'permit','provision':[` + strings.TrimSuffix(strings.Repeat(`{'type':'permit'},`, n-1), ",") + `]`)
	}
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{"8 deep": {nest(8), true}, "9 deep": {nest(9), false}, "500": {wide(500), true}, "501": {wide(501), false}, "5000 deep": {nest(5000), false}} {
		r, err := Compile(anyRef, 1, body(c.body))
		var refused *fhir.Error
		if c.ok != (err == nil) || !c.ok && (!errors.As(err, &refused) || refused.Kind != fhir.Unprocessable) {
			t.Errorf("%s: %v", name, err)
		}
		want := Permit
		if !c.ok {
			want = ImplicitDeny
		}
		if got, _, _ := Evaluate([]*Rules{r}, clinician, observation()); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// A damaged body never panics, and never permits what the whole one did not.
func FuzzCompile(f *testing.F) {
	d := newDice(6)
	for range 20 {
		bodies, _ := compileAll([]object{d.consent()})
		f.Add(bodies[0], 0, byte(0))
	}
	f.Add(body(privacy(`'type':'deny'`)), 40, byte('"'))
	f.Add([]byte(`{"resourceType":"Consent","status":"active","provision":{"provision":[null]}}`), 0, byte(0))
	f.Add([]byte(`null`), 0, byte(0))
	f.Add([]byte(nil), 0, byte(0))
	f.Fuzz(func(t *testing.T, b []byte, at int, with byte) {
		if len(b) > 0 {
			b[(at%len(b)+len(b))%len(b)] ^= with
		}
		r, err := Compile(anyRef, 1, b)
		if r == nil {
			t.Fatal("no rules")
		}
		v, _, _ := Evaluate([]*Rules{r}, clinician, observation())
		if err != nil && v == Permit {
			t.Fatalf("permits although %v", err)
		}
	})
}

// Cutting a body short, or losing a member of it, never turns a deny or silence
// into a permit.
func TestDamagedNeverPermits(t *testing.T) {
	whole := body(privacy(`'type':'permit',<TREAT>,<own>`))
	for n := range whole {
		r, err := Compile(anyRef, 1, whole[:n])
		if v, _, _ := Evaluate([]*Rules{r}, clinician, observation()); err == nil || v != ImplicitDeny {
			t.Fatalf("%s: %v, %v", whole[:n], v, err)
		}
	}
	for _, member := range []string{`"status":"active",`, `"category":[{"text":"c"}],`, `"resourceType":"Consent",`, `"type":"permit",`} {
		cut := strings.Replace(string(whole), member, "", 1)
		if cut == string(whole) {
			t.Fatalf("%s is not in the body", member)
		}
		r, _ := Compile(anyRef, 1, []byte(cut))
		if v, _, _ := Evaluate([]*Rules{r}, clinician, observation()); v == Permit {
			t.Errorf("permits without %s", member)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	rules := mustCompile(b,
		privacy(`'type':'permit',<HRESCH>`),
		privacy(`'type':'deny','provision':[{'type':'permit',<own>,<TREAT>,'provision':[{'type':'deny','securityLabel':[{<tag>:'PSY'}]},{'type':'deny','securityLabel':[{<secret>:'V'}]}]}]`),
		privacy(`'type':'permit',<guest>,<TREAT>,'period':{'start':'2020','end':'2030'}`))
	f := observation(secret("R"), tag("HIV"))
	for n := 1; n <= len(rules); n += 2 {
		b.Run(fmt.Sprint(n, " Consents"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(rules[:n], clinician, f)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	whole := body(privacy(`'type':'deny','provision':[{'type':'permit',<own>,<TREAT>,'provision':[{'type':'deny','securityLabel':[{<tag>:'PSY'}]}]}]`))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(anyRef, 1, whole); err != nil {
			b.Fatal(err)
		}
	}
}
