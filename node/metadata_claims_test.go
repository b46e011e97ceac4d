package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/fhirtest"
)

// exampleDocuments are the shortest examples of R4 by type, where they are at hand.
func exampleDocuments(t *testing.T) map[string]string {
	documents := map[string]string{}
	t.Run("examples", func(t *testing.T) { // skips alone
		for _, file := range fhirtest.Corpus(t, "r4-examples") {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := fhir.Parse(body)
			if err != nil {
				continue
			}
			if old := documents[r.Type()]; old == "" || len(body) < len(old) {
				documents[r.Type()] = string(body)
			}
		}
	})
	return documents
}

// claimant tries what the statement says of one type.
type claimant struct {
	t        *testing.T
	by       user
	c        capability
	document string
	id       string // of what was created; "" if this server does not take the document
}

// send makes a request about the type; path begins behind its name.
func (c *claimant) send(method, path string, id string, header ...string) response {
	body := ""
	switch method {
	case http.MethodPost, http.MethodPut:
		body = c.body(id)
	case http.MethodPatch:
		body = fmt.Sprintf(`[{"op":"test","path":"/resourceType","value":%q}]`, c.c.Type)
	}
	a, err := c.by.Try(method, "/"+c.c.Type+path, body, header...)
	if err != nil {
		c.t.Errorf("%s %s%s: %v", method, c.c.Type, path, err)
	}
	return a
}

// body is the document with an id, or without.
func (c *claimant) body(id string) string {
	var doc map[string]any
	if err := json.Unmarshal([]byte(c.document), &doc); err != nil {
		c.t.Fatal(err)
	}
	delete(doc, "id")
	if id != "" {
		doc["id"] = id
	}
	text, _ := json.Marshal(doc)
	return string(text)
}

// holds says that a claim must be answered with a status; of documents that are not at
// hand at least not as unsupported.
func (c *claimant) holds(claim string, a response, status ...int) {
	unsupported := a.Status == http.StatusMethodNotAllowed || a.Has("not-supported")
	if c.id != "" && !slices.Contains(status, a.Status) || unsupported {
		c.t.Errorf("%s of %s is claimed: %d, want %v\n%.300s", claim, c.c.Type, a.Status, status, a.Body)
	}
}

// interactions tries every interaction that is listed, in an order that leaves something
// for each.
func (c *claimant) interactions() {
	at := "/" + c.id
	if c.id == "" {
		at = "/absent"
	}
	tries := map[string]func(){
		"read":             func() { c.holds("read", c.send("GET", at, ""), 200) },
		"vread":            func() { c.holds("vread", c.send("GET", at+"/_history/1", ""), 200) },
		"history-instance": func() { c.holds("history-instance", c.send("GET", at+"/_history", ""), 200) },
		"history-type":     func() { c.holds("history-type", c.send("GET", "/_history", ""), 200) },
		"search-type":      func() { c.holds("search-type", c.send("GET", "?_id=a", ""), 200) },
		"create":           func() { c.holds("create", c.send("POST", "", ""), 201) },
		"update":           func() { c.holds("update", c.send("PUT", at, strings.TrimPrefix(at, "/")), 200) },
		"patch": func() {
			c.holds("patch", c.send("PATCH", at, "", "Content-Type", "application/json-patch+json"), 200)
			c.holds("conditional patch", c.send("PATCH", "?_id="+at[1:], "", "Content-Type", "application/json-patch+json"), 200)
		},
		"delete": func() { c.holds("delete", c.send("DELETE", at, ""), 204) },
	}
	for _, code := range slices.Sorted(slices.Values(c.codes())) {
		if tries[code] == nil {
			c.t.Errorf("%s of %s is listed and not tried", code, c.c.Type)
		} else if code != "delete" {
			tries[code]()
		}
	}
	c.conditions(at)
	for _, o := range c.c.Operation {
		c.operation(o.Name, at)
	}
	if slices.Contains(c.codes(), "delete") {
		tries["delete"]()
	}
}

// operation tries an operation that is listed. What those of terminology answer is tested
// where they are; $access-report and $proof by TestMetadataInteractions, $index-progress and $explain-query are for administrators.
func (c *claimant) operation(name, at string) {
	switch name {
	case "verify":
		c.holds("$verify", c.send("GET", at+"/_history/1/$verify", ""), 200)
	case "validate":
		c.holds("$validate", c.send("GET", at+"/$validate", ""), 200)
	case "meta":
		a := c.send("GET", at+"/$meta", "")
		if c.holds("$meta", a, 200); c.id != "" && !a.Has(`"lastUpdated"`) {
			c.t.Errorf("$meta of %s: %s", c.c.Type, a.Body)
		}
	case "meta-add", "meta-delete":
		a, err := c.by.Try("POST", "/"+c.c.Type+at+"/$"+name, `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"urn:t","code":"claimed"}]}}]}`)
		if err != nil {
			c.t.Error(err)
		}
		if c.holds("$"+name, a, 200); c.id != "" && a.Has(`"claimed"`) != (name == "meta-add") {
			c.t.Errorf("$%s of %s: %s", name, c.c.Type, a.Body)
		}
	case "everything":
		c.holds("$everything", c.send("GET", at+"/$everything", ""), 200)
	case "lastn":
		c.holds("$lastn", c.send("GET", "/$lastn?patient=a", ""), 200)
	case "docref":
		c.holds("$docref", c.send("GET", "/$docref?patient=a", ""), 200)
	case "expand", "validate-code", "lookup", "subsumes", "translate", "access-report", "proof", "index-progress", "explain-query", "explain-access", "sentences", "problems", "simulate", "fileConsent", "revokeConsent", "recordDisclosure":
	default:
		c.t.Errorf("$%s of %s is listed and not tried", name, c.c.Type)
	}
}

func (c *claimant) codes() (all []string) {
	for _, i := range c.c.Interaction {
		all = append(all, i.Code)
	}
	return all
}

// conditions tries what is claimed of versions and conditions.
func (c *claimant) conditions(at string) {
	own := "_id=" + at[1:]
	if c.c.Versioning == "versioned" {
		c.holds("versioning", c.send("GET", at, ""), 200)
		if tag := c.send("GET", at, "").Header.Get("ETag"); c.id != "" && !strings.HasPrefix(tag, `W/"`) {
			c.t.Errorf("versioning of %s is claimed: ETag %q", c.c.Type, tag)
		}
	}
	if c.c.ConditionalRead == "full-support" && c.id != "" {
		now := c.send("GET", at, "").Header
		c.holds("conditionalRead", c.send("GET", at, "", "If-None-Match", now.Get("ETag")), 304)
		c.holds("conditionalRead", c.send("GET", at, "", "If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"), 304)
	}
	if c.c.ConditionalCreate {
		c.holds("conditionalCreate", c.send("POST", "", "", "If-None-Exist", own), 200)
	}
	if c.c.ConditionalUpdate {
		c.holds("conditionalUpdate", c.send("PUT", "?"+own, ""), 200)
	}
	if c.c.UpdateCreate {
		c.holds("updateCreate", c.send("PUT", "/chosen", "chosen"), 201)
	}
	if c.c.ConditionalDelete == "multiple" {
		if c.c.UpdateCreate {
			c.holds("updateCreate", c.send("PUT", "/chosen-too", "chosen-too"), 201)
		}
		c.holds("conditionalDelete", c.send("DELETE", "?_id=chosen,chosen-too", ""), 204)
		if c.id != "" {
			c.holds("conditionalDelete", c.send("GET", "/chosen", ""), 410)
			c.holds("conditionalDelete", c.send("GET", "/chosen-too", ""), 410)
		}
	}
}

// Everything that the CapabilityStatement claims of a type holds, for every type: the
// interactions, versions, conditions and operations.
func TestMetadataClaimsOfEveryType(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, types, documents := n.as("system", "HOPERAT"), n.statement().Rest[0].Resource, exampleDocuments(t)
	var created atomic.Int64
	parallel(len(types), func(i int) int {
		c := claimant{t: t, by: system, c: types[i], document: documents[types[i].Type]}
		if c.c.Type == "AuditEvent" {
			return 0
		}
		if c.document == "" {
			c.document = fmt.Sprintf(`{"resourceType":%q}`, c.c.Type)
		}
		if a := c.send("POST", "", ""); a.Status == http.StatusCreated {
			c.id, _ = a.JSON()["id"].(string)
			created.Add(1)
		}
		c.interactions()
		return 1
	})
	if least := int64(len(documents) * 9 / 10); created.Load() < least {
		t.Errorf("only %d of %d examples are taken", created.Load(), len(documents))
	}
}

// What is not claimed is refused: AuditEvents have no versions and are not written, and
// no Subscription is taken, alone or in a Bundle, as long as none would fire. One that is
// stored can be deleted.
func TestMetadataClaimsNoMore(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	for _, c := range n.statement().Rest[0].Resource {
		writable := c.UpdateCreate || c.ConditionalCreate || c.ConditionalUpdate || slices.ContainsFunc(c.Interaction, func(i struct{ Code string }) bool { return i.Code == "create" || i.Code == "update" })
		if odd := c.Type == "AuditEvent" || c.Type == "Subscription"; writable == odd {
			t.Errorf("%s: writable %v", c.Type, writable)
		}
		if c.Type == "AuditEvent" && (c.ReadHistory || c.Versioning != "no-version" || c.ConditionalRead != "" || c.ConditionalDelete != "") {
			t.Errorf("AuditEvent: %+v", c)
		}
		if c.Type == "Patient" && (!slices.Contains(c.SearchRevInclude, "Observation:subject") || !slices.Contains(c.SearchRevInclude, "Provenance:target") || slices.Contains(c.SearchRevInclude, "AuditEvent:patient")) {
			t.Errorf("Patient: _revinclude %v", c.SearchRevInclude)
		}
	}
	subscription := `{"resourceType":"Subscription","id":"s","status":"requested","reason":"x","criteria":"Observation?","channel":{"type":"rest-hook","endpoint":"https://a.example"}}`
	for _, a := range []response{
		system.Post("/Subscription", withoutID(subscription, "s")), system.Put("/Subscription/s", subscription),
		system.Post("/", bundleJSON("transaction", entryJSON("POST", "Subscription", withoutID(subscription, "s"), ""))),
	} {
		if a.Status != http.StatusUnprocessableEntity || !a.Has("sends no notifications yet") {
			t.Errorf("%s: %d %s", a.What, a.Status, a.Body)
		}
	}
	if a := system.Post("/", bundleJSON("batch", entryJSON("PUT", "Subscription/s", subscription, ""))); !a.Has("422") {
		t.Errorf("%s", a.Body)
	}
	wantIDs(t, system.Get("/Subscription"), -1)
	system.Do("DELETE", "/Subscription/s", "").Want(http.StatusNoContent)
}

// The statement says how to authenticate, and terminology is not what it is asked for in vain.
func TestMetadataModes(t *testing.T) {
	n := startNode(t, t.TempDir())
	system := n.as("system", "HOPERAT")
	service := n.statement().Rest[0].Security.Service
	if len(service) != 1 || service[0].Coding[0].Code != "SMART-on-FHIR" || service[0].Coding[0].System != "http://terminology.hl7.org/CodeSystem/restful-security-service" {
		t.Errorf("security %+v", service)
	}
	for mode, status := range map[string]int{"full": 200, "normative": 200, "terminology": 200, "other": 400} {
		if a := system.Get("/metadata?mode=" + mode); a.Status != status || status == 400 && !a.Has(`"mode"`) {
			t.Errorf("%s: %d %s", mode, a.Status, a.Body)
		}
	}
}
