package node

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirpath"
	"github.com/aceso-health/aceso/fhir/fhirtest"
	"github.com/aceso-health/aceso/fhir/search"
)

// How many searches find examples by their own values, at least: of all, and of one in so many.
const (
	foundAll   = 30_000
	foundShort = 12
	foundMongo = 10
)

// Every example of R4 is found by each of its values, in each form in which they can be asked
// for. What its values are is evaluated by FHIRPath, and read from the JSON without the index.
func TestExamplesAreFoundByTheirValues(t *testing.T) {
	each := 1
	if testing.Short() {
		each = foundShort
	}
	examplesAreFound(t, startNode(t, t.TempDir()).as("system", "HOPERAT"), each)
}

// So it is on MongoDB: of the many some are tried.
func TestExamplesAreFoundByTheirValuesOnMongoDB(t *testing.T) {
	each := foundMongo
	if testing.Short() {
		each *= foundShort
	}
	examplesAreFound(t, newCluster(t, 1).users("system", "HOPERAT")[0], each)
}

func examplesAreFound(t *testing.T, system user, each int) {
	f := &foundBy{T: t, system: system, asks: map[string]map[string]bool{}}
	consents := f.store(each)
	for _, ref := range f.stored {
		f.learn(ref)
	}
	f.ask()
	f.asks = map[string]map[string]bool{}
	for _, r := range consents { // these hide others
		if ref := (fhir.Ref{Type: "Consent", ID: r.ID()}); f.put(r) && f.system.Get("/"+ref.String()).Status == http.StatusOK {
			f.stored = append(f.stored, ref)
			f.learn(ref)
		}
	}
	f.ask()
	t.Logf("%d examples are found by %d values of theirs, with %d searches; %d values cannot be searched for", len(f.stored), f.values, f.searches, f.silent)
	if f.values < foundAll/each {
		t.Errorf("only %d values", f.values)
	}
}

// foundBy asks for what should be found.
type foundBy struct {
	*testing.T
	system user
	stored []fhir.Ref
	asks   map[string]map[string]bool // by the search: the ids that it must find
	paths  fhirpath.Cache

	values, searches, silent, missed int
}

// store stores one of so many examples, and gives the Consents among them.
func (f *foundBy) store(each int) (consents []*fhir.Resource) {
	seen := 0
	for _, file := range fhirtest.Corpus(f.T, "r4-examples") {
		document, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		r, err := fhir.Parse(document)
		if err != nil || r.ID() == "" || r.Type() == "Subscription" || r.Type() == "AuditEvent" {
			continue
		}
		if seen++; seen%each != 0 {
			continue
		}
		if r.Type() == "Consent" {
			consents = append(consents, r)
		} else if f.put(r) {
			f.stored = append(f.stored, fhir.Ref{Type: r.Type(), ID: r.ID()})
		}
	}
	return consents
}

func (f *foundBy) put(r *fhir.Resource) bool {
	a := f.system.Put("/"+r.Type()+"/"+r.ID(), string(r.Bytes()))
	return a.Status == http.StatusCreated || a.Status == http.StatusOK
}

// learn adds the values of a resource.
func (f *foundBy) learn(ref fhir.Ref) {
	tape, err := fhir.ReadTape(f.system.Get("/" + ref.String() + "?_format=json").Want(http.StatusOK).Body)
	if err != nil {
		f.Fatalf("%s: %v", ref, err)
	}
	defer tape.Close()
	root := fhirpath.Root(tape)
	for _, p := range search.CapabilityParams(ref.Type) {
		for _, def := range fhir.SearchParams(ref.Type) {
			if def.Name == p.Name && def.Expression != "" {
				f.learnOne(ref, root, def)
			}
		}
	}
	for _, word := range words(decoded(f.T, tape.Data())) {
		f.must(ref, "_content", form{"", word})
	}
	if div := f.evaluate(root, "text.`div`"); len(div) == 1 {
		for _, word := range some(tags.ReplaceAllString(div[0].String(), " "), 40) {
			f.must(ref, "_text", form{"", word})
		}
	}
}

func (f *foundBy) learnOne(ref fhir.Ref, root fhirpath.Node, def fhir.SearchParam) {
	for _, v := range f.evaluate(root, def.Expression) {
		forms := f.formsOf(def, v)
		if len(forms) == 0 {
			f.silent++
		}
		for _, form := range forms {
			f.must(ref, def.Name, form)
		}
	}
}

// formsOf are the ways to ask for a value.
func (f *foundBy) formsOf(def fhir.SearchParam, v fhirpath.Value) []form {
	if def.Kind == "composite" {
		return f.composed(def, v)
	}
	var json any = v.String()
	if n, ok := v.Node(); ok {
		json = decoded(f.T, n.Tape.Raw(n.At))
	}
	return asked(def, v.Type(), json)
}

// composed are the combinations of the parts of one element.
func (f *foundBy) composed(def fhir.SearchParam, v fhirpath.Value) []form {
	all := []form{{}}
	bare := strings.HasSuffix(def.Name, "-coordinate") // start and end of an interval: either both have prefixes, or none
	for i, c := range def.Components {
		var longer []form
		for _, part := range f.evaluateOn(v, c.Expression) {
			for _, form := range f.formsOf(fhir.SearchParam{Name: c.Name, Kind: c.Kind}, part) {
				if form.modifier != "" || len(form.value) > 64 || strings.HasSuffix(form.value, "|") || bare && c.Kind == "number" && form.value[0] > '9' { // these no composite takes
					continue
				}
				for _, one := range all {
					one.value += strings.Repeat("$", min(i, 1)) + form.value
					longer = append(longer, one)
				}
			}
		}
		all = longer
	}
	return all
}

func (f *foundBy) evaluate(root fhirpath.Node, expression string) fhirpath.Collection {
	e, err := f.paths.Compile(expression)
	if err != nil {
		f.Fatalf("%s: %v", expression, err)
	}
	found, err := e.Evaluate(&fhirpath.Env{Resolver: byName{}}, root)
	if err != nil {
		f.Fatalf("%s: %v", expression, err)
	}
	return found
}

func (f *foundBy) evaluateOn(v fhirpath.Value, expression string) fhirpath.Collection {
	e, err := f.paths.Compile(strings.ReplaceAll(expression, "DateTime)", "dateTime)")) // as it is written in some definitions
	if err != nil {
		f.Fatalf("%s: %v", expression, err)
	}
	n, _ := v.Node()
	found, err := e.EvaluateOn(&fhirpath.Env{Resolver: byName{}, Variables: map[string]fhirpath.Collection{"resource": f.evaluate(fhirpath.Root(n.Tape), "$this")}}, fhirpath.Collection{v})
	if err != nil {
		f.Fatalf("%s: %v", expression, err)
	}
	return found
}

// must notes that a search must find a resource.
func (f *foundBy) must(ref fhir.Ref, param string, how form) {
	ask := "/" + ref.Type + "?" + url.QueryEscape(param+how.modifier) + "=" + url.QueryEscape(how.value)
	if f.asks[ask] == nil {
		f.asks[ask] = map[string]bool{}
	}
	if !f.asks[ask][ref.ID] {
		f.asks[ask][ref.ID] = true
		f.values++
	}
}

// ask searches for everything.
func (f *foundBy) ask() {
	f.Helper()
	for _, ask := range slices.Sorted(maps.Keys(f.asks)) {
		f.searches++
		found := map[string]bool{}
		for a := f.system.Get(ask + "&_elements=identifier&_count=1000"); ; a = f.system.Page(a.Next()) {
			if a.Status != http.StatusOK {
				f.Errorf("%s: %d %.300s", ask, a.Status, a.Body)
				break
			}
			for _, id := range a.IDs() {
				found[id] = true
			}
			if a.Next() == "" {
				break
			}
		}
		for id := range f.asks[ask] {
			if found[id] || found[ask[1:strings.IndexByte(ask, '?')]+"/"+id] {
				continue
			}
			if f.missed++; f.missed < 100 {
				f.Errorf("%s does not find %s", ask, id)
			}
		}
	}
}

// byName takes references for what they name: of an element of a search parameter no more
// than the type is asked.
type byName struct{}

func (byName) Resolve(_ fhirpath.Node, reference string) (fhirpath.Node, bool) {
	parts := strings.Split(strings.Split(reference, "/_history/")[0], "/")
	if len(parts) < 2 || !fhir.IsResourceType(parts[len(parts)-2]) {
		return fhirpath.Node{}, false
	}
	tape, err := fhir.ReadTape([]byte(`{"resourceType":"` + parts[len(parts)-2] + `"}`))
	return fhirpath.Root(tape), err == nil
}

var (
	tags      = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>|&[^;]*;`)
	plainWord = regexp.MustCompile(`^[A-Za-z]{3,60}$`)
)

// words are some words of the texts of a document that say what it is about.
func words(v any) (all []string) {
	o, _ := v.(map[string]any)
	for _, name := range []string{"name", "title", "description", "display", "note", "comment"} {
		if text, ok := o[name].(string); ok && o["resourceType"] != nil {
			all = append(all, some(text, 5)...)
		}
	}
	return all
}

// some are up to n words of a text, of plain letters.
func some(text string, n int) (all []string) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		if len(all) < n && plainWord.MatchString(word) {
			all = append(all, word)
		}
	}
	return all
}

// form is how a value is asked for.
type form struct{ modifier, value string }

func escaped(v string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(v)
}

func said(o map[string]any, name string) string {
	if o[name] == nil {
		return ""
	}
	return fmt.Sprint(o[name])
}
