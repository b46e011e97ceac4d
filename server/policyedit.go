package server

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/policy/revision"
	"github.com/aceso-health/aceso/web"
)

// newPolicyPage is GET /ui/policies/new: the files of ?base, or of what is in force, to write
// a draft from.
func (s *server) newPolicyPage(c *gin.Context, call *access.Call) (*answer, error) {
	var files map[string]string
	base := c.Query("base")
	if err := s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		if base == "" {
			active, err := p.Active(c.Request.Context())
			if err != nil {
				return err
			}
			base = active.InForce(s.Now())
		}
		var err error
		_, files, err = p.Read(c.Request.Context(), by, base)
		return err
	}); err != nil {
		return nil, err
	}
	page := web.PolicyEdit{Base: base}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		page.Files = append(page.Files, web.PolicyEditFile{Name: name, Text: files[name]})
	}
	return s.showsEditor(c, call, &page, nil)
}

// newPolicyForm is POST /ui/policies/new: a check, the tests, or a draft to keep. ?as=json of
// a check is for the script of the page.
func (s *server) newPolicyForm(c *gin.Context, call *access.Call) (*answer, error) {
	form, err := s.formUpTo(c, maxDraft, s.secretOf(c))
	if err != nil {
		return nil, err
	}
	page, draft, err := editOf(form)
	if err != nil {
		return nil, err
	}
	var kept *revision.Revision
	err = s.withPolicies(call, func(p *revision.Service, by revision.By) error {
		switch do := form.Get("do"); do {
		case "check", "test":
			t, err := p.Look(c.Request.Context(), by, draft, do == "test")
			page.Trial = trialOf(t)
			return err
		case "save":
			var err error
			kept, err = p.Draft(c.Request.Context(), by, draft)
			return err
		}
		return errForm
	})
	refused := inPlace(err)
	switch {
	case err != nil && refused == nil:
		return nil, err
	case form.Get("as") == "json":
		return foundAnswer(page.Trial, refused)
	case kept != nil:
		return &answer{status: http.StatusSeeOther, location: pathPolicyPages + "/" + kept.Hash}, nil
	}
	return s.showsEditor(c, call, page, refused)
}

var errForm = &fhir.Error{Kind: fhir.Malformed, Detail: "The form is not well-formed."}

// editOf reads the form of the editor: a draft, and the page to show it again.
func editOf(form url.Values) (*web.PolicyEdit, revision.Draft, error) {
	d := revision.Draft{Base: form.Get("base"), Files: map[string]*string{}, Reason: form.Get("reason"), Origin: "officer"}
	page := &web.PolicyEdit{Base: d.Base, Reason: d.Reason}
	names, texts := form["name"], form["text"]
	if len(names) != len(texts) {
		return nil, d, errForm
	}
	for i, name := range names {
		text := strings.ReplaceAll(texts[i], "\r\n", "\n") // as forms send lines
		if name = strings.TrimSpace(name); name == "" {
			if strings.TrimSpace(text) != "" {
				page.Files = append(page.Files, web.PolicyEditFile{Text: text, New: true, Open: true})
			}
			continue
		}
		f := web.PolicyEditFile{Name: name, Text: text, Gone: slices.Contains(form["gone"], name)}
		if _, twice := d.Files[name]; twice {
			return nil, d, &fhir.Error{Kind: fhir.Malformed, Detail: "The form has two files of the same name."}
		}
		if d.Files[name] = &text; f.Gone {
			d.Files[name] = nil
		}
		page.Files = append(page.Files, f)
	}
	return page, d, nil
}

// foundAnswer says what a check found to the script of the page.
func foundAnswer(t *web.PolicyTrial, refused *fhir.Error) (*answer, error) {
	found := struct {
		Passes bool              `json:"passes"`
		Words  string            `json:"words"`
		Places []web.PolicyPlace `json:"places,omitempty"`
	}{}
	switch {
	case refused != nil:
		found.Words = refused.Detail
	case t == nil:
		return nil, errForm
	case t.Passes:
		found.Passes, found.Words = true, "The check passes."
	default:
		found.Words, found.Places = "The check does not pass.", t.Problems
	}
	return jsonAnswer(http.StatusOK, found)
}

// showsEditor shows a draft that is written. Files of which a check speaks are open.
func (s *server) showsEditor(c *gin.Context, call *access.Call, page *web.PolicyEdit, refused *fhir.Error) (*answer, error) {
	fields, err := revision.Fields()
	if err != nil {
		return nil, err
	}
	page.Fields, page.MostReason = fields, revision.MostReason
	names := make([]string, len(page.Files))
	for i := range page.Files {
		names[i] = page.Files[i].Name
	}
	if !slices.ContainsFunc(page.Files, func(f web.PolicyEditFile) bool { return f.New }) {
		page.Files = append(page.Files, web.PolicyEditFile{New: true})
	}
	linked(page.Trial, func(n, _ int) string { page.Files[n].Open = true; return fmt.Sprintf("#text-%d", n) }, names)
	for i := range page.Files {
		page.Files[i].N, page.Files[i].Lines = i, strings.Count(page.Files[i].Text, "\n")
	}
	c.Writer.Header()["Content-Security-Policy"] = []string{pagePolicy()[0] + "; script-src 'self'; connect-src 'self'"}
	return s.refusedPage(refused, func(p *web.Pages, problem string) ([]byte, error) {
		page.Frame, page.Problem = s.frame(c, "New draft", call.Receipts), problem
		page.Form = page.SignOut
		return p.PolicyEdit(*page)
	})
}

// editorScript is GET /ui/editor.js.
func (s *server) editorScript(*gin.Context, *access.Call) (*answer, error) {
	return &answer{status: http.StatusOK, body: web.Editor(), media: mediaScript}, nil
}

const mediaScript = "text/javascript; charset=utf-8"
