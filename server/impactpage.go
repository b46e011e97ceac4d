package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/replay"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/web"
)

// impactPage is GET /ui/policies/[revision]/impact: the report that is kept.
func (s *server) impactPage(c *gin.Context, call *access.Call) (*answer, error) {
	return s.showsImpact(c, call, worked{}, nil)
}

// worked is what was asked for now.
type worked struct {
	impact *revision.Report
	replay *replay.Report
}

// impactForm is POST /ui/policies/[revision]/impact: works it out, decides past requests
// again, or keeps one of them as a test.
func (s *server) impactForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.formUpTo(c, maxDraft, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	ctx, hash := c.Request.Context(), c.Param("revision")
	var fresh worked
	switch form.Get("step") {
	case "", "impact":
		err = s.withPolicies(call, func(p *revision.Service, by revision.By) (err error) {
			fresh.impact, err = p.Impact(ctx, by, hash)
			return err
		})
	case "replay":
		fresh.replay, err = s.replay(ctx, call, hash, usuallyReplayed)
	case "keep":
		if hash, err = s.keepSample(ctx, call, hash, form.Get("test")); err == nil {
			return &answer{status: http.StatusSeeOther, location: pathPolicyPages + "/" + hash}, nil
		}
	default:
		err = errForm
	}
	refused := inPlace(err)
	if e := describe(err); form.Get("step") == "replay" && err != nil && e.Kind == fhir.Invalid {
		refused = e // it cannot be checked, or fails too often
	}
	if err != nil && refused == nil {
		return nil, err
	}
	return s.showsImpact(c, call, fresh, refused)
}

func (s *server) showsImpact(c *gin.Context, call *access.Call, fresh worked, refused *fhir.Error) (*answer, error) {
	page := web.Impact{Hash: c.Param("revision"), Fresh: fresh.impact != nil, Replayed: usuallyReplayed}
	if err := s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		r, report, err := p.ReadImpact(c.Request.Context(), by, page.Hash)
		if err != nil {
			return err
		}
		if fresh.impact != nil {
			report = fresh.impact
		}
		page.Report, page.Submitted = r.Impact, r.Submitted != nil
		impactOf(&page, report)
		return nil
	}); err != nil {
		return nil, err
	}
	page.Replay = replayOf(fresh.replay)
	return s.refusedPage(refused, func(p *web.Pages, problem string) ([]byte, error) {
		page.Frame, page.Problem = s.frame(c, "Impact of "+page.Hash, call.Receipts), problem
		page.Form = page.SignOut
		if page.Replay != nil {
			page.Replay.Hash, page.Replay.Form = page.Hash, page.Form
		}
		return p.Impact(page)
	})
}

// impactOf fills in a report.
func impactOf(page *web.Impact, r *revision.Report) {
	if r == nil {
		return
	}
	said := verdicts()[r.Proof.Verdict]
	page.Before, page.At, page.NoPeople = r.Before, r.At, r.NoPeople
	page.Proof = web.ImpactProof{Words: said.words, Tone: said.tone, Why: r.Proof.Why, Cases: int64(r.Proof.Cases), More: impactExample(r.Proof.More), Less: impactExample(r.Proof.Less)}
	if r.People == nil {
		return
	}
	p := r.People
	page.People = &web.ImpactPeople{Staff: p.Staff, Patients: p.Patients, Types: strings.Join(p.Types, ", "), Purposes: strings.Join(p.Purposes, ", "), MoreStaff: p.MoreStaff, Unlooked: p.Unlooked}
	for i := range p.Changes {
		one := &p.Changes[i]
		way := ways()[one.What]
		page.People.Changes = append(page.People.Changes, web.ImpactChange{
			Words: way.words, Tone: way.tone, Staff: one.Staff, Patients: one.Patients, Purposes: strings.Join(one.Purposes, ", "), Types: strings.Join(one.Types, ", "), Who: one.Who, Whom: one.Whom,
		})
	}
}

// said is something in words, and how it looks.
type said struct {
	words string
	tone  web.Tone
}

func verdicts() map[string]said {
	return map[string]said{
		"equal":    {"Nothing changes: every request is permitted the same.", web.Good},
		"narrower": {"The change only narrows: nothing is permitted that is refused now.", web.Good},
		"wider":    {"The change only widens: something is permitted that is refused now, and nothing is refused more.", web.Warn},
		"both":     {"Some requests get more, others less.", web.Warn},
		"unproved": {"It cannot be proved what the change does.", web.Bad},
	}
}

// ways are those of a report's changes of people.
func ways() map[string]said {
	return map[string]said{
		"newly":      {"newly sees", web.Bad},
		"newly-some": {"newly sees some", web.Bad},
		"more":       {"may see more", web.Warn},
		"either":     {"depends on the row", web.Warn},
		"obliged":    {"other obligations", web.Plain},
		"less":       {"may see less", web.Good},
		"no-longer":  {"no longer sees", web.Good},
	}
}

// impactExample shows of a request what matters.
func impactExample(e *revision.Example) *web.ImpactExample {
	if e == nil {
		return nil
	}
	shown := &web.ImpactExample{Before: e.Before, After: e.After}
	text, err := json.Marshal(e.Input)
	if err != nil {
		return nil
	}
	var input map[string]any
	if json.Unmarshal(text, &input) != nil {
		return nil
	}
	for _, name := range e.Matters {
		var value any = input
		for part := range strings.SplitSeq(name, ".") {
			if below, ok := value.(map[string]any); ok {
				value = below[part]
			}
		}
		shown.Facts = append(shown.Facts, web.Fact{Name: name, Value: valueWords(value)})
	}
	return shown
}

func valueWords(value any) string {
	switch v := value.(type) {
	case string:
		if v == "" {
			return "none"
		}
		return v
	case []any:
		text, err := json.Marshal(v)
		if err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(value)
}
