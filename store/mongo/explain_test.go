package mongo

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// shape is a search that clients really make. Why says why it may examine more than
// 20 index keys for each match.
type shape struct{ query, why string }

func (s shape) note() string {
	if s.why == "" {
		return ""
	}
	return " (" + s.why + ")"
}

const (
	unselective = "of a condition that is true of many resources up to 257 keys are counted before a rarer one is tried"
	candidates  = "up to 64 resources of which one condition is true are read, and not compared with another one first"
	wholeType   = "all matches have to be seen before the first can be shown"
	follows     = "the keys of what the chain leads through are not matches"
	wideRanges  = "values that begin below and may end above the limit are passed over"
)

var shapes = []shape{
	{"Patient?_id=p7", ""},
	{"Patient?identifier=urn:mrn|7", ""},
	{"Patient?identifier=7,8,9", ""},
	{"Patient?family=Family7", ""},
	{"Patient?name=fam", ""},
	{"Patient?family:exact=Family7", ""},
	{"Patient?name:contains=mily7", wideRanges},
	{"Patient?birthdate=1957-01-08", ""},
	{"Patient?birthdate=ge1957&birthdate=lt1958", ""},
	{"Patient?gender=female&birthdate=1957-01-08", unselective},
	{"Patient?family=Family7&gender=female", ""},
	{"Patient?gender=male&family=Family7", candidates},
	{"Patient?telecom=phone|555-7", ""},
	{"Patient?address-city=city7", ""},
	{"Patient?organization=Organization/o1", ""},
	{"Patient?_lastUpdated=ge2026-01-01", ""},
	{"Patient?_sort=-_lastUpdated", ""},
	{"Patient?gender:not=male", ""},
	{"Patient?_has:Observation:patient:code=http://loinc.org|rare", ""},
	{"Observation?patient=p7", ""},
	{"Observation?patient=p7&code=http://loinc.org|c3", ""},
	{"Observation?subject=Patient/p7&code=c3,c4", ""},
	{"Observation?patient=p7&category=vital-signs", ""},
	{"Observation?patient=p7&date=ge2020-02", ""},
	{"Observation?patient=p7&code=c3&_sort=-date", ""},
	{"Observation?patient=p7&code=c3&_include=Observation:encounter", ""},
	{"Observation?code=http://loinc.org|rare", ""},
	{"Observation?code=http://loinc.org|c3", ""},
	{"Observation?code=c3&date=2020-03-04", unselective},
	{"Observation?code=c3&value-quantity=gt90", unselective},
	{"Observation?code-value-quantity=http://loinc.org|c3$gt90", ""},
	{"Observation?value-quantity=95.5||kg", ""},
	{"Observation?value-quantity=gt99.5|http://unitsofmeasure.org|kg", wideRanges},
	{"Observation?date=ge2020-12-27", ""},
	{"Observation?date=2020-03-04", ""},
	{"Observation?date=ge2020-03-04&date=lt2020-03-06", ""},
	{"Observation?encounter=Encounter/e7-1", ""},
	{"Observation?patient.family=Family7&code=c3", follows},
	{"Observation?patient.identifier=urn:mrn|7", follows},
	{"Observation?status=final&_count=50", ""},
	{"Encounter?patient=p7", ""},
	{"Encounter?date=ge2020-12-20", ""},
	{"Encounter?date=le2020-01-04", ""},
	{"Encounter?date=ge2020-04-29&date=lt2020-05-03", ""},
	{"Encounter?patient=p7&_revinclude=Observation:encounter", ""},
	{"Encounter?class=AMB&date=2020-03", unselective},
	{"Condition?patient=p7&clinical-status=active", ""},
	{"Condition?code=http://snomed.info/sct|s3", ""},
	{"Condition?code:text=pain", ""},
	{"Condition?subject.family=Family7", follows},
	{"Condition?_sort=-onset-date", wholeType},
}

// TestExplain asks a real server how it answers what searches of many shapes send to
// it: always from an index and in the order of the index, and with few keys for each
// match. That there are so few in the data, TestFewKeysByConstruction shows anywhere.
func TestExplain(t *testing.T) {
	server := newServer(t)
	if server.standIn != nil {
		fmt.Printf("%s SKIPPED: the stand-in has no query planner; set %s or put mongod on PATH\n", t.Name(), serverVariable)
		t.Skipf("SKIPPED: the stand-in has no query planner; set %s or put mongod on PATH", serverVariable)
	}
	w := &hospital{T: t, store: server.open(t, testOptions(""))}
	w.fill()
	spy := &spy{}
	watched := spy.open(t, server, w.store)
	if len(shapes) < 40 {
		t.Fatalf("only %d shapes", len(shapes))
	}
	for _, shape := range shapes {
		page, err := watched.Search(t.Context(), store.Search{Query: w.parse(shape.query), Limit: 50})
		if err != nil {
			t.Fatalf("%s: %v", shape.query, err)
		}
		if len(page.Matches) == 0 {
			t.Errorf("%s finds nothing", shape.query)
		}
		keys, by := 0, []string{}
		for _, command := range spy.take("find", "resources", "history") {
			plan := explained(t, w.store, command)
			if plan.bad != "" {
				t.Errorf("%s: %s in the plan of %s", shape.query, plan.bad, command)
			}
			keys += plan.keys
			by = append(by, plan.indexes...)
		}
		slices.Sort(by)
		n := len(page.Matches) + len(page.Included)
		t.Logf("%5d keys for %3d results: %-60s %s%s", keys, n, shape.query, strings.Join(slices.Compact(by), ", "), shape.note())
		if limit := 20 * n; keys > limit && shape.why == "" {
			t.Errorf("%s: %d keys examined for %d results", shape.query, keys, n)
		}
	}
}

// spy notes what a client sends.
type spy struct {
	mu   sync.Mutex
	sent []bson.Raw
}

// open gives a second door to a store, without a node's lease and logs.
func (p *spy) open(t *testing.T, server *server, s *Store) *Store {
	t.Helper()
	monitor := &event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent = append(p.sent, slices.Clone(e.Command))
	}}
	client, err := mongo.Connect(options.Client().ApplyURI(server.uri).SetMonitor(monitor))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	watched := newStore(client, s.opts)
	watched.identity = s.identity
	return watched
}

// take gives the commands of that name about those collections, and forgets all.
func (p *spy) take(command string, collections ...string) (all []bson.Raw) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.sent {
		if on, ok := c.Lookup(command).StringValueOK(); ok && slices.Contains(collections, on) {
			all = append(all, c)
		}
	}
	p.sent = nil
	return all
}

// planned is what matters of an explanation.
type planned struct {
	keys    int
	indexes []string // that are used
	bad     string   // a stage that must not be
}

func explained(t *testing.T, s *Store, command bson.Raw) (p planned) {
	t.Helper()
	var find bson.D
	if err := bson.Unmarshal(command, &find); err != nil {
		t.Fatal(err)
	}
	ofSession := []string{"lsid", "$db", "txnNumber", "startTransaction", "autocommit", "readConcern", "$clusterTime", "$readPreference"}
	find = slices.DeleteFunc(find, func(e bson.E) bool { return slices.Contains(ofSession, e.Key) })
	reply, err := s.db.RunCommand(t.Context(), bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "executionStats"}}).Raw()
	if err != nil {
		t.Fatalf("explain %s: %v", command, err)
	}
	p.keys = int(reply.Lookup("executionStats", "totalKeysExamined").AsInt64())
	plan := reply.Lookup("queryPlanner", "winningPlan")
	p.indexes = textsOf(t, plan, "indexName")
	for _, stage := range textsOf(t, plan, "stage") {
		if stage == "COLLSCAN" || stage == "SORT" {
			p.bad = stage
		}
	}
	return p
}

// textsOf lists the values of a field at all depths of a plan.
func textsOf(t *testing.T, v bson.RawValue, field string) (all []string) {
	switch v.Type {
	case bson.TypeArray, bson.TypeEmbeddedDocument:
	default:
		return nil
	}
	elements, err := bson.Raw(v.Value).Elements()
	if err != nil {
		t.Fatalf("a plan that cannot be read: %v", err)
	}
	for _, e := range elements {
		if name, ok := e.Value().StringValueOK(); ok && e.Key() == field {
			all = append(all, name)
		}
		all = append(all, textsOf(t, e.Value(), field)...)
	}
	return all
}

// hospital fills a store with 100 patients.
type hospital struct {
	*testing.T
	store *Store
}

func (w *hospital) fill() { w.fillWith(100) }

// admitted is how many patients are written in one transaction: a larger one costs less.
const admitted = 50

func (w *hospital) fillWith(patients int) {
	w.Helper()
	var writes []store.Write
	for i := range patients {
		if writes = append(writes, w.patient(i)...); i%admitted == admitted-1 || i == patients-1 {
			w.commit(writes...)
			writes = nil
		}
	}
}

// patient is one patient with 2 encounters, 24 observations and 2 conditions.
func (w *hospital) patient(i int) []store.Write {
	at := func(day int) string { return time.Date(2020, 1, 1+day, 10, 0, i%60, 0, time.UTC).Format(time.RFC3339) }
	writes := []store.Write{w.write(fmt.Sprintf("p%d", i), `{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"%d"}],"name":[{"family":"Family%d","given":["Given"]}],
		"gender":%q,"birthDate":"19%02d-01-%02d","telecom":[{"system":"phone","value":"555-%d"}],"address":[{"city":"City%d"}],"managingOrganization":{"reference":"Organization/o%d"}}`,
		i, i, []string{"male", "female", "female"}[i%3], 50+i%30, i%28+1, i, i, i%10)}
	for e := range 2 {
		writes = append(writes, w.write(fmt.Sprintf("e%d-%d", i, e), `{"resourceType":"Encounter","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},
			"subject":{"reference":"Patient/p%d"},"period":{"start":%q,"end":%q}}`, i, at((7*i+e)%364), at((7*i+e)%364+1)))
	}
	for o := range 24 {
		code := fmt.Sprintf("c%d", o%8)
		if o == 0 && i%25 == 0 {
			code = "rare"
		}
		writes = append(writes, w.write(fmt.Sprintf("o%d-%d", i, o), `{"resourceType":"Observation","status":"final","category":[{"coding":[{"code":"vital-signs"}]}],
			"code":{"coding":[{"system":"http://loinc.org","code":%q}]},"subject":{"reference":"Patient/p%d"},"encounter":{"reference":"Encounter/e%d-%d"},"effectiveDateTime":%q,
			"valueQuantity":{"value":%d.%d,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`, code, i, i, o%2, at((7*i+15*o)%366), (i*7+o*3)%100, i%10))
	}
	for c := range 2 {
		writes = append(writes, w.write(fmt.Sprintf("c%d-%d", i, c), `{"resourceType":"Condition","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},
			"code":{"coding":[{"system":"http://snomed.info/sct","code":"s%d"}],"text":"Pain"},"subject":{"reference":"Patient/p%d"},"onsetDateTime":%q}`, (i+c)%20, i, at((5*i+c)%366)))
	}
	return writes
}

func (w *hospital) write(id, format string, a ...any) store.Write {
	w.Helper()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	doc, err := fhir.Parse(fmt.Appendf(nil, format, a...))
	if err == nil {
		doc, err = doc.Stamp(id, 1, at)
	}
	if err != nil {
		w.Fatal(err)
	}
	index, facts, err := search.Describe(doc, "")
	if err != nil {
		w.Fatal(err)
	}
	return store.Write{Ref: fhir.Ref{Type: doc.Type(), ID: id}, LastUpdated: at, Method: "POST", Owner: storetest.Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts}
}

func (w *hospital) parse(text string) *search.Query {
	w.Helper()
	typ, rest, _ := strings.Cut(text, "?")
	var params []fhir.Param
	for one := range strings.SplitSeq(rest, "&") { // in this order: the first rare condition is gathered
		name, escaped, found := strings.Cut(one, "=")
		value, err := url.QueryUnescape(escaped)
		if err != nil {
			w.Fatal(err)
		}
		if found {
			params = append(params, fhir.Param{Name: name, Value: value})
		}
	}
	q, err := search.ParseQuery(typ, params, search.QueryOptions{})
	if err != nil {
		w.Fatalf("%s: %v", text, err)
	}
	return q
}
