package node

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// For every role and every type: what changes something is done in full or refused, and then
// not done at all. What the system reads afterwards is compared with a model of it.
func TestMetadataChangesOfEveryRole(t *testing.T) {
	n := startNode(t, t.TempDir())
	system, types := n.as("system", "HOPERAT"), n.statement().Rest[0].Resource
	twoPatients(n)
	documents, done := exampleDocuments(t), map[int]int{}
	putExamples(t, system)
	for role, caller := range everyRole(n) {
		for kind, count := range parallel(len(types), func(i int) int {
			c := changer{claimant{t: t, by: caller, c: types[i], document: documents[types[i].Type]}, system, role, nil, 0}
			if c.document == "" || c.c.Type == "Consent" || peek(system, c.at()).Status != http.StatusOK {
				return 0
			}
			c.all()
			return c.done
		}) {
			done[kind] += count
		}
	}
	if done[6] < 100 || done[0] == 0 {
		t.Errorf("how many changes were made, and how often: %v", done)
	}
}

// changer changes one resource as a role, and knows what it should be then.
type changer struct {
	claimant
	system user
	role   string
	model  map[string]any
	done   int
}

func (c *changer) at() string { return "/" + c.c.Type + "/example?_format=json" }

// plain is a resource without what the server gives it.
func plain(a response) map[string]any {
	doc := a.JSON()
	meta, _ := doc["meta"].(map[string]any)
	delete(meta, "versionId")
	delete(meta, "lastUpdated")
	if len(meta) == 0 {
		delete(doc, "meta")
	}
	return doc
}

func (c *changer) all() {
	at, tag := "/"+c.c.Type+"/example", map[string]any{"system": "urn:t", "code": c.role}
	parameters := func() string {
		text, _ := json.Marshal(map[string]any{"resourceType": "Parameters", "parameter": []any{map[string]any{"name": "meta", "valueMeta": map[string]any{"tag": []any{tag}}}}})
		return string(text)
	}
	c.model = plain(peek(c.system, c.at()))
	before := maps.Clone(c.model)
	meta := map[string]any{}
	if old, ok := c.model["meta"].(map[string]any); ok {
		meta = maps.Clone(old)
	}
	tags, _ := meta["tag"].([]any)
	meta["tag"] = append(slices.Clone(tags), tag)
	c.change("POST", at+"/$meta-add", parameters(), "meta", meta)
	c.change("PATCH", at, `[{"op":"add","path":"/language","value":"sv"}]`, "language", "sv")
	c.model["language"] = "de"
	sent, _ := json.Marshal(c.model)
	c.model = plain(peek(c.system, c.at()))
	c.change("PUT", at, string(sent), "language", "de")
	c.change("POST", at+"/$meta-delete", parameters(), "meta", before["meta"])
	c.create()
	c.remove(at)
}

// change sends one and compares what is stored then: with a member as it should be, or as
// it was. What makes no difference may be answered.
func (c *changer) change(method, path, body, member string, value any) {
	var header []string
	if method == "PATCH" {
		header = []string{"Content-Type", "application/json-patch+json"}
	}
	a, err := c.by.Try(method, path, body, header...)
	if err != nil {
		c.t.Error(err)
		return
	}
	if a.Status == http.StatusOK {
		c.done++
		c.model[member] = value
		if value == nil {
			delete(c.model, member)
		}
	} else if a.Status != http.StatusForbidden && a.Status != http.StatusNotFound {
		c.t.Errorf("%s: %s %s: %d %.300s", c.role, method, path, a.Status, a.Body)
	}
	if got := plain(peek(c.system, c.at())); !reflect.DeepEqual(got, c.model) {
		c.t.Errorf("%s: after %s %s (%d) there is\n%v, want\n%v", c.role, method, path, a.Status, got, c.model)
		c.model = got
	}
}

// create makes another one, which is all that comes.
func (c *changer) create() {
	count := func() float64 {
		n, _ := peek(c.system, "/"+c.c.Type+"?_summary=count").JSON()["total"].(float64)
		return n
	}
	had := count()
	a, err := c.by.Try("POST", "/"+c.c.Type, c.body(""))
	if err != nil {
		c.t.Error(err)
		return
	}
	if a.Status != http.StatusCreated {
		if a.Status != http.StatusForbidden || count() != had {
			c.t.Errorf("%s: a create of %s: %d, %v then %v", c.role, c.c.Type, a.Status, had, count())
		}
		return
	}
	c.done++
	_, id, _ := strings.Cut(a.Header.Get("Location"), c.c.Type+"/")
	id, _, _ = strings.Cut(id, "/")
	got, want := plain(peek(c.system, "/"+c.c.Type+"/"+id+"?_format=json")), map[string]any{}
	_ = json.Unmarshal([]byte(c.body(id)), &want)
	delete(want, "meta")
	delete(got, "meta")
	if !reflect.DeepEqual(got, want) || count() != had+1 {
		c.t.Errorf("%s: created %v (%v after %v), want %v", c.role, got, count(), had, want)
	}
}

// remove deletes what the role may see, and nothing else; it is put back.
func (c *changer) remove(at string) {
	seen := peek(c.by, c.at()).Status == http.StatusOK
	a, err := c.by.Try("DELETE", at, "")
	if err != nil {
		c.t.Error(err)
		return
	}
	gone := peek(c.system, c.at()).Status == http.StatusGone
	if gone != (seen && a.Status == http.StatusNoContent) || a.Status != http.StatusNoContent && a.Status != http.StatusForbidden {
		c.t.Errorf("%s: DELETE %s: %d, gone %v, seen %v", c.role, at, a.Status, gone, seen)
	}
	if gone {
		c.done++
		if back, err := c.system.Try("PUT", at, c.body("example")); err != nil || back.Status >= 300 {
			c.t.Errorf("%s is not put back: %v %v", at, back, err)
		}
	}
}
