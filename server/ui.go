package server

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/web"
)

const (
	pathPages  = "/ui/"
	pathDesk   = pathPages + "desk"
	pathLedger = pathPages + "ledger"
	pathBundle = pathPages + "bundle"
	mediaHTML  = "text/html; charset=utf-8"
	mediaCSS   = "text/css; charset=utf-8"
)

// isPage says whether an address is for people with browsers: they get pages, also for
// errors, and sign in with a cookie, which counts nowhere else.
func isPage(c *gin.Context) bool { return strings.HasPrefix(c.Request.URL.Path, pathPages) }

// pagePolicy lets a page load the stylesheet and send its forms, and nothing else.
func pagePolicy() []string {
	return []string{"default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"}
}

func pageVary() []string { return []string{"Cookie"} }

// welcome is GET /, /ui and /ui/: it leads those who are signed in to their desk, and
// tells all others what this server is.
func (s *server) welcome(c *gin.Context, _ *access.Call) (*answer, error) {
	if c.Request.URL.Path != pathPages {
		return &answer{status: http.StatusSeeOther, location: pathPages, body: []byte("The FHIR base is " + s.base + ". Pages for people are at " + pathPages + ".\n"), media: mediaText}, nil
	}
	if s.entered(c) {
		return &answer{status: http.StatusSeeOther, location: pathDesk}, nil
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		return p.Welcome(web.Welcome{Frame: s.frame(c, "A FHIR server", nil), Base: s.base})
	})
}

// ledger is GET /ui/ledger: the state of the node's logs, or the proof of ?record.
func (s *server) ledger(c *gin.Context, call *access.Call) (*answer, error) {
	if text := strings.TrimSpace(c.Query("record")); text != "" {
		return s.proofPage(c, call, text)
	}
	view, err := s.Gate.Ledger(c.Request.Context(), call)
	if err != nil {
		return nil, err
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page := ledgerPage(view)
		page.Frame = s.frame(c, "Ledger of "+view.Organization+"/"+view.Node, call.Receipts)
		return p.Ledger(page)
	})
}

// proofPage shows the proof of the record with an id or a receipt.
func (s *server) proofPage(c *gin.Context, call *access.Call, text string) (*answer, error) {
	id, fits := access.AuditEventOf(text)
	bundle, err := s.proofFor(c, call, id)
	if err != nil {
		return nil, err
	}
	chain, err := access.ReadChain(bundle)
	if err != nil {
		return nil, err
	}
	return s.page(func(p *web.Pages) ([]byte, error) {
		page := proofOf(id, &chain)
		page.Frame = s.frame(c, "Proof of "+id, call.Receipts)
		if page.ReceiptFits = fits(chain); id != text {
			page.Receipt = text
		}
		return p.Proof(page)
	})
}

// proofFile is GET /ui/bundle?record: the proof bundle of a record as a file.
func (s *server) proofFile(c *gin.Context, call *access.Call) (*answer, error) {
	id := c.Query("record")
	bundle, err := s.proofFor(c, call, id)
	if err != nil {
		return nil, err
	}
	c.Header("Content-Disposition", `attachment; filename="`+id+`.json"`) // an id needs no escape
	return &answer{status: http.StatusOK, body: bundle, media: mediaJSON}, nil
}

func (s *server) proofFor(c *gin.Context, call *access.Call, id string) ([]byte, error) {
	if err := fhir.CheckID(id); err != nil {
		return nil, &fhir.Error{Kind: fhir.Invalid, Detail: "This is neither the id of an AuditEvent, as in n1.accesses.0.17, nor a receipt.", Err: err}
	}
	bundle, err := s.Gate.Proof(c.Request.Context(), call, id)
	if err != nil && describe(err).Kind == fhir.NotFound {
		return nil, &fhir.Error{Kind: fhir.NotFound, Detail: "There is no such record on this node.", Err: err}
	}
	return bundle, err
}

// style is GET /ui/style.css.
func (s *server) style(*gin.Context, *access.Call) (*answer, error) {
	return &answer{status: http.StatusOK, body: web.Style(), media: mediaCSS}, nil
}

// page answers with what render makes.
func (s *server) page(render func(*web.Pages) ([]byte, error)) (*answer, error) {
	pages, err := s.pages()
	if err != nil {
		return nil, err
	}
	body, err := render(pages)
	return &answer{status: http.StatusOK, body: body, media: mediaHTML}, err
}

// frame is the part that all pages share.
func (s *server) frame(c *gin.Context, title string, receipts []string) web.Frame {
	f := web.Frame{Title: title, Receipts: receipts}
	if secret := s.secretOf(c); secret != "" {
		f.SignOut = formValue(secret)
	}
	f.Nav = s.nav(c)
	if caller, ok := callerOf(c); ok {
		f.Who, f.Running = whoIs(*caller), s.runningFor(c, caller)
	} else if x := exchangeOf(c); x.session != nil {
		f.Who = cmp.Or(x.session.User.Name, x.session.User.Login)
	}
	return f
}

// problem is the page for an error: the sign-in form for those who are not signed in.
func (s *server) problem(c *gin.Context, status int, detail string) *answer {
	a, err := s.page(func(p *web.Pages) ([]byte, error) {
		if status == http.StatusUnauthorized {
			return s.signInPage(c, p, here(c), detail)
		}
		var receipts []string
		if r := c.Writer.Header().Get(RecordHeader); r != "" {
			receipts = []string{r}
		}
		return p.Problem(web.Problem{Frame: s.frame(c, http.StatusText(status), receipts), Status: status, Detail: detail})
	})
	if err != nil { // the templates are broken, which a test excludes
		exchangeOf(c).cause = err
		a = &answer{body: []byte(http.StatusText(status) + "\n"), media: mediaText}
	}
	a.status = status
	return a
}
