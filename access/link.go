package access

import (
	"encoding/base64"
	"encoding/json"
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
	l.Position = res.position
	res.Next, err = r.seal(l)
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
