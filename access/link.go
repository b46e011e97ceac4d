package access

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// Links seals paging tokens with the keyring. Open MUST fail for anything that
// Seal did not make with the same context.
type Links interface {
	Seal(plain, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
}

// link is what a paging token carries, encrypted: the request of the first page,
// and where the next one begins.
type link struct {
	Search   *SearchRequest  `json:"s,omitempty"`
	History  *HistoryRequest `json:"h,omitempty"`
	Position []byte          `json:"p"`

	Everything *EverythingRequest `json:"e,omitempty"`
	Type       string             `json:"t,omitempty"` // where $everything goes on
	Policy     string             `json:"r"`           // revision that decided the first page

	Before [][]byte `json:"b,omitempty"` // where the pages between the first and this one began; of a long walk the last
	Cut    bool     `json:"c,omitempty"` // some of them were left out
}

// mostBefore is how many earlier pages a link knows.
const mostBefore = 8

// after is the link of the page that begins at a position, after that of l.
func (l link) after(position []byte) link {
	if len(l.Position) > 0 {
		l.Before = append(slices.Clip(l.Before), l.Position)
	}
	if n := len(l.Before) - mostBefore; n > 0 {
		l.Before, l.Cut = l.Before[n:], true
	}
	l.Position = position
	return l
}

// earlier is the link of the page before; false if it is the first one, or not known.
func (l link) earlier() (link, bool) {
	n := len(l.Before)
	if n == 0 {
		return l, false
	}
	l.Before, l.Position = l.Before[:n-1], l.Before[n-1]
	return l, true
}

// seal makes a token that only the same caller can use, for the same purpose.
func (r *review) seal(l link) (string, error) {
	plain, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	sealed, err := r.gate.Links.Seal(plain, caller(&r.call.Agent))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// further adds the token of the next page, if there is one: l with the position.
func (r *review) further(res *Result, l link) (err error) {
	if len(res.position) == 0 {
		return nil
	}
	res.Next, err = r.seal(l.after(res.position))
	return err
}

// back adds the token of the page before this one.
func (r *review) back(res *Result, l link) (err error) {
	res.Second = len(l.Position) > 0 && len(l.Before) == 0 && !l.Cut
	if before, known := l.earlier(); known {
		res.Previous, err = r.seal(before)
	}
	return err
}

// open reads a token again; whatever is wrong with it, the answer is the same.
func (r *review) open(token string) (link, error) {
	var l link
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		var plain []byte
		if plain, err = r.gate.Links.Open(sealed, caller(&r.call.Agent)); err == nil {
			err = json.Unmarshal(plain, &l)
		}
	}
	if err != nil {
		return l, badLink(err)
	}
	return l, nil
}

// caller is what a token is bound to.
func caller(a *agent.Agent) []byte {
	return []byte(strings.Join([]string{"aceso.link.v1", a.Issuer, a.Subject, a.Role, a.Organization, a.Client, a.Patient, a.Purpose}, "\x00"))
}

func badLink(cause error) error {
	return &fhir.Error{
		Kind:       fhir.Invalid,
		Detail:     "This paging link cannot be used: it is damaged, belongs to another caller or purpose, or the policy has changed. Search again.",
		Expression: "_page",
		Err:        cause,
	}
}
