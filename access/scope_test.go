package access

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store/storetest"
)

// A scope with search parameters shows exactly what has these values: for each token, date
// and reference of Observation and Condition, in every interaction that shows resources.
func TestScopesShowWhatTheirParametersSay(t *testing.T) { restrictionsShowWhatTheySay(t, false) }

// So does the constraint search of a policy.
func TestSearchConstraintsShowWhatTheySay(t *testing.T) { restrictionsShowWhatTheySay(t, true) }

func restrictionsShowWhatTheySay(t *testing.T, byPolicy bool) {
	seed := storetest.Setting(t, "ACESO_TEST_SEED", rand.Uint64N(1<<40))
	t.Logf("to repeat: ACESO_TEST_SEED=%d", seed)
	r := newRestricted(newHouse(t), seed)
	cases, shown, hidden := 0, 0, 0
	for _, typ := range []string{"Observation", "Condition"} {
		indexes := r.indexes(typ)
		for _, p := range restrictable(typ) {
			all := r.restrictions(p, indexes)
			if testing.Short() {
				all = all[:1+len(all)/4]
			}
			for _, text := range all {
				if r.IntN(4) == 0 { // all must hold
					other := restrictable(typ)
					text += "&" + r.one(r.restrictions(other[r.IntN(len(other))], indexes)...)
				}
				c := &scopeCase{restricted: r, typ: typ, restriction: text, want: r.holding(typ, text, false), byPolicy: byPolicy}
				cases += c.tryAll()
				shown, hidden = shown+len(c.want), hidden+len(r.current[typ])-len(c.want)
				if t.Failed() {
					t.Fatalf("scope %s", c.scope("rs"))
				}
			}
		}
	}
	t.Logf("%d cases; %d resources shown, %d hidden", cases, shown, hidden)
	if cases < 400 || cases < 2000 && !testing.Short() || shown < cases/4 || hidden < cases/4 {
		t.Error("they test too little")
	}
}

// scopeCase is one restriction of a type.
type scopeCase struct {
	*restricted
	typ, restriction string
	want             []string
	byPolicy         bool // the policy restricts, not a scope
}

// scope is the restriction as a scope.
func (c *scopeCase) scope(actions string) string {
	var parts []string
	for _, p := range params(c.restriction) {
		parts = append(parts, url.PathEscape(p.Name)+"="+strings.ReplaceAll(url.PathEscape(p.Value), "&", "%26"))
	}
	return "user/" + c.typ + "." + actions + "?" + strings.Join(parts, "&")
}

// call is somebody who has the scope, and all other types.
func (c *scopeCase) call(actions string) *Call {
	call := c.as(agent.Practitioner, "TREAT")
	if c.byPolicy {
		_, query, _ := strings.Cut(c.scope(actions), "?")
		c.Gate.Policy = searching{c.policy, c.typ, query}
		return call
	}
	claim := c.scope(actions) + " user/Patient.rs user/DiagnosticReport.rs user/Encounter.rs"
	scopes, err := c.CheckScopes(claim)
	if err != nil {
		c.Fatalf("%s: %v", claim, err)
	}
	call.Agent.Scopes = scopes
	return call
}

func (c *scopeCase) tryAll() int {
	c.Helper()
	tries := map[string]func() (got, want []string){
		"read": c.reads, "vread": c.vreads, "search": c.searches, "total": c.totals, "chain": c.chains, "_has": c.has, "include": c.includes, "reverse include": c.reverseIncludes,
		"sorted pages": c.sortedPages, "history of the type": c.typeHistory, "history of a resource": c.instanceHistory, "batch": c.batch, "everything": c.everything,
	}
	for name, try := range tries {
		got, want := try()
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(slices.Compact(got), slices.Compact(want)) {
			c.Errorf("%s shows\n%q, want\n%q", name, got, want)
		}
	}
	return len(tries) + c.writes()
}

func (c *scopeCase) ref(id string) fhir.Ref { return fhir.Ref{Type: c.typ, ID: id} }

func names(versions []Version, of string) (all []string) {
	for _, v := range versions {
		if v.Ref.Type == of {
			all = append(all, v.Ref.String())
		}
	}
	return all
}

func (c *scopeCase) reads() (got, want []string) {
	for _, id := range c.current[c.typ] {
		v, err := c.Read(c.Context(), c.call("rs"), c.ref(id))
		if err == nil {
			got = append(got, v.Ref.String())
		} else if kindOf(err) != fhir.NotFound {
			c.Errorf("read %s: %v", id, err)
		}
	}
	return got, c.want
}

func (c *scopeCase) vreads() (got, want []string) {
	want = c.holding(c.typ, c.restriction, true)
	for _, id := range c.current[c.typ][:8] {
		for n := range int64(2) {
			v, err := c.VRead(c.Context(), c.call("r"), c.ref(id), n+1)
			if err == nil {
				got = append(got, fmt.Sprintf("%s/_history/%d", v.Ref, v.Version))
			}
		}
	}
	return got, c.only(want, 8)
}

// only are those of the first n ids.
func (c *scopeCase) only(versions []string, n int) (some []string) {
	for _, v := range versions {
		if id := strings.Split(v, "/")[1]; slices.Contains(c.current[c.typ][:n], id) {
			some = append(some, v)
		}
	}
	return some
}

func (c *scopeCase) search(typ, query string) *Result {
	c.Helper()
	res, err := c.Search(c.Context(), c.call("rs"), SearchRequest{Type: typ, Params: params(query)})
	if err != nil {
		c.Fatalf("%s?%s: %v", typ, query, err)
	}
	return res
}

func (c *scopeCase) searches() (got, want []string) {
	return names(c.search(c.typ, "_count=1000").Matches, c.typ), c.want
}

func (c *scopeCase) totals() (got, want []string) {
	return []string{fmt.Sprint(c.search(c.typ, "_summary=count").Total)}, []string{fmt.Sprint(len(c.want))}
}

// holder is what refers to a resource of the type, one for each.
func (c *scopeCase) holder() (typ, param string, rename func(string) string) {
	if c.typ == "Observation" {
		return "DiagnosticReport", "result", func(id string) string { return "DiagnosticReport/d" + strings.TrimPrefix(id, "Observation/o") }
	}
	return "Encounter", "diagnosis", func(id string) string { return "Encounter/e" + strings.TrimPrefix(id, "Condition/c") }
}

func (c *scopeCase) chains() (got, want []string) {
	typ, param, rename := c.holder()
	for _, w := range c.want {
		want = append(want, rename(w))
	}
	return names(c.search(typ, param+":"+c.typ+".subject:missing=false&_count=1000").Matches, typ), want
}

func (c *scopeCase) has() (got, want []string) {
	for _, w := range c.want {
		x, _, err := search.Describe(c.parse(string(c.documents[w+"/_history/2"])), base)
		if err != nil {
			c.Fatal(err)
		}
		for _, ref := range x.Targets("subject") {
			want = append(want, ref.String())
		}
	}
	return names(c.search("Patient", "_has:"+c.typ+":subject:_id:missing=false").Matches, "Patient"), want
}

func (c *scopeCase) includes() (got, want []string) {
	typ, param, _ := c.holder()
	return names(c.search(typ, "_count=1000&_include="+typ+":"+param).Included, c.typ), c.want
}

func (c *scopeCase) reverseIncludes() (got, want []string) {
	return names(c.search("Patient", "_count=1000&_revinclude="+c.typ+":subject").Included, c.typ), c.want
}

func (c *scopeCase) sortedPages() (got, want []string) {
	s := SearchRequest{Type: c.typ, Params: params("_count=5&_total=accurate&_sort=" + c.one("-_lastUpdated", "subject", "code"))}
	for {
		res, err := c.Search(c.Context(), c.call("s"), s)
		if err != nil {
			c.Fatal(err)
		}
		if res.Total != int64(len(c.want)) || len(res.Matches) < min(5, len(c.want)-len(got)) {
			c.Errorf("a page of %d after %d, total %d, want %d", len(res.Matches), len(got), res.Total, len(c.want))
		}
		got = append(got, names(res.Matches, c.typ)...)
		if s.Link = res.Next; s.Link == "" {
			return got, c.want
		}
	}
}

func versionNames(res *Result) (all []string) {
	for _, v := range res.Matches {
		if v.Version <= 2 {
			all = append(all, fmt.Sprintf("%s/_history/%d", v.Ref, v.Version))
		}
	}
	return all
}

func (c *scopeCase) typeHistory() (got, want []string) {
	res, err := c.History(c.Context(), c.call("s"), HistoryRequest{Type: c.typ, Count: 1000, Total: true})
	if err != nil {
		c.Fatal(err)
	}
	if res.Total != int64(len(res.Matches)) {
		c.Errorf("a history of %d versions has the total %d", len(res.Matches), res.Total)
	}
	return versionNames(res), c.holding(c.typ, c.restriction, true)
}

func (c *scopeCase) instanceHistory() (got, want []string) {
	for _, id := range c.current[c.typ][:4] {
		res, err := c.History(c.Context(), c.call("r"), HistoryRequest{Type: c.typ, ID: id, Count: 100})
		if kindOf(err) == fhir.NotFound {
			continue
		}
		if err != nil {
			c.Fatal(err)
		}
		got = append(got, versionNames(res)...)
	}
	return got, c.only(c.holding(c.typ, c.restriction, true), 4)
}

func (c *scopeCase) batch() (got, want []string) {
	op := Operation{Method: "GET", Ref: fhir.Ref{Type: c.typ}, Criteria: params("_count=1000"), Expression: "Bundle.entry[0]"}
	effects, err := c.Apply(c.Context(), c.call("rs"), []Operation{op})
	if err != nil {
		c.Fatal(err)
	}
	return names(effects[0].Result.Matches, c.typ), c.want
}

func (c *scopeCase) everything() (got, want []string) {
	for i := range 4 {
		res, err := c.Everything(c.Context(), c.call("rs"), EverythingRequest{Ref: fhir.Ref{Type: "Patient", ID: fmt.Sprint(i)}, Params: params("_type=" + c.typ)})
		if err != nil {
			c.Fatal(err)
		}
		got = append(got, names(res.Matches, c.typ)...)
	}
	return got, c.want
}

// writes tries to leave the scope, and to change what is outside of it: nothing changes.
func (c *scopeCase) writes() (tried int) {
	c.Helper()
	var inside, outside []string
	for _, id := range c.current[c.typ] {
		if slices.Contains(c.want, c.typ+"/"+id) {
			inside = append(inside, id)
		} else {
			outside = append(outside, id)
		}
	}
	if strings.Contains(c.restriction, "_id") || strings.Contains(c.restriction, "_lastUpdated") { // do not move with the document
		return 0
	}
	put := func(id, like string) error {
		document := c.as1(id, like)
		_, err := c.Apply(c.Context(), c.call("cruds"), []Operation{{Method: "PUT", Ref: c.ref(id), Resource: c.parse(document)}})
		return err
	}
	expect := func(what string, err error, kinds ...fhir.Kind) {
		c.Helper()
		if tried++; !slices.Contains(kinds, kindOf(err)) {
			c.Errorf("%s: %v", what, err)
		}
	}
	if len(inside) > 0 && len(outside) > 0 {
		expect("an update that leaves the scope", put(inside[0], outside[0]), fhir.Forbidden)
		expect("an update of what is outside", put(outside[0], inside[0]), fhir.NotFound, fhir.Forbidden)
		_, err := c.Apply(c.Context(), c.call("c"), []Operation{{Method: "POST", Ref: fhir.Ref{Type: c.typ}, Resource: c.parse(c.as1("x", outside[0]))}})
		expect("a create outside", err, fhir.Forbidden)
		effects, err := c.Apply(c.Context(), c.call("d"), []Operation{{Method: "DELETE", Ref: c.ref(outside[0])}})
		if tried++; err == nil && effects[0].Version != nil {
			c.Errorf("deleted what is outside: %+v", effects[0])
		}
	}
	for _, id := range append(inside, outside...)[:2] {
		if v, err := c.Store.Get(c.Context(), c.ref(id)); err != nil || v.Version != 2 {
			c.Errorf("%s: version %d, %v", id, v.Version, err)
		}
	}
	return tried
}

// as1 is the content of one document under another id.
func (c *scopeCase) as1(id, like string) string {
	text := string(c.documents[fmt.Sprintf("%s/%s/_history/2", c.typ, like)])
	return strings.Replace(text, `"id":"`+like+`"`, `"id":"`+id+`"`, 1)
}
