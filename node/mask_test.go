package node

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// masksForPayment is a rule of a house: who acts for payment does not see these elements.
const masksForPayment = `
house_obligations contains word if {
	input.purpose == "HPAYMT"
	some word in ["mask Patient.birthDate", "mask Patient.address", "mask Patient.contact.name", "mask Observation.value[x]", "mask Encounter.subject", "mask *.note", "mask ValueSet.compose"]
}

house_obligations contains "mask Patient.identifier" if {
	input.purpose == "HPAYMT"
	input.type == "Patient"
}
`

// houseFolder is a folder with the built-in policies and a rule of a house.
func houseFolder(t *testing.T, rule string) string {
	t.Helper()
	dir := policyFolder(t)
	path := filepath.Join(dir, "decision.rego")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(old, rule...), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// maskedOnEitherStore runs a test on nodes with that rule.
func maskedOnEitherStore(t *testing.T, run func(*testing.T, *testNode)) {
	house := func(_ *Node, o *Options) { o.Policies = houseFolder(t, masksForPayment) }
	t.Run("SQLite", func(t *testing.T) { run(t, startNode(t, t.TempDir(), house)) })
	t.Run("MongoDB", func(t *testing.T) {
		c := newCluster(t, 0)
		run(t, c.start(t.TempDir(), "n1", house))
	})
}

// Every value that is to be hidden has a word in it that stands nowhere else.
const (
	hiddenPatient = `{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">SECRET</div>"},"active":true,
		"identifier":[{"system":"urn:SECRET","value":"SECRET-1"}],"name":[{"family":"Open"}],"birthDate":"1971-11-13","_birthDate":{"extension":[{"url":"urn:x","valueString":"SECRET"}]},
		"address":[{"city":"SECRETVILLE"}],"contact":[{"name":{"text":"SECRET"},"gender":"female"},{"name":{"text":"SECRET"}}]}`
	hiddenObservation = `{"resourceType":"Observation","id":"o","status":"final","code":{"text":"open"},"subject":{"reference":"Patient/p"},"performer":[{"reference":"#c"}],
		"contained":[{"resourceType":"Patient","id":"c","birthDate":"1971-11-13","gender":"male","identifier":[{"value":"SECRET-2"}]}],"valueString":"SECRET value","note":[{"text":"SECRET"}]}`
	hiddenEncounter = `{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"}}`
	hiddenBundle    = `{"resourceType":"Bundle","id":"b","type":"collection","entry":[{"resource":` + hiddenPatient + `}]}`
	hiddenSet       = `{"resourceType":"ValueSet","id":"v","status":"active","url":"http://x/v","compose":{"include":[{"system":"http://x/s","concept":[{"code":"SECRET"}]}]}}`
)

// someHidden stores documents with hidden elements.
func someHidden(n *testNode) {
	system := n.as("system", "HOPERAT")
	for _, doc := range []string{hiddenPatient, hiddenObservation, hiddenEncounter, hiddenBundle, hiddenSet} {
		name := strings.SplitN(doc, `"`, 9)
		system.Put("/"+name[3]+"/"+name[7], doc).Want(201)
	}
}

// wantMasked says whether an answer has a document, and nothing that is hidden.
func wantMasked(t *testing.T, what string, r response) {
	t.Helper()
	text := string(r.Body)
	for _, header := range r.Header {
		text += strings.Join(header, " ")
	}
	if r.Status >= 300 || !r.Has("SUBSETTED") {
		t.Errorf("%s: %d %s", what, r.Status, r.Body)
	}
	if strings.Contains(text, "SECRET") || strings.Contains(text, "1971-11-13") {
		t.Errorf("%s shows what is hidden: %s", what, text)
	}
}

// What the policy masks leaves in no answer, whichever way a document is asked for; who is
// under no mask sees it as it was.
func TestMaskedElementsLeaveInNoAnswer(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		billing, doctor := n.as("practitioner", "HPAYMT"), n.as("practitioner", "TREAT")
		for _, path := range []string{
			"/Patient/p", "/Patient/p/_history/1", "/Patient/p/_history", "/Patient/_history", "/_history", "/Patient", "/Patient?family=open", "/Patient?_id=p&_elements=birthDate,active", "/Patient?_summary=true",
			"/Patient/p?_summary=data", "/Patient/p?_elements=address", "/Observation/o", "/Observation?code:text=open&_include=Observation:subject", "/Patient?_revinclude=Observation:subject", "/Patient/p/Observation",
			"/Patient/p/$everything?_type=Patient,Observation,Person", "/?_type=Patient,Observation&_lastUpdated=gt2000", "/Observation/$lastn?patient=p", "/Bundle/b", "/Encounter/e", "/Patient?_format=xml", "/Patient/p?_format=xml", "/Patient/p?_pretty=true", "/Patient/p/$meta",
		} {
			wantMasked(t, path, billing.Get(path))
			if path != "/Patient/p/$meta" && !strings.Contains(path, "_summary") && !strings.Contains(path, "_elements") {
				if r := doctor.Get(path).Want(200); r.Has("SUBSETTED") || !r.Has("SECRET") && !r.Has("Patient/p") {
					t.Errorf("%s without a mask: %s", path, r.Body)
				}
			}
		}
		if r := doctor.Get("/Patient/p").Want(200); !r.Has("1.50") && !r.Has(`"birthDate":"1971-11-13","_birthDate":{"extension":[{"url":"urn:x","valueString":"SECRET"}]}`) {
			t.Errorf("bytes were changed: %s", r.Body)
		}
		if r := billing.Get("/Patient/p").Want(200); !r.Has(`"active":true`) || !r.Has(`"contact":[{"gender":"female"}]`) || !r.Has("Open") {
			t.Errorf("a mask hides too much: %s", r.Body)
		}
		for _, kind := range []string{"batch", "transaction"} {
			wantMasked(t, kind, billing.Post("/", `{"resourceType":"Bundle","type":"`+kind+`","entry":[{"request":{"method":"GET","url":"Patient/p"}},{"request":{"method":"GET","url":"Observation?_id=o"}}]}`))
		}
		narrow := n.as("practitioner", "HPAYMT", func(g *Grant) { g.Scope = "user/Observation.rs user/Bundle.rs" })
		for _, path := range []string{"/Observation/o", "/Observation?code:text=open", "/Bundle/b"} {
			wantMasked(t, path+" with a token that is for no Patient", narrow.Get(path))
		}
		_, r := later(t, billing, "GET", "/Patient?family=open&_revinclude=Observation:subject", "")
		wantMasked(t, "an answer that comes later", r)
	})
}

// What is written under a mask is shown like a read of it, and an existing match of a
// conditional create is.
func TestMaskedAnswersToWrites(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		billing := n.as("practitioner", "HPAYMT")
		fresh := strings.Replace(withoutID(hiddenObservation, "o"), "open", "new", 1)
		wantMasked(t, "create", billing.Do("POST", "/Observation", fresh, "Prefer", "return=representation"))
		r := billing.Do("POST", "/Observation", fresh, "If-None-Exist", "_id=o", "Prefer", "return=representation")
		if wantMasked(t, "conditional create", r); r.Status != 200 || !r.Has(`"id":"o"`) {
			t.Errorf("conditional create: %d %s", r.Status, r.Body)
		}
		wantMasked(t, "transaction", billing.Do("POST", "/", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:7f0c9a14-5d4e-4b57-9d4c-0d27a4f3a001","resource":`+fresh+`,"request":{"method":"POST","url":"Observation"}},{"request":{"method":"GET","url":"Observation/o"}}]}`, "Prefer", "return=representation"))
		if r := n.as("practitioner", "TREAT").Get("/Observation?code:text=new").Want(200); len(r.IDs()) != 2 || !r.Has("SECRET value") {
			t.Errorf("what was written is not whole: %s", r.Body)
		}
	})
}

// A condition, an order or an include that looks at something hidden is refused with a
// sentence that names it, in every alias.
func TestNothingIsFoundByMaskedElements(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		system, billing, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "HPAYMT"), n.as("practitioner", "TREAT")
		system.Post("/SearchParameter", `{"resourceType":"SearchParameter","url":"http://x/sp","name":"Ort","status":"active","description":"x","code":"ort","base":["Patient"],"type":"string","expression":"Patient.address.city"}`).Want(201)
		system.Post("/SearchParameter", `{"resourceType":"SearchParameter","url":"http://x/sp2","name":"Aktiv","status":"active","description":"x","code":"aktiv","base":["Patient"],"type":"string","expression":"Patient.name.family"}`).Want(201)
		until(t, "own search parameters", func() bool {
			return doctor.Get("/Patient?ort=SECRETVILLE&aktiv=open").Status == 200
		})
		for query, names := range map[string]string{
			"/Patient?birthdate=1971-11-13": "birthdate of Patient", "/Patient?birthdate:missing=true": "birthdate of Patient", "/Patient?identifier=SECRET-1": "identifier of Patient", "/Patient?address-city=x": "address-city of Patient",
			"/Patient?_sort=birthdate": "birthdate of Patient", "/Patient?_sort=-birthdate,_id": "birthdate of Patient", "/Patient?_summary=count&birthdate=gt1970": "birthdate of Patient", "/Patient?_total=accurate&address=x": "address of Patient",
			"/Observation?subject:Patient.birthdate=1971": "birthdate of Patient", "/Observation?subject.birthdate=1971": "birthdate of Patient", "/Patient?_has:Observation:subject:value-string=x": "value-string of Observation",
			"/Observation?patient.organization.name=x&subject:Patient.identifier=1": "identifier of Patient", "/Patient?_filter=birthdate eq 1971-11-13": "birthdate of Patient", "/Observation?_filter=subject.birthdate eq 1971-11-13": "birthdate of Patient",
			"/Patient?_text=SECRET": "_text of Patient", "/Patient?_content=SECRET": "_content of Patient", "/Observation?_content=SECRET": "_content of Observation", "/Patient?ort=SECRETVILLE": "ort of Patient", "/Patient?_sort=ort": "ort of Patient",
			"/Encounter?subject=Patient/p": "subject of Encounter", "/Encounter?patient=p": "patient of Encounter", "/Encounter?subject:Patient.family=open": "subject of Encounter", "/Patient?_has:Encounter:subject:status=finished": "subject of Encounter",
			"/Encounter?_include=Encounter:subject": "subject of Encounter", "/Encounter?_include=*": "of Encounter", "/Encounter?_include=Encounter:*": "of Encounter", "/Patient?_revinclude=Encounter:subject": "subject of Encounter", "/Patient?_revinclude=*": "of Encounter",
			"/Patient?_include:iterate=*": "of Encounter", "/Patient/p/Encounter": "of Encounter", "/?_type=Patient,Person&birthdate=1971": "birthdate of Patient", "/Observation?value-string=x": "value-string of Observation",
			"/Observation?code-value-concept=a$b": "code-value-concept of Observation", "/Observation?combo-value-concept=b": "combo-value-concept of Observation",
		} {
			query = strings.ReplaceAll(query, " ", "%20")
			r := billing.Get(query).Want(403)
			if !r.Has("The search parameter") || !r.Has(names) || r.Has("SECRETVILLE") {
				t.Errorf("%s: %s, want %s", query, r.Body, names)
			}
			doctor.Get(query).Want(200)
		}
		form := billing.Do("POST", "/Patient/_search", "birthdate=1971-11-13", "Content-Type", "application/x-www-form-urlencoded").Want(403)
		if !strings.Contains(fmt.Sprint(n.auditEvent(form)), "element-masked") || !strings.Contains(fmt.Sprint(n.auditEvent(form)), "Patient/p") {
			t.Errorf("the record of a refusal: %v", n.auditEvent(form))
		}
		for _, query := range []string{"/Patient?family=open", "/Patient?_id=p&_lastUpdated=gt2000", "/Patient?gender:missing=true&aktiv=open&_sort=family", "/Observation?subject=Patient/p&_include=Observation:subject", "/Encounter?status=finished", "/Patient?_tag=x"} {
			billing.Get(query).Want(200)
		}
		entry := func(kind, request string) response {
			return billing.Post("/", `{"resourceType":"Bundle","type":"`+kind+`","entry":[`+request+`]}`)
		}
		for _, request := range []string{
			`{"request":{"method":"GET","url":"Patient?birthdate=1971-11-13"}}`,
			`{"resource":{"resourceType":"Basic","code":{"text":"x"},"subject":{"reference":"Patient?birthdate=1971-11-13"}},"request":{"method":"POST","url":"Basic"}}`,
			`{"resource":{"resourceType":"Basic","code":{"text":"x"}},"request":{"method":"POST","url":"Basic"}},{"request":{"method":"GET","url":"Patient?birthdate=1971-11-13"}}`,
			`{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=SECRET-1"}}`,
			`{"request":{"method":"DELETE","url":"Patient?birthdate=1971-11-13"}}`,
		} {
			if r := entry("transaction", request).Want(403); !r.Has("of Patient looks at elements") {
				t.Errorf("%s: %s", request, r.Body)
			}
		}
		if r := entry("batch", `{"request":{"method":"GET","url":"Patient?birthdate=1971-11-13"}}`).Want(200); !r.Has(`"status":"403`) {
			t.Errorf("a batch: %s", r.Body)
		}
		billing.Do("POST", "/Patient", `{"resourceType":"Patient"}`, "If-None-Exist", "identifier=SECRET-1").Want(403)
		billing.Do("DELETE", "/Patient?identifier=SECRET-1", "").Want(403)
		if r := billing.Get("/Patient/p/$everything").Want(403); !r.Has("patient of Encounter") {
			t.Errorf("whose an Encounter is: %s", r.Body)
		}
		for _, path := range []string{"/ValueSet/v/$expand", "/ValueSet/$expand?url=http://x/v", "/Patient?gender:in=http://x/v"} {
			if r := billing.Get(path).Want(403); !r.Has("masks elements of ValueSet") {
				t.Errorf("%s: %s", path, r.Body)
			}
			doctor.Get(path).Want(200)
		}
	})
}

// An update would delete what its writer does not see, and a patch could guess it.
func TestNobodyChangesWhatIsMasked(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		billing, doctor := n.as("practitioner", "HPAYMT"), n.as("practitioner", "TREAT")
		patch := `[{"op":"test","path":"/birthDate","value":"1971-11-13"}]`
		for _, r := range []response{
			billing.Put("/Patient/p", `{"resourceType":"Patient","id":"p","active":true}`), billing.Put("/Patient/p", hiddenPatient), billing.Put("/Patient/none", `{"resourceType":"Patient","id":"none"}`),
			billing.Do("PUT", "/Patient?family=open", `{"resourceType":"Patient"}`), billing.Do("PATCH", "/Patient/p", patch, "Content-Type", "application/json-patch+json"),
			billing.Do("PATCH", "/Patient?family=open", patch, "Content-Type", "application/json-patch+json"), billing.Do("PATCH", "/Patient/none", patch, "Content-Type", "application/json-patch+json"),
			billing.Post("/", `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":`+hiddenPatient+`,"request":{"method":"PUT","url":"Patient/p"}}]}`),
			billing.Post("/Patient/p/$meta-add", `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"x"}]}}]}`),
			billing.Do("PATCH", "/Bundle/b", `[{"op":"test","path":"/entry/0/resource/birthDate","value":"1971-11-13"}]`, "Content-Type", "application/json-patch+json"),
			billing.Put("/Bundle/b", hiddenBundle),
		} {
			if r.Want(403); !r.Has("cannot update or patch it") {
				t.Errorf("%s", r.Body)
			}
		}
		if !strings.Contains(fmt.Sprint(n.auditEvent(billing.Put("/Patient/p", hiddenPatient))), "element-masked") {
			t.Error("the record does not say why an update was refused")
		}
		billing.Get("/Patient/p/$validate").Want(403)
		billing.Post("/Patient/$validate", hiddenPatient).Want(200)
		if r := billing.Get("/Patient/p/_history/1/$verify").Want(200); r.Has(`"hash"`) || !r.Has(`"ok"`) {
			t.Errorf("what is masked could be guessed by its hash: %s", r.Body)
		}
		if r := doctor.Get("/Patient/p/_history/1/$verify").Want(200); !r.Has(`"hash"`) {
			t.Errorf("no hash: %s", r.Body)
		}
		if r := doctor.Get("/Patient/p").Want(200); r.Header.Get("ETag") != `W/"1"` {
			t.Errorf("something was changed: %s", r.Header.Get("ETag"))
		}
		billing.Do("DELETE", "/Patient/none", "").Want(204)
	})
}

// The version, its ETag and conditional reads are those of what is stored, and the record of
// a read says that it was masked.
func TestMaskedReadsAreRecordedAsSuch(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		billing, doctor := n.as("practitioner", "HPAYMT"), n.as("practitioner", "TREAT")
		r := billing.Get("/Patient/p").Want(200)
		if r.Header.Get("ETag") != `W/"1"` || r.Header.Get("ETag") != doctor.Get("/Patient/p").Header.Get("ETag") {
			t.Errorf("ETag %s", r.Header.Get("ETag"))
		}
		billing.Do("GET", "/Patient/p", "", "If-None-Match", `W/"1"`).Want(304)
		query := func(r response) string {
			_, after, _ := strings.Cut(fmt.Sprint(n.auditEvent(r)), "query:")
			word, _, _ := strings.Cut(after, " ")
			text, _ := base64.StdEncoding.DecodeString(strings.Trim(word, "]}"))
			return string(text)
		}
		for path, want := range map[string]string{"/Patient/p": "_mask=Patient", "/Patient?family=open&_revinclude=Observation:subject": "_revinclude=Observation:subject&_mask=Observation,Patient"} {
			if got := query(billing.Get(path)); !strings.HasSuffix(got, want) {
				t.Errorf("%s: the record says %q", path, got)
			}
			if got := query(doctor.Get(path)); strings.Contains(got, "_mask") {
				t.Errorf("%s: the record of an unmasked read says %q", path, got)
			}
		}
	})
}

// A scope with search parameters that look at something hidden would tell of it.
func TestScopesDoNotRestOnMaskedElements(t *testing.T) {
	maskedOnEitherStore(t, func(t *testing.T, n *testNode) {
		someHidden(n)
		scoped := func(purpose, scope string) user {
			return n.as("practitioner", purpose, func(g *Grant) { g.Scope = scope })
		}
		const born = "user/Patient.rs?birthdate=1971-11-13"
		for _, path := range []string{"/Patient/p", "/Patient", "/Patient/p/_history"} {
			if r := scoped("HPAYMT", born).Get(path).Want(403); !r.Has("rests on elements") || !r.Has("birthdate of Patient") {
				t.Errorf("%s: %s", path, r.Body)
			}
			scoped("TREAT", born).Get(path).Want(200)
			wantMasked(t, path, scoped("HPAYMT", "user/Patient.rs?active=true").Get(path))
		}
	})
}

// Who asks what somebody could read is told what would be left out, in both languages.
func TestExplanationsNameMasks(t *testing.T) {
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) { o.Policies = houseFolder(t, masksForPayment) })
	someHidden(n)
	officer := n.as("privacy-officer", "HOPERAT")
	for header, says := range map[string]string{"en": "These elements would be left out: *.note, Patient.address, Patient.birthDate", "de": "Diese Elemente würden fehlen: *.note, Patient.address"} {
		said := sentencesOf(officer.Do("GET", "/Patient/p/$explain-access?agent=Practitioner/1&purpose=HPAYMT", "", "Accept-Language", header).Want(200))
		if !strings.Contains(said, says) || strings.Contains(said, "Observation.value") {
			t.Errorf("%s: %s", header, said)
		}
	}
	if said := sentencesOf(officer.Get("/Patient/p/$explain-access?agent=Practitioner/1&purpose=TREAT")); strings.Contains(said, "left out") {
		t.Errorf("no mask: %s", said)
	}
}

// A rule about reads masks whatever shows a document, and one about searches what searches.
func TestMasksOfOneInteraction(t *testing.T) {
	with := func(condition string) (billing user, n *testNode) {
		n = startNode(t, t.TempDir(), func(_ *Node, o *Options) {
			o.Policies = houseFolder(t, "\nhouse_obligations contains word if {\n\tinput.agent.role == \"practitioner\"\n\t"+condition+"\n\tsome word in [\"mask Patient.birthDate\", \"mask Patient.identifier\", \"mask Patient.address\", \"mask Patient.contact\"]\n}\n")
		})
		someHidden(n)
		return n.as("practitioner", "TREAT"), n
	}
	reader, _ := with(`input.interaction == "read"`)
	for _, path := range []string{"/Patient/p", "/Patient", "/Patient/_history", "/Patient?family=open", "/Bundle/b"} {
		wantMasked(t, path, reader.Get(path))
	}
	wantMasked(t, "create", reader.Do("POST", "/Patient", withoutID(hiddenPatient, "p"), "Prefer", "return=representation"))
	reader.Get("/Patient?birthdate=1971-11-13").Want(403)
	reader.Put("/Patient/p", hiddenPatient).Want(403)
	reader.Get("/Patient/p/$validate").Want(403)

	searcher, _ := with(`input.interaction == "search-type"`)
	for _, path := range []string{"/Patient?birthdate=1971-11-13", "/Observation?subject:Patient.birthdate=1900", "/Patient?_sort=birthdate"} {
		searcher.Get(path).Want(403)
	}
	wantMasked(t, "a search", searcher.Get("/Patient"))
	if r := searcher.Get("/Patient/p").Want(200); r.Has("SUBSETTED") {
		t.Errorf("a read is masked by a rule about searches: %s", r.Body)
	}
}

// Neither the plan of a search, nor the search of records, nor $lastn, nor what the policy
// itself requires of rows tells of something hidden; $everything does not follow it.
func TestPlansAndRecordsRestOnNothingHidden(t *testing.T) {
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) {
		o.Policies = houseFolder(t, `
house_obligations contains word if {
	input.agent.role in {"administrator", "privacy-officer", "patient"}
	some word in ["mask Patient.birthDate", "mask AuditEvent.agent", "mask Observation.code", "mask Encounter.class"]
}

house_obligations contains "mask Observation.performer" if input.purpose == "HPAYMT"

house_rows := {"search": "class=AMB"} if {
	input.type == "Encounter"
	input.action != "c"
	input.agent.role == "patient"
}
`)
	})
	someHidden(n)
	system, admin, officer := n.as("system", "HOPERAT"), n.as("administrator", "HOPERAT"), n.as("privacy-officer", "HOPERAT")
	admin.Get("/Patient/$explain-query?birthdate=1971-11-13").Want(403)
	admin.Get("/Patient/$explain-query?family=open").Want(200)
	officer.Get("/AuditEvent?agent-name=x").Want(403)
	if r := officer.Get("/AuditEvent?_count=20").Want(200); !r.Has("SUBSETTED") || r.Has("Practitioner/system") {
		t.Errorf("records are shown unmasked: %s", r.Body)
	}
	patient := n.as("patient", "PATRQT", func(g *Grant) { g.Patient, g.Subject = "p", "Patient/p" })
	if r := patient.Get("/Encounter/e").Want(403); !r.Has("rests on elements") {
		t.Errorf("a constraint: %s", r.Body)
	}
	if r := patient.Get("/Observation/$lastn?patient=p").Want(403); !r.Has("code of Observation") {
		t.Errorf("$lastn: %s", r.Body)
	}
	system.Put("/Practitioner/q", `{"resourceType":"Practitioner","id":"q","active":true}`).Want(201)
	system.Put("/Observation/o2", `{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"},"performer":[{"reference":"Practitioner/q"}],"encounter":{"reference":"Encounter/e"}}`).Want(201)
	if r := n.as("practitioner", "HPAYMT").Get("/Encounter/e/$everything").Want(200); r.Has(`"Practitioner"`) || !r.Has("o2") {
		t.Errorf("$everything follows what is hidden: %s", r.Body)
	}
	if r := n.as("practitioner", "TREAT").Get("/Encounter/e/$everything").Want(200); !r.Has(`"Practitioner"`) {
		t.Errorf("$everything: %s", r.Body)
	}
}

// Who does not see all of a record is told nothing that was worked out from it.
func TestMaskedRecordsAreNotExplained(t *testing.T) {
	n := startNode(t, t.TempDir(), func(_ *Node, o *Options) {
		o.Policies = houseFolder(t, "\nhouse_obligations contains \"mask AuditEvent.agent\" if input.agent.role == \"privacy-officer\"\n")
	})
	id := n.as("practitioner", "TREAT").Get("/Patient/nobody").Event()
	r := admin(n.as("privacy-officer", "HOPERAT"), "GET", "/decisions/"+id, "")
	if r.Status != 403 || !r.Has("it is not explained") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
