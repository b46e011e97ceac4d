package server

import (
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
)

// handler answers one request. It writes nothing itself.
type handler func(*server, *gin.Context, *access.Call) (*answer, error)

// route is one row of the table. A row with a type is for that type alone, and
// wins over one without. The interaction is a code of the CapabilityStatement,
// or the name of an operation with a dollar sign.
type route struct {
	method, path string
	typ          string
	interaction  string
	open         bool // without authentication
	plain        bool // not FHIR: no content negotiation
	handle       handler
}

// routes is the whole interface of the server. The CapabilityStatement is made
// from it. HEAD comes with every GET.
func routes() []route {
	const (
		get, post, put, del, patch = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch
		open, plain                = true, true
	)
	return append([]route{
		{get, "/healthz", "", "", open, plain, (*server).health},
		{get, "/readyz", "", "", open, plain, (*server).ready},
		{get, "/openapi.json", "", "", open, plain, (*server).openAPI},
		{get, "/metrics", "", "", false, plain, (*server).measurements},

		{get, "/fhir/metadata", "", "capabilities", open, false, (*server).capabilities},
		{post, "/fhir", "", "transaction", false, false, (*server).bundle},
		{post, "/fhir/", "", "batch", false, false, (*server).bundle},
		{get, "/fhir/_history", "", "history-system", false, false, (*server).history},
		{get, "/fhir", "", "search-system", false, false, (*server).searchSystem},
		{get, "/fhir/", "", "search-system", false, false, (*server).searchSystem},
		{post, "/fhir/_search", "", "search-system", false, false, (*server).searchSystem},

		{get, "/fhir/" + jobPath + "/:job", "", "", false, false, (*server).askJob},
		{del, "/fhir/" + jobPath + "/:job", "", "", false, false, (*server).endJob},

		{get, "/fhir/:type/:id", "", "read", false, false, (*server).read},
		{get, "/fhir/:type/:id/_history/:version", "", "vread", false, false, (*server).vread},
		{post, "/fhir/:type", "", "create", false, false, (*server).create},
		{put, "/fhir/:type/:id", "", "update", false, false, (*server).update},
		{put, "/fhir/:type", "", "update", false, false, (*server).update},
		{patch, "/fhir/:type/:id", "", "patch", false, false, (*server).patch},
		{patch, "/fhir/:type", "", "patch", false, false, (*server).patch},
		{del, "/fhir/:type/:id", "", "delete", false, false, (*server).delete},
		{del, "/fhir/:type", "", "delete", false, false, (*server).delete},
		{get, "/fhir/:type/:id/_history", "", "history-instance", false, false, (*server).history},
		{get, "/fhir/:type/_history", "", "history-type", false, false, (*server).history},
		{get, "/fhir/:type", "", "search-type", false, false, (*server).search},
		{post, "/fhir/:type/_search", "", "search-type", false, false, (*server).search},
		{get, "/fhir/:type/:id/:member", "", "search-type", false, false, (*server).searchCompartment},
		{post, "/fhir/:type/:id/:member/_search", "", "search-type", false, false, (*server).searchCompartment},
		{get, "/fhir/:type/:id/_history/:version/$verify", "", "$verify", false, false, (*server).verify},

		{post, "/fhir/:type/$validate", "", "$validate", false, false, (*server).validate},
		{get, "/fhir/:type/:id/$validate", "", "$validate", false, false, (*server).validate},
		{post, "/fhir/:type/:id/$validate", "", "$validate", false, false, (*server).validate},

		{get, "/fhir/:type/$explain-query", "", "$explain-query", false, false, (*server).explainQuery},
		{get, "/fhir/:type/$index-progress", "SearchParameter", "$index-progress", false, false, (*server).indexProgress},
		{get, "/fhir/:type/:id/$access-report", "Patient", "$access-report", false, false, (*server).accessReport},

		{get, "/fhir/:type/:id", auditEvent, "read", false, false, (*server).readAuditEvent},
		{get, "/fhir/:type", auditEvent, "search-type", false, false, (*server).searchAuditEvents},
		{post, "/fhir/:type/_search", auditEvent, "search-type", false, false, (*server).searchAuditEvents},
		{get, "/fhir/:type/:id/$proof", auditEvent, "$proof", false, plain, (*server).proof},
	}, slices.Concat(pageRoutes(), policyRoutes(), emergencyRoutes(), explainRoutes(), decisionRoutes(), consentRoutes(), purgeRoutes(), oauthRoutes(), labelRoutes(), documentRoutes(), termsRoutes())...)
}

// Routes names every row of the route table: method, path, and its type if it has one. A
// test that means to ask everything that can be asked begins with it.
func Routes() []string {
	var all []string
	for _, r := range routes() {
		all = append(all, strings.TrimSpace(r.method+" "+r.path+" "+r.typ))
	}
	return all
}

// rows groups the table by method and path, which the router distinguishes.
func rows() map[[2]string][]route {
	groups := make(map[[2]string][]route)
	for _, r := range routes() {
		key := [2]string{r.method, r.path}
		groups[key] = append(groups[key], r)
	}
	return groups
}

func compareRows(a, b [2]string) int { return slices.Compare(a[:], b[:]) }

// choose finds the handler of the row for the type in the path.
func choose(group []route, typ string) (handler, error) {
	for _, row := range []string{typ, ""} {
		if i := slices.IndexFunc(group, func(r route) bool { return r.typ == row }); i >= 0 {
			return group[i].handle, nil
		}
	}
	return nil, unsupported("This operation is not for this type.")
}

// allowed lists the methods of a path for the Allow header.
func allowed(path string) string {
	var methods []string
	for key := range rows() {
		if key[1] != path {
			continue
		}
		methods = append(methods, key[0])
		if key[0] == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// handlers are the steps of a request to the route, after engine's.
func (s *server) handlers(group []route) []gin.HandlerFunc {
	var chain []gin.HandlerFunc
	if !group[0].plain {
		chain = append(chain, s.negotiate)
	}
	if !group[0].open {
		chain = append(chain, s.authenticate)
	}
	return append(chain, func(c *gin.Context) {
		handle, err := choose(group, c.Param("type"))
		if err != nil {
			s.fail(c, err)
			return
		}
		if group[0].later() && wantsLater(c) {
			handle = (*server).respondLater
		}
		s.serve(c, handle)
	})
}

// serve runs the handler and writes what it returns.
func (s *server) serve(c *gin.Context, handle handler) {
	x := exchangeOf(c)
	held := s.holdOf(c)
	defer held.end()
	call := &x.call
	call.Request, call.Address, call.Hold = x.id, address(c.Request), held.upTo
	a, err := handle(s, c, call)
	if instead := s.recordUnread(c, call, a, err); instead != nil {
		a, err = nil, instead
	}
	if len(call.Receipts) > 0 {
		x.header(c.Writer.Header(), RecordHeader, strings.Join(call.Receipts, ", "))
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	s.awaitAnchor(c, call)
	s.write(c, a)
}

// unknownOperation refuses a path that ends in the name of an operation without a route.
func unknownOperation(at string) error {
	name := path.Base(at)
	if slices.ContainsFunc(routes(), func(r route) bool { return path.Base(r.path) == name }) {
		return nil
	}
	return noOperation(name)
}

func (s *server) noRoute(c *gin.Context) { s.fail(c, absent(c.Request.URL.Path)) }

// absent refuses a path without a route.
func absent(at string) error {
	if err := unknownOperation(at); err != nil {
		return err
	}
	return &fhir.Error{Kind: fhir.NotFound, Detail: "There is nothing at this address. The FHIR base is /fhir."}
}

// noMethod answers where the path exists but the method does not; the router has set Allow.
func (s *server) noMethod(c *gin.Context) {
	err := misused(c.Request.URL.Path)
	if describe(err).Kind != fhir.NotAllowed {
		c.Header("Allow", "")
	}
	s.fail(c, err)
}

// misused refuses a path whose routes are of other methods.
func misused(at string) error {
	if err := unknownOperation(at); err != nil {
		return err
	}
	return &fhir.Error{Kind: fhir.NotAllowed, Detail: "The method is not supported at this address. Allow lists those that are."}
}
