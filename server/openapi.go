package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// object is an object of the description.
type object map[string]any

// openAPI is GET /openapi.json: the routes as OpenAPI 3.1, made from their table. It is the
// same for everybody, and holds no data.
func (s *server) openAPI(*gin.Context, *access.Call) (*answer, error) {
	body, err := s.described()
	return &answer{status: http.StatusOK, body: body, media: "application/json"}, err
}

// describe makes the description.
func (s *server) describe() ([]byte, error) {
	paths := object{}
	for _, r := range routes() {
		if !strings.HasPrefix(r.path, "/fhir") && !r.plain || isPagePath(r.path) {
			continue
		}
		path := pathOf(r)
		methods, ok := paths[path].(object)
		if !ok {
			methods = object{}
			if parameters := pathParameters(path); len(parameters) > 0 {
				methods["parameters"] = parameters
			}
			paths[path] = methods
		}
		methods[strings.ToLower(r.method)] = describedRoute(r)
	}
	return json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Aceso", "version": s.Version,
			"description": "A FHIR R4 server. What search parameters each type has, its CapabilityStatement says: GET /fhir/metadata.",
		},
		"servers":  []object{{"url": strings.TrimSuffix(s.base, "/fhir")}},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
			"schemas": object{"Resource": object{
				"type": "object", "description": "A FHIR R4 resource.", "required": []string{"resourceType"},
				"properties": object{"resourceType": object{"type": "string", "enum": fhir.ResourceTypes()}},
			}},
		},
	})
}

func isPagePath(path string) bool { return path == "/" || strings.HasPrefix(path, "/ui") }

// pathOf is the path of a route as OpenAPI writes it.
func pathOf(r route) string {
	parts := strings.Split(r.path, "/")
	for i, p := range parts {
		switch {
		case p == ":type" && r.typ != "":
			parts[i] = r.typ
		case strings.HasPrefix(p, ":"):
			parts[i] = "{" + p[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

func pathParameters(path string) (all []object) {
	for part := range strings.SplitSeq(path, "/") {
		name, ok := strings.CutPrefix(part, "{")
		if !ok {
			continue
		}
		schema := object{"type": "string"}
		switch name = strings.TrimSuffix(name, "}"); name {
		case "type", "member":
			schema["enum"] = fhir.ResourceTypes()
		case "id":
			schema["pattern"] = `^[A-Za-z0-9\-.]{1,64}$`
		}
		all = append(all, object{"name": name, "in": "path", "required": true, "schema": schema})
	}
	return all
}

// describedRoute is one operation of the description.
func describedRoute(r route) object {
	o := object{"summary": summary(r), "operationId": strings.Trim(strings.NewReplacer("/", "-", ":", "", "$", "", "_", "").Replace(strings.ToLower(r.method)+r.path+"-"+r.typ), "-")}
	if r.open {
		o["security"] = []object{}
	}
	if r.plain {
		o["responses"] = object{"200": object{"description": "Not FHIR."}}
		return o
	}
	content := object{}
	for _, media := range []string{mediaFHIR, mediaXML} {
		content[media] = object{"schema": object{"$ref": "#/components/schemas/Resource"}}
	}
	o["responses"] = object{"default": object{"description": "A resource; of an error an OperationOutcome.", "content": content}}
	o["parameters"] = queryParameters(r)
	if r.method == http.MethodPost || r.method == http.MethodPut {
		if strings.HasSuffix(r.path, "/_search") {
			content = object{mediaForm: object{"schema": object{"type": "object"}}}
		}
		o["requestBody"] = object{"required": !strings.Contains(r.path, "$"), "content": content}
	}
	return o
}

// summary names what a route does.
func summary(r route) string {
	for _, o := range operationsOffered() {
		if o.isAt(r) {
			return o.title
		}
	}
	if r.interaction == "" {
		return strings.TrimPrefix(r.path, "/")
	}
	return r.interaction
}

// queryParameters are those of every answer, and those of an operation.
func queryParameters(r route) []object {
	all := []object{
		{"name": "_format", "in": "query", "schema": object{"type": "string"}, "description": "The format of the answer: json or xml. It beats the header Accept."},
		{"name": "_pretty", "in": "query", "schema": object{"type": "boolean"}, "description": "true: each element on a line."},
	}
	operations := operationsOffered()
	i := slices.IndexFunc(operations, func(o served) bool { return o.isAt(r) })
	if i < 0 || r.method != http.MethodGet {
		return all
	}
	for _, p := range operations[i].parameters {
		if p.Use == "in" {
			all = append(all, object{"name": p.Name, "in": "query", "required": p.Min > 0, "schema": object{"type": "string"}, "description": p.Documentation})
		}
	}
	return all
}
