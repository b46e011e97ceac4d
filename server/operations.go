package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/terminology"
)

// served describes one row of the table of operations. Where and how it is called, the
// routes say.
type served struct {
	id, name    string // of the definition, of the operation
	types       []string
	base        string // what R4 or an implementation guide defines
	title, says string
	affects     bool
	parameters  []parameter
}

const hl7Operation = "http://hl7.org/fhir/OperationDefinition/"

func in(name, typ string, least int, says string) parameter {
	return parameter{Name: name, Use: "in", Min: least, Max: "1", Type: typ, Documentation: says}
}

func out(typ, says string) parameter {
	return parameter{Name: "return", Use: "out", Min: 1, Max: "1", Type: typ, Documentation: says}
}

// operationTable describes the operations, those of terminology apart.
func operationTable() []served {
	everything := []parameter{
		{Name: "_type", Use: "in", Min: 0, Max: "*", Type: "code", Documentation: "Only resources of these types."},
		in("_since", "instant", 0, "Only resources that were changed at or after this time."),
		in("_count", "integer", 0, "Resources of the compartment on a page: 1,000 at most, and usually."),
		out("Bundle", "A page of a searchset, with a link to the next one."),
	}
	return []served{
		{"Patient-everything", "everything", []string{"Patient"}, hl7Operation + "Patient-everything", "Everything about a patient",
			"The resources in the compartment of a patient, and what they refer to: what a search of the compartment would show the caller of each type.", false, everything},
		{"Encounter-everything", "everything", []string{"Encounter"}, hl7Operation + "Encounter-everything", "Everything about an encounter",
			"The resources in the compartment of an encounter, and what they refer to: what a search of the compartment would show the caller of each type.", false, everything},
		{"Resource-meta", "meta", []string{"Resource"}, hl7Operation + "Resource-meta", "Profiles, tags and security labels",
			"The meta of a resource. It is decided like a read.", false, []parameter{out("Meta", "The meta of the current version.")}},
		{"Resource-meta-add", "meta-add", []string{"Resource"}, hl7Operation + "Resource-meta-add", "Add profiles, tags and security labels",
			"Adds to the meta of a resource. It is decided like an update and makes a new version, unless nothing changes.", true,
			[]parameter{in("meta", "Meta", 1, "What is to be added."), out("Meta", "The meta of the new version.")}},
		{"Resource-meta-delete", "meta-delete", []string{"Resource"}, hl7Operation + "Resource-meta-delete", "Take profiles, tags and security labels away",
			"Takes from the meta of a resource. It is decided like an update and makes a new version, unless nothing changes.", true,
			[]parameter{in("meta", "Meta", 1, "What is to be taken away: codings by system and code."), out("Meta", "The meta of the new version.")}},
		{"Resource-validate", "validate", []string{"Resource"}, hl7Operation + "Resource-validate", "Validate a resource",
			"Says what R4, and profiles, have against a resource that is sent or stored. Nothing is written.", false, []parameter{
				in("resource", "Resource", 0, "The resource; a stored one needs none."), in("mode", "code", 0, "What is to be done with it: create, update or delete, or profile."),
				in("profile", "uri", 0, "A profile that it must meet."), out("OperationOutcome", "What was found."),
			}},
		{"docref", "docref", []string{"DocumentReference"}, "http://hl7.org/fhir/us/core/OperationDefinition/docref", "Documents of a patient",
			"The current DocumentReferences of a patient that are stored here, as a search finds them. No documents are made on demand.", false, []parameter{
				in("patient", "id", 1, "The id of the patient."), in("start", "dateTime", 0, "Of what the documents describe: not before."), in("end", "dateTime", 0, "Of what the documents describe: not after."),
				in("type", "string", 0, "The kind of document, as system|code."), out("Bundle", "A page of a searchset, with a link to the next one."),
			}},
		{"Observation-lastn", "lastn", []string{"Observation"}, hl7Operation + "Observation-lastn", "The newest Observations of each code",
			"Of the Observations that a search shows the caller, the newest ones of each code. It takes the search parameters of Observation; patient or subject is needed.", false,
			[]parameter{in("max", "positiveInt", 0, "How many of each code, 100 at most; 1 if it is not given."), out("Bundle", "A searchset, code by code, the newest first.")}},
		{"explain-query", "explain-query", []string{"Resource"}, "", "How a search would be answered",
			"The conditions of a search in the order in which they drive it, by the names of their parameters, with rough numbers of resources: powers of ten, and never below 1,000. It is for administrators, and recorded like a search. It takes the parameters of the search.", false,
			[]parameter{out("Parameters", "For each type how its resources are found, and the steps.")}},
		{"index-progress", "index-progress", []string{"SearchParameter"}, "", "How far search parameters are",
			"Of each search parameter of this server's own: its state (building, ready, failed), and how many resources have its keys. For administrators.", false,
			[]parameter{out("Parameters", "One parameter with parts for each.")}},
		{"launch-context", "launch-context", nil, "", "What an EHR launch is about",
			"Keeps the context of a launch for five minutes, for one use, and answers with the opaque value that the EHR sends to the app.", true, []parameter{
				in("patient", "Reference", 0, "Whom it is about."), in("encounter", "Reference", 0, "During which encounter."), in("user", "Reference", 0, "For whom a system begins it; otherwise it is the caller's."),
				{Name: "fhirContext", Use: "in", Max: "20", Type: "Reference", Documentation: "Further resources."}, in("client", "string", 0, "The client_id of the only app that may use it."),
				in("intent", "string", 0, "What is to be done."), in("tenant", "string", 0, "For whom the app works."), in("needPatientBanner", "boolean", 0, "false: the EHR shows who the patient is."),
				{Name: "launch", Use: "out", Min: 1, Max: "1", Type: "string", Documentation: "The parameter launch of the app's launch URL."},
			}},
		{"access-report", "access-report", []string{"Patient"}, "", "Who saw a patient's data",
			"The AuditEvents that concern a patient, newest first, and a link to the broad questions. Search parameters of AuditEvent narrow it.", false,
			[]parameter{in("broad", "boolean", 0, "true: the broad questions, which may have covered the patient."), out("Bundle", "A page of a searchset of AuditEvents.")}},
		{"verify", "verify", []string{"Resource"}, "", "Compare a version with its record",
			"Compares the stored bytes of a version with the record of the change that wrote it. It shows no content.", false,
			[]parameter{out("Parameters", "Whether they agree, and what was compared.")}},
		{"proof", "proof", []string{auditEvent}, "", "The proof of a record",
			"A proof bundle that shows, without this server, that a record stands in its log and what it says. It is plain JSON, for aceso verify record.", false,
			[]parameter{{Name: "return", Use: "out", Min: 1, Max: "1", Documentation: "The proof bundle; it is no FHIR resource."}}},
	}
}

// operationsOffered are all operations of the routes, those of terminology included.
func operationsOffered() []served {
	all := slices.Concat(operationTable(), explainedOperations(), consentOperations())
	for _, r := range termsRoutes() {
		id := r.typ + "-" + strings.TrimPrefix(r.interaction, "$")
		if slices.ContainsFunc(all, func(o served) bool { return o.id == id }) {
			continue
		}
		o := served{id: id, name: strings.TrimPrefix(r.interaction, "$"), types: []string{r.typ}, base: hl7Operation + id, title: r.typ + " " + r.interaction,
			says: "R4 defines this operation; here it has the parameters listed. What it rests on is embedded, or stored and visible to the caller."}
		for _, name := range terminology.Parameters(r.typ + " " + o.name) {
			o.parameters = append(o.parameters, parameter{Name: name, Use: "in", Max: "1"})
		}
		all = append(all, o)
	}
	return all
}

// definitionOf is the definition of an operation of this server, by its id.
func definitionOf(id string) (*definition, bool) {
	all := operationsOffered()
	i := slices.IndexFunc(all, func(o served) bool { return o.id == id })
	if i < 0 {
		return nil, false
	}
	o := all[i]
	d := &definition{ID: o.id, URL: fhir.OperationURL(o.id), Name: o.name, Base: o.base, Title: o.title, Says: o.says, Affects: o.affects, Types: o.types, Parameters: o.parameters}
	for _, r := range routes() {
		if o.isAt(r) {
			one := strings.Contains(r.path, ":id")
			d.OnOne, d.OnType, d.OnSystem = d.OnOne || one, d.OnType || !one && !ofSystem(r), d.OnSystem || ofSystem(r)
		}
	}
	return d, true
}

// isAt says whether the route is one of the operation.
func (o *served) isAt(r route) bool {
	return r.interaction == "$"+o.name && (r.typ == "" || slices.Contains(o.types, r.typ))
}

const operationDefinition = "OperationDefinition"

// ownDefinition answers with the definition of an operation of this server, which is no
// stored resource: like the CapabilityStatement it is the same for everybody, and holds no
// data.
func ownDefinition(ref fhir.Ref) (*answer, bool, error) {
	if ref.Type != operationDefinition {
		return nil, false, nil
	}
	d, ok := definitionOf(ref.ID)
	if !ok {
		return nil, false, nil
	}
	body, err := d.bytes()
	return &answer{status: http.StatusOK, body: body}, true, err
}

// mayWrite refuses to write what is the server's own.
func mayWrite(ref fhir.Ref) error {
	if ref.Type != operationDefinition {
		return nil
	}
	if _, ok := definitionOf(ref.ID); ok {
		return &fhir.Error{Kind: fhir.NotAllowed, Detail: "This OperationDefinition describes an operation of this server, and cannot be written. Choose another id."}
	}
	return nil
}

// documentRoutes are the operations that show documents or parts of them.
func documentRoutes() (all []route) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		all = append(all,
			route{method, "/fhir/:type/:id/$everything", "Patient", "$everything", false, false, (*server).everything},
			route{method, "/fhir/:type/:id/$everything", "Encounter", "$everything", false, false, (*server).everything},
			route{method, "/fhir/:type/$lastn", "Observation", "$lastn", false, false, (*server).lastN},
			route{method, "/fhir/:type/$docref", "DocumentReference", "$docref", false, false, (*server).docref},
		)
	}
	return append(all,
		route{http.MethodGet, "/fhir/:type/:id/$meta", "", "$meta", false, false, (*server).meta},
		route{http.MethodPost, "/fhir/:type/:id/$meta-add", "", "$meta-add", false, false, (*server).changeMeta},
		route{http.MethodPost, "/fhir/:type/:id/$meta-delete", "", "$meta-delete", false, false, (*server).changeMeta},
	)
}
