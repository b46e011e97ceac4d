package server

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/auth"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

// pathDecisions is where the decisions are that were recorded.
const pathDecisions = "/admin/decisions"

// decisionRoutes are the rows of the table for decisions that were recorded.
func decisionRoutes() []route {
	return []route{
		{http.MethodGet, pathDecisions, "", "", false, true, (*server).findDecisions},
		{http.MethodGet, pathDecisions + "/:id", "", "", false, true, (*server).explainDecision},
	}
}

// decision is a record as /admin/decisions tells it.
type decision struct {
	Record       string    `json:"record"` // id of the AuditEvent
	Receipt      string    `json:"receipt"`
	Time         time.Time `json:"time"`
	Decision     string    `json:"decision"`
	Reason       string    `json:"reason"`
	Agent        string    `json:"agent"`
	Name         string    `json:"name,omitempty"`
	Role         string    `json:"role"`
	Organization string    `json:"organization"`
	Purpose      string    `json:"purpose"`
	Interaction  string    `json:"interaction"`
	Patients     []string  `json:"patients"`
	Data         []string  `json:"data"`
	Asked        string    `json:"asked,omitempty"`
	Consents     []string  `json:"consents"`
	Request      string    `json:"request"`

	Why *why `json:"why,omitempty"`
}

// why is what a decision rested on, as far as it is known.
type why struct {
	Policy    string   `json:"policy,omitempty"`
	Told      bool     `json:"told"` // the policies of that time come to the same
	Erased    bool     `json:"erased,omitempty"`
	Rule      string   `json:"rule,omitempty"`
	File      string   `json:"file,omitempty"`
	Line      int      `json:"line,omitempty"`
	Limits    []string `json:"limits,omitempty"`
	Others    []other  `json:"others,omitempty"` // questions of a transaction
	More      int      `json:"more,omitempty"`   // that are not told
	Sentences []string `json:"sentences"`
}

// other is another question of the same request.
type other struct {
	Interaction string `json:"interaction"`
	Type        string `json:"type,omitempty"`
	Permitted   bool   `json:"permitted"`
	Reason      string `json:"reason"`
	Rule        string `json:"rule,omitempty"`
	File        string `json:"file,omitempty"`
	Line        int    `json:"line,omitempty"`
}

func othersOf(found *access.Why) (all []other) {
	for i := range found.Others {
		o := &found.Others[i]
		all = append(all, other{o.Interaction, o.Type, o.Decision.Allow, o.Decision.Reason, o.Place.Rule, o.Place.File, o.Place.Line})
	}
	return all
}

func decisionOf(row *web.Access) decision {
	d := decision{
		Record: row.ID, Receipt: row.Receipt, Time: row.At.UTC(), Decision: row.Decision, Reason: row.Reason, Agent: row.Agent, Name: row.Who, Role: row.Role,
		Organization: row.Organization, Purpose: row.Purpose, Interaction: row.What, Patients: []string{}, Data: orNone(row.Data), Asked: row.Asked,
		Consents: orNone(row.Consents), Request: row.Request,
	}
	for _, p := range row.Patients {
		d.Patients = append(d.Patients, p.ID)
	}
	return d
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// findDecisions is GET /admin/decisions: the fields of the form of /ui/accesses as parameters.
func (s *server) findDecisions(c *gin.Context, call *access.Call) (*answer, error) {
	params, err := decisionParams(c.Request.URL.Query())
	if err != nil {
		return nil, err
	}
	request := access.SearchRequest{Type: auditEvent, Params: params}
	if link := c.Query("page"); link != "" {
		request = access.SearchRequest{Link: link}
	}
	result, err := s.Gate.SearchAuditEvents(c.Request.Context(), call, request)
	if err != nil {
		return nil, err
	}
	rows, err := readAccesses(result)
	if err != nil {
		return nil, err
	}
	all := make([]decision, len(rows))
	for i := range rows {
		all[i] = decisionOf(&rows[i])
	}
	found := map[string]any{"decisions": all}
	if result.Next != "" {
		found["next"] = pathDecisions + "?" + url.Values{"page": {result.Next}}.Encode()
	}
	return jsonAnswer(http.StatusOK, found)
}

// decisionParams are the criteria of a search for decisions, 50 on a page.
func decisionParams(asked url.Values) ([]fhir.Param, error) {
	filters := accessFilters()
	params := []fhir.Param{{Name: "_count", Value: accessesOnPage}}
	for name, values := range asked {
		i := slices.IndexFunc(filters, func(f web.Filter) bool { return f.Name == name })
		switch {
		case name == "page" || name == "day":
			continue
		case i < 0:
			return nil, unknownParam(name)
		case len(values) != 1:
			return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "Give the parameter only once.", Expression: name}
		}
	}
	for _, f := range filters {
		f.Value = strings.TrimSpace(asked.Get(f.Name))
		if p, ok := accessParam(f); ok {
			params = append(params, p)
		}
	}
	if day := asked.Get("day"); day != "" {
		params = append(params, fhir.Param{Name: "date", Value: escaped(day)})
	}
	return params, nil
}

// explainDecision is GET /admin/decisions/[id]: why a record says what it says.
func (s *server) explainDecision(c *gin.Context, call *access.Call) (*answer, error) {
	language, err := wording.In(cmp.Or(c.Query("language"), c.GetHeader("Accept-Language")))
	if err != nil {
		return nil, err
	}
	found, row, err := s.why(c, call, c.Param("id"))
	if err != nil {
		return nil, err
	}
	told := decisionOf(&row)
	told.Why = &why{Policy: found.Policy, Told: found.Told, Erased: found.Erased, Rule: found.Place.Rule, File: found.Place.File, Line: found.Place.Line, Sentences: whySentences(language, &row, found)}
	told.Why.Others, told.Why.More = othersOf(found), found.More
	if found.Could != nil {
		told.Why.Limits = found.Could.Limits
	}
	c.Header("Content-Language", language.Name)
	return jsonAnswer(http.StatusOK, told)
}

// why asks the gate about a record, and reads it.
func (s *server) why(c *gin.Context, call *access.Call, id string) (found *access.Why, row web.Access, err error) {
	if err := fhir.CheckID(id); err != nil {
		return nil, row, err
	}
	found, err = s.Gate.Why(c.Request.Context(), call, access.WhyRequest{ID: id, Issuer: s.Issuer, Assumed: assumedToken(s.Gate)})
	if err != nil {
		return nil, row, err
	}
	row, err = readAccess(found.Record.Body)
	return found, row, err
}

// whySentences say why a record says what it says.
func whySentences(l wording.Language, row *web.Access, found *access.Why) (all []string) {
	say := func(key string, pairs ...string) {
		all = append(all, l.Say(key, append(pairs, "who", row.Who, "what", whatOf(row), "purpose", row.Purpose, "at", l.Time(row.At), "policy", found.Policy)...))
	}
	key := "record.permitted"
	if row.Denied() {
		key = "record.denied"
	}
	if say(key); row.Failed && !row.Denied() {
		say("record.failed")
	}
	if reason := "reason." + row.Reason; l.Knows(reason) {
		say("record.because", "code", row.Reason, "reason", l.Say(reason))
	}
	switch p := found.Place; {
	case found.Policy == "":
		say("why.nobody")
	case !found.Kept:
		say("why.textless")
	case found.Erased:
		say("why.erased")
	case !found.Told && found.Assumed:
		say("why.untold")
	case !found.Told:
		say("why.other")
	default:
		if say("why.policy"); p.File != "" {
			say("policy.place", "rule", p.Rule, "file", p.File, "line", strconv.Itoa(p.Line))
		}
		answerSentences(say, row, found)
	}
	if could := found.Could; could != nil && could.Lost == "" {
		restSentences(say, could)
	} else if could != nil {
		say("lost." + could.Lost)
	}
	if len(row.Consents) > 0 {
		say("record.consents", "consents", strings.Join(row.Consents, ", "))
	} else {
		say("record.no-consents")
	}
	return all
}

// answerSentences say what the policies of that time were asked again.
func answerSentences(say func(string, ...string), row *web.Access, found *access.Why) {
	switch {
	case !found.Assumed:
		say("why.kept")
	case found.Scopes:
		say("why.scopes", "role", row.Role)
	default:
		say("why.no-scopes")
	}
	if row.Denied() && found.Decision.Allow && (found.Could == nil || found.Could.Lost != "") {
		say("why.rows")
	}
	for i := range found.Others {
		o := &found.Others[i]
		key := "why.also-permitted"
		if !o.Decision.Allow {
			key = "why.also-refused"
		}
		if say(key, "interaction", o.Interaction, "type", o.Type); o.Place.File != "" {
			say("policy.place", "rule", o.Place.Rule, "file", o.Place.File, "line", strconv.Itoa(o.Place.Line))
		}
	}
	if found.More > 0 {
		say("why.more", "count", strconv.Itoa(found.More))
	}
}

// whatOf names what a record is about, in short.
func whatOf(row *web.Access) string {
	what := strings.Join(row.Data, ", ")
	for _, p := range row.Patients {
		if what == "" {
			what = p.ID
		}
	}
	return cmp.Or(what, row.Asked, row.What)
}

// assumedToken says what a token has that no record keeps: the names of its subject; and, for
// older records, all scopes of its role.
func assumedToken(g Gate) func(*agent.Agent) ([]agent.Scope, []string) {
	return func(a *agent.Agent) ([]agent.Scope, []string) {
		scopes, err := g.CheckScopes(access.UsualScope(a.Role, "cruds"))
		if err != nil {
			return nil, nil
		}
		return scopes, auth.Actors(a, "")
	}
}
