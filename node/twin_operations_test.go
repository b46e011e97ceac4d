package node

import (
	"slices"
	"strings"

	"github.com/aceso-health/aceso/server"
)

// twinOperations makes requests to the rows of the route table that need no generator of
// their own: operations on what is there, and patches.
func twinOperations(have []twinRoute) (all []twinRoute) {
	for _, name := range server.Routes() {
		if !slices.ContainsFunc(have, func(r twinRoute) bool { return r.name == name }) {
			weight := 2
			if strings.Contains(name, "$lastn") || strings.Contains(name, "$everything") {
				weight = 5
			}
			all = append(all, twinRoute{name, weight, func(a *twinAsker) twinAsk { return a.operation(name) }})
		}
	}
	return all
}

// operation asks a row of the route table by its name: method, path, and type if it has one.
func (a *twinAsker) operation(name string) twinAsk {
	parts := strings.Fields(name + " " + a.typ())
	typ := parts[2]
	ref, _ := a.any(typ)
	q := twinAsk{method: parts[0], path: strings.NewReplacer(":type", typ, ":id", ref.ID).Replace(parts[1])}
	switch {
	case q.method == "PATCH":
		q.header, q.body = []string{"Content-Type", "application/json-patch+json"}, `[{"op":"add","path":"/language","value":"fr"}]`
		if !strings.Contains(parts[1], ":id") {
			q.path += "?_id=" + ref.ID
		}
	case strings.HasSuffix(q.path, "/_search"):
		q.header, q.body = []string{"Content-Type", "application/x-www-form-urlencoded"}, "_type=Observation,Patient&_total=accurate"
	case strings.HasSuffix(q.path, "$validate") && q.method == "POST":
		q.body = `{"resourceType":"` + typ + `","language":"de"}`
	case strings.Contains(q.path, "$meta-"):
		q.body = `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"system":"urn:x","code":"seen"}]}}]}`
	case q.method == "POST":
		q.body = `{"resourceType":"Parameters","parameter":[{"name":"url","valueUri":"` + a.word("uri") + `"},{"name":"code","valueCode":"8302-2"},{"name":"system","valueUri":"http://loinc.org"}]}`
	case strings.HasSuffix(q.path, "$lastn"):
		q.path += a.pick([]string{"?", "?max=2&", "?code=8302-2&max=3&"}) + "patient=Patient/" + a.pick([]string{"r0", "r1", "r2", "r5"})
	case strings.HasSuffix(q.path, "$explain-query"):
		drawn := a.query(func(t string) bool { return t == typ })
		q.path, q.params = q.path+"?"+drawn.text(), drawn.drawn
	case strings.HasSuffix(q.path, "$docref"):
		q.path += "?patient=Patient/" + a.pick([]string{"r0", "r1", "r5"})
	case strings.HasSuffix(q.path, "$expand"), strings.HasSuffix(q.path, "$translate"):
		q.path += "?url=" + a.word("uri")
	case strings.HasSuffix(q.path, "$lookup"), strings.HasSuffix(q.path, "$validate-code"):
		q.path += "?system=http://loinc.org&code=8302-2"
	}
	return q
}
