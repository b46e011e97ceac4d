// Package web has the pages for people: embedded templates, one stylesheet, and plain
// structs that fill them. A page works without JavaScript and loads nothing from
// elsewhere.
//
// It does not speak HTTP, does not know where its figures come from, and decides
// nothing: its caller has decided that the reader may see the page.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
)

//go:embed *.html
var templates embed.FS

//go:embed style.css
var style []byte

// Style is the stylesheet of all pages.
func Style() []byte { return style }

//go:embed editor.js
var editor []byte

// Editor is the script of the page where policies are written, which works without it.
func Editor() []byte { return editor }

// Pages renders.
type Pages struct{ templates *template.Template }

// New reads the templates.
func New() (*Pages, error) {
	t, err := template.New("").Funcs(words()).ParseFS(templates, "*.html")
	if err != nil {
		return nil, fmt.Errorf("read the templates: %w", err)
	}
	return &Pages{t}, nil
}

// Frame surrounds every page.
type Frame struct {
	Title    string
	Who      string    // who is signed in, "" for nobody
	SignOut  string    // anti-forgery value of the form that signs out
	Running  []Running // emergencies of the reader
	Nav      []Link    // to other pages
	Receipts []string
}

// Link leads to a page.
type Link struct {
	URL, Words string
	Here       bool // the reader is there
}

// Welcome tells strangers what this server is.
type Welcome struct {
	Frame
	Base string // of FHIR
}

// SignIn asks for a name and a password, leads to a provider, or asks for a token.
type SignIn struct {
	Frame
	Form                  string // anti-forgery value
	Next                  string // where the reader goes then
	Names                 bool   // there are local users
	Provider, ProviderURL string // "" without one
	Problem               string // why the last attempt was refused, or ""
}

// SignedOut leads on to where the reader is still signed in.
type SignedOut struct {
	Frame
	Provider, URL string
}

// Problem is an error page.
type Problem struct {
	Frame
	Status int
	Detail string
}

// SignIn renders the forms to sign in.
func (p *Pages) SignIn(page SignIn) ([]byte, error) { return p.render("signin.html", page) }

// Welcome renders what a stranger sees.
func (p *Pages) Welcome(page Welcome) ([]byte, error) { return p.render("welcome.html", page) }

// SignedOut renders what follows the sign-out here.
func (p *Pages) SignedOut(page SignedOut) ([]byte, error) { return p.render("signedout.html", page) }

// Consent renders what an app asks for.
func (p *Pages) Consent(page Consent) ([]byte, error) { return p.render("consent.html", page) }

// Apps renders what a person has allowed.
func (p *Pages) Apps(page Apps) ([]byte, error) { return p.render("apps.html", page) }

// Problem renders an error.
func (p *Pages) Problem(page Problem) ([]byte, error) { return p.render("problem.html", page) }

// Ledger renders where the logs stand.
func (p *Pages) Ledger(page Ledger) ([]byte, error) { return p.render("ledger.html", page) }

// Proof renders the proof of one record.
func (p *Pages) Proof(page Proof) ([]byte, error) { return p.render("proof.html", page) }

func (p *Pages) render(name string, page any) ([]byte, error) {
	var b bytes.Buffer
	if err := p.templates.ExecuteTemplate(&b, name, page); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return b.Bytes(), nil
}
