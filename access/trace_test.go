package access

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
)

// linked is a house with two patients, each with an Observation; p2 refuses everything.
func linked(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.put(patientDoc("p1"), patientDoc("p2"), observationDoc("o1", "p1"), observationDoc("o2", "p2"), denialDoc("no", "p2"))
	return h
}

func itemsDoc(id string, items ...string) string {
	entries := ""
	for _, item := range items {
		entries += fmt.Sprintf(`,{"item":{"reference":"%s"}}`, item)
	}
	if entries != "" {
		entries = `,"entry":[` + entries[1:] + "]"
	}
	return fmt.Sprintf(`{"resourceType":"List","id":"%s","status":"current","mode":"working"%s}`, id, entries)
}

func binaryDoc(id, context string) string {
	if context != "" {
		context = `,"securityContext":{"reference":"` + context + `"}`
	}
	return `{"resourceType":"Binary","id":"` + id + `","contentType":"text/plain","data":"aGk="` + context + `}`
}

func (h *house) remove(names ...string) {
	h.Helper()
	for _, name := range names {
		if _, err := h.Apply(h.Context(), h.system(), []Operation{{Method: "DELETE", Ref: ref(name)}}); err != nil {
			h.Fatal(err)
		}
	}
}

// see holds that own staff sees some resources, and others not; those begin with "-". A
// search, a count and the history agree with the read.
func (h *house) see(names string) {
	h.Helper()
	for name := range strings.FieldsSeq(names) {
		name, hidden := strings.CutPrefix(name, "-")
		r := ref(name)
		if _, err := h.Read(h.Context(), h.as(agent.Practitioner, "TREAT"), r); (err == nil) == hidden {
			h.Errorf("read %s: %v, hidden should be %v", name, err, hidden)
		}
		res, err := h.Search(h.Context(), h.as(agent.Practitioner, "TREAT"), SearchRequest{Type: r.Type, Params: params("_id=" + r.ID + "&_total=accurate")})
		if err != nil || (len(res.Matches) == 0) != hidden || (res.Total == 0) != hidden {
			h.Errorf("search %s: %+v, %v, hidden should be %v", name, res, err, hidden)
		}
		_, err = h.History(h.Context(), h.as(agent.Practitioner, "TREAT"), HistoryRequest{Type: r.Type, ID: r.ID})
		if (err == nil) == hidden {
			h.Errorf("history of %s: %v, hidden should be %v", name, err, hidden)
		}
	}
}

// A resource in nobody's compartment is hidden with anything that it leads to, however far,
// in circles, and in whatever order things are written and changed.
func TestWhatLeadsToHiddenDataIsHidden(t *testing.T) {
	for name, test := range map[string]func(h *house){
		"circles": func(h *house) {
			h.put(itemsDoc("a", "List/b"), itemsDoc("b", "List/a", "Observation/o2"), itemsDoc("c", "List/d"), itemsDoc("d", "List/c", "Observation/o1"))
			h.see("-List/a -List/b List/c List/d")
		},
		"what it refers to changes later": func(h *house) {
			h.put(itemsDoc("a", "List/b"), itemsDoc("b"))
			h.see("List/a List/b")
			h.put(itemsDoc("b", "List/c"), itemsDoc("c", "Observation/o2"))
			h.see("-List/a -List/b -List/c")
			h.put(itemsDoc("b", "Observation/o1"))
			h.see("List/a")
		},
		"what it refers to comes later": func(h *house) {
			h.put(itemsDoc("a", "Observation/new", "List/new"))
			h.see("List/a")
			h.put(observationDoc("new", "p2"))
			h.see("-List/a")
		},
		"what it refers to moves to her": func(h *house) {
			h.put(itemsDoc("a", "Observation/o1"))
			h.see("List/a")
			h.put(observationDoc("o1", "p2"))
			h.see("-List/a")
		},
		"what it refers to was deleted": func(h *house) {
			h.put(itemsDoc("a", "List/b"), itemsDoc("b", "Observation/o2"))
			h.remove("List/b", "Observation/o2")
			h.see("-List/a")
		},
		"the patient herself, under a former base": func(h *house) {
			h.put(itemsDoc("a", "https://old.example/fhir/Patient/p2"))
			h.see("-List/a")
		},
		"other types": func(h *house) {
			h.put(`{"resourceType":"Basic","id":"b","code":{"text":"x"},"extension":[{"url":"u","valueReference":{"reference":"List/a"}}]}`,
				`{"resourceType":"Bundle","id":"u","type":"collection","entry":[{"resource":`+strings.Replace(itemsDoc("i", "Observation/o2"), `"id":"i",`, "", 1)+`}]}`,
				`{"resourceType":"Provenance","id":"p","target":[{"reference":"Basic/b"}],"recorded":"2026-01-01T00:00:00Z","agent":[{"who":{"display":"x"}}]}`,
				`{"resourceType":"Library","id":"l","status":"active","type":{"text":"x"},"content":[{"url":"Binary/y"}]}`, binaryDoc("y", "Observation/o2"),
				`{"resourceType":"DocumentManifest","id":"m","status":"current","content":[{"reference":"Binary/y"}]}`,
				itemsDoc("a", "Observation/o2"))
			h.see("-Basic/b -Bundle/u -Provenance/p -Library/l -Binary/y -DocumentManifest/m")
		},
		"who and where lead nowhere": func(h *house) {
			h.put(`{"resourceType":"Organization","id":"org","name":"x","extension":[{"url":"u","valueReference":{"reference":"Observation/o2"}}]}`,
				`{"resourceType":"Location","id":"ward","managingOrganization":{"reference":"Organization/org"}}`)
			h.see("-Organization/org Location/ward")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := linked(t)
			h.Base += " https://old.example/fhir"
			test(h)
		})
	}
}

// A Binary belongs to what names it: in any element, first or later, changed or deleted
// since; if it has a securityContext, to that.
func TestBinariesBelongToWhatNamesThem(t *testing.T) {
	of := `"status":"current","subject":{"reference":"Patient/%s"},"content":[{"attachment":{"url":"%s"}}]}`
	document := func(id, patient, url string) string {
		return fmt.Sprintf(`{"resourceType":"DocumentReference","id":"%s",`+of, id, patient, url)
	}
	for name, test := range map[string]func(h *house){
		"first": func(h *house) {
			h.put(binaryDoc("b", ""))
			h.see("Binary/b")
			h.put(document("d", "p2", "Binary/b"))
			h.see("-Binary/b")
		},
		"later, absolute":                 func(h *house) { h.put(document("d", "p2", base+"/Binary/b"), binaryDoc("b", "")); h.see("-Binary/b") },
		"of somebody who refuses nothing": func(h *house) { h.put(document("d", "p1", "Binary/b"), binaryDoc("b", "")); h.see("Binary/b") },
		"of both": func(h *house) {
			h.put(document("d", "p1", "Binary/b"), document("e", "p2", "Binary/b"), binaryDoc("b", ""))
			h.see("-Binary/b")
		},
		"no longer": func(h *house) {
			h.put(document("d", "p2", "Binary/b"), binaryDoc("b", ""), document("d", "p2", "Binary/other"))
			h.see("-Binary/b")
		},
		"deleted": func(h *house) {
			h.put(document("d", "p2", "Binary/b"), binaryDoc("b", ""))
			h.remove("DocumentReference/d")
			h.see("-Binary/b")
		},
		"Media": func(h *house) {
			h.put(binaryDoc("b", ""), `{"resourceType":"Media","id":"m","status":"completed","subject":{"reference":"Patient/p2"},"content":{"url":"./Binary/b"}}`)
			h.see("-Binary/b")
		},
		"Patient.photo": func(h *house) {
			h.put(binaryDoc("b", ""), `{"resourceType":"Patient","id":"p2","photo":[{"url":"Binary/b"}]}`)
			h.see("-Binary/b")
		},
		"Communication": func(h *house) {
			h.put(binaryDoc("b", ""), `{"resourceType":"Communication","id":"c","status":"completed","subject":{"reference":"Patient/p2"},"payload":[{"contentAttachment":{"url":"Binary/b"}}]}`)
			h.see("-Binary/b")
		},
		"Consent.source": func(h *house) {
			h.put(binaryDoc("b", ""), strings.Replace(denialDoc("no", "p2"), `"provision"`, `"sourceAttachment":{"url":"Binary/b"},"provision"`, 1))
			h.see("-Binary/b")
		},
		"a list of hers": func(h *house) {
			h.put(binaryDoc("b", ""), strings.Replace(itemsDoc("l", "Binary/b"), `"status"`, `"subject":{"reference":"Patient/p2"},"status"`, 1))
			h.see("-Binary/b")
		},
		"a list that leads to her": func(h *house) {
			h.put(binaryDoc("b", ""), itemsDoc("l", "Binary/b", "List/k"), itemsDoc("k", "Observation/o2"))
			h.see("-Binary/b")
		},
		"securityContext": func(h *house) {
			h.put(binaryDoc("b", "Observation/o2"), binaryDoc("c", "Observation/o1"), document("d", "p2", "Binary/c"), binaryDoc("e", "List/l"), itemsDoc("l", "Observation/o2"))
			h.see("-Binary/b Binary/c -Binary/e")
		},
		"a securityContext that leads nowhere": func(h *house) {
			h.put(binaryDoc("b", "Organization/x"), document("d", "p2", "Binary/b"))
			h.see("-Binary/b")
		},
	} {
		t.Run(name, func(t *testing.T) { test(linked(t)) })
	}
}

// Who is named by an identifier alone counts, whoever comes first.
func TestIdentifiersNamePatients(t *testing.T) {
	named := func(id, subject string) string {
		return strings.Replace(observationDoc(id, "x"), `{"reference":"Patient/x"}`, subject, 1)
	}
	h := linked(t)
	h.put(named("a", `{"identifier":{"system":"urn:mrn","value":"p2"}}`), named("b", `{"type":"Patient","identifier":{"value":"p2"}}`),
		named("c", `{"identifier":{"system":"urn:mrn","value":"p1"}}`), named("d", `{"identifier":{"system":"urn:mrn","value":"p3"}}`),
		named("e", `{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"p2"}]}]`),
		named("f", `{"identifier":{"system":"urn:other","value":"p2"}}`),
		strings.Replace(observationDoc("g", "p1"), `"status"`, `"performer":[{"identifier":{"system":"urn:mrn","value":"p2"}}],"status"`, 1),
		itemsDoc("l", "Observation/a"), itemsDoc("k", "Observation/c"))
	h.see("-Observation/a -Observation/b -Observation/e -Observation/g -List/l List/k")
	shown := func(r string) bool {
		_, err := h.Read(h.Context(), h.as(agent.Practitioner, "TREAT"), ref(r))
		return err == nil
	}
	if !shown("Observation/c") || !shown("Observation/d") || !shown("Observation/f") {
		t.Error("what names nobody who refuses is hidden")
	}
	h.put(patientDoc("p3"), denialDoc("no3", "p3"))
	h.see("-Observation/d")
	if _, err := h.Read(h.Context(), h.patient("Patient/p1"), ref("Observation/c")); err == nil {
		t.Error("an identifier gives access")
	}
}

// What leads to more than can be followed is refused; if it has come to that, it is hidden.
func TestWhatLeadsTooFar(t *testing.T) {
	h := linked(t)
	var many []string
	for i := range consent.Furthest + 1 {
		many = append(many, fmt.Sprintf("Observation/n%d", i))
	}
	res := h.parse(itemsDoc("a", many...))
	_, err := h.Apply(h.Context(), h.system(), []Operation{{Method: "PUT", Ref: ref("List/a"), Resource: res}})
	if !says(err, 422, "Nobody can tell whose data this is: the resource is in no patient's compartment and leads to more than … others or … patients, or has an identifier that more than … patients bear. Give it a subject, or split it.") {
		t.Errorf("a list of 5001: %v", err)
	}
	h.put(itemsDoc("b", many[:consent.Furthest-10]...), itemsDoc("c", "List/d"), itemsDoc("d"))
	h.see("List/b List/c")
	h.put(itemsDoc("d", "List/b"), itemsDoc("b", many[:500]...))
	h.see("List/c")
	h.put(strings.Replace(itemsDoc("d", many...), `"status"`, `"subject":{"reference":"Patient/p1"},"status"`, 1))
	h.see("-List/c")
}

// The entries of a transaction count as they will be, in any order.
func TestTransactionsAreFollowed(t *testing.T) {
	h := linked(t)
	for i, order := range [][]string{{"a", "b"}, {"b", "a"}} {
		docs := map[string]string{"a": itemsDoc("a", "List/b"), "b": itemsDoc("b", "List/a", "Observation/o2")}
		var ops []Operation
		for n, id := range order {
			ops = append(ops, Operation{Method: "PUT", Ref: ref("List/" + id), Resource: h.parse(docs[id]), Expression: fmt.Sprintf("Bundle.entry[%d]", n)})
		}
		told := h.told()
		if _, err := h.Apply(h.Context(), h.system(), ops); err != nil {
			t.Fatal(err)
		}
		if lines := told(); len(lines) != 1 || !strings.Contains(lines[0], "[p2] [PUT List/a PUT List/b]") {
			t.Errorf("order %d: recorded %q", i, lines)
		}
		h.see("-List/a -List/b")
		doctor := h.as(agent.Practitioner, "TREAT")
		read := Operation{Method: "GET", Ref: ref("List/a"), Expression: "Bundle.entry[0]"}
		if _, err := h.Apply(h.Context(), doctor, []Operation{read}); kindOf(err) != fhir.NotFound {
			t.Errorf("order %d: read in a transaction: %v", i, err)
		}
		h.put(itemsDoc("a"), itemsDoc("b"))
	}
}

// What a resource came to lead to protects its past; and what it has left, no longer counts.
func TestLaterReferencesProtectThePast(t *testing.T) {
	h := linked(t)
	h.put(itemsDoc("a"), itemsDoc("a", "List/b"), itemsDoc("b", "Observation/o2"), itemsDoc("a", "Observation/o1"))
	h.put(strings.Replace(itemsDoc("c"), `"status"`, `"subject":{"reference":"Patient/p1"},"status"`, 1), itemsDoc("c", "List/b"))
	for name, hidden := range map[string]bool{"List/a 1": true, "List/a 2": true, "List/a 3": false, "List/c 1": true, "List/c 2": true} {
		id, version, _ := strings.Cut(name, " ")
		if _, err := h.VRead(h.Context(), h.as(agent.Practitioner, "TREAT"), ref(id), int64(version[0]-'0')); (err == nil) == hidden {
			t.Errorf("version %s: %v, hidden should be %v", name, err, hidden)
		}
	}
}

// Records name whom a resource leads to: read, counted, refused.
func TestRecordsNameWhomResourcesLeadTo(t *testing.T) {
	h := linked(t)
	h.put(itemsDoc("a", "List/b"), itemsDoc("b", "Observation/o1"), itemsDoc("c", "Observation/o2"), itemsDoc("d", "Observation/o2"), itemsDoc("d", "Observation/o1"))
	doctor := h.as(agent.Practitioner, "TREAT")
	for name, do := range map[string]struct {
		err  func() error
		want string
	}{
		"read":    {func() error { _, err := h.Read(h.Context(), doctor, ref("List/a")); return err }, "[p1] [GET List/a]"},
		"past":    {func() error { _, err := h.VRead(h.Context(), doctor, ref("List/d"), 1); return err }, "[p1 p2] []"},
		"history": {func() error { return history("List", "c")(h, doctor) }, "[p2] []"},
		"count":   {func() error { return searchFor("List", "_id=a&_summary=count")(h, doctor) }, "[p1] []"},
		"refused": {func() error { _, err := h.Read(h.Context(), doctor, ref("List/c")); return err }, "[p2] []"},
	} {
		told := h.told()
		_ = do.err()
		if lines := told(); len(lines) != 1 || !strings.HasSuffix(lines[0], do.want) {
			t.Errorf("%s: recorded %q, want %q", name, lines, do.want)
		}
	}
	if _, err := h.Read(h.Context(), doctor, ref("List/a")); err != nil || len(h.faulty.judged[len(h.faulty.judged)-1].Seen) != 2 {
		t.Errorf("a record rests on %+v: %v", h.faulty.judged[len(h.faulty.judged)-1], err)
	}
}

// An identifier that very many bear may mean anybody; and a request that looks up too much
// ends.
func TestLookupsAreBounded(t *testing.T) {
	h := linked(t)
	shared := func(id string) string {
		return `{"resourceType":"Patient","id":"` + id + `","identifier":[{"system":"urn:x","value":"same"}]}`
	}
	named := strings.Replace(observationDoc("a", "x"), `{"reference":"Patient/x"}`, `{"identifier":{"system":"urn:x","value":"same"}}`, 1)
	h.put(named)
	for i := range 101 {
		h.put(shared(fmt.Sprint("s", i)))
	}
	if _, err := h.Read(h.Context(), h.as(agent.Practitioner, "TREAT"), ref("Observation/a")); kindOf(err) != fhir.NotFound {
		t.Errorf("an identifier of 101 patients: %v", err)
	}
	h.put(itemsDoc("l", "Observation/o1", "List/k"))
	r := h.review(h.system())
	r.directory.most = 1
	if _, err := r.trace(t.Context(), &fhir.Facts{Type: "List", ID: "x", References: []string{"Observation/o1", "List/l"}}); !says(err, 400, "What this request is about leads to more than … other resources. Make it more selective.") {
		t.Errorf("two lookups: %v", err)
	}
}

// What a practitioner refers to without knowing whether it is there counts neither now nor
// when it comes, so that the hidden cannot be told from the absent; what is there and seen
// counts, also when it is hidden later.
func TestWritersDoNotProbe(t *testing.T) {
	h := linked(t)
	doctor := h.as(agent.Practitioner, "TREAT")
	for _, item := range []string{"Observation/o2", "Observation/later", "Patient/p2", "List/hidden"} {
		h.put(itemsDoc("hidden", "Observation/o2"))
		effects, err := h.Apply(t.Context(), doctor, []Operation{{Method: "POST", Ref: fhir.Ref{Type: "List"}, Resource: h.parse(strings.Replace(itemsDoc("x", "Observation/o1", item), `"id":"x",`, "", 1))}})
		if err != nil {
			t.Fatal(err)
		}
		h.put(observationDoc("later", "p2"))
		h.see(effects[0].Version.Ref.String())
	}
	effects, err := h.Apply(t.Context(), doctor, []Operation{{Method: "POST", Ref: fhir.Ref{Type: "List"}, Resource: h.parse(strings.Replace(itemsDoc("x", "Observation/o1"), `"id":"x",`, "", 1))}})
	if err != nil {
		t.Fatal(err)
	}
	h.put(denialDoc("no1", "p1"))
	h.see("-" + effects[0].Version.Ref.String())
}
