package server

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

const pathExplain = pathPages + "explain"

// explainPage is GET /ui/explain: why a record says what it says (?record), and whether
// somebody could read something, now or at a time (?agent), in sentences.
func (s *server) explainPage(c *gin.Context, call *access.Call) (*answer, error) {
	form := c.Request.URL.Query()
	page := web.Explained{Record: form.Get("record"), Patient: form.Get("patient"), Agent: form.Get("agent"), Resource: form.Get("resource"), Purpose: form.Get("purpose"), Role: form.Get("role"), At: form.Get("at")}
	language, err := wording.In(cmp.Or(form.Get("language"), c.GetHeader("Accept-Language")))
	if err != nil {
		return nil, err
	}
	page.Language = language.Name
	if page.Record != "" {
		if err := s.explainRecord(c, call, language, &page); err != nil {
			return nil, err
		}
	} else if page.Agent != "" {
		could, asked, err := s.couldRead(c, call, withoutEmpty(form))
		if err != nil {
			return nil, err
		}
		page.Asked, page.Yes, page.Lost, page.Sentences = true, could.Read, could.Lost != "", couldSentences(language, &asked, could)
	}
	page.Role, page.Purpose = cmp.Or(page.Role, "practitioner"), cmp.Or(page.Purpose, "TREAT")
	return s.page(func(p *web.Pages) ([]byte, error) {
		page.Frame = s.frame(c, "Explain", call.Receipts)
		return p.Explained(page)
	})
}

// withoutEmpty is a form without the fields that nobody filled in.
func withoutEmpty(form url.Values) url.Values {
	some := url.Values{}
	for name := range form {
		if v := strings.TrimSpace(form.Get(name)); v != "" {
			some.Set(name, v)
		}
	}
	return some
}

// explainRecord says why a record says what it says, and fills in the question of how it
// would be decided. It reads the record like any reader of it.
func (s *server) explainRecord(c *gin.Context, call *access.Call, l wording.Language, page *web.Explained) error {
	found, row, err := s.why(c, call, page.Record)
	if err != nil {
		return err
	}
	page.Sentences = whySentences(l, &row, found)
	page.Told, page.Yes = true, !row.Denied()
	page.Agent, page.Role, page.Purpose = cmp.Or(page.Agent, row.Agent), cmp.Or(page.Role, row.Role), cmp.Or(page.Purpose, row.Purpose)
	page.At = cmp.Or(page.At, row.At.UTC().Format(momentOf))
	if len(row.Patients) == 1 {
		page.Patient = cmp.Or(page.Patient, row.Patients[0].ID)
	}
	if len(row.Data) == 1 {
		ref, _, _ := strings.Cut(row.Data[0], "/_history/")
		page.Resource = cmp.Or(page.Resource, ref)
	}
	return nil
}
