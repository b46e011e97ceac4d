package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/canonical"
)

// Opening is what a journey begins with. Patients are tokens: names never come here.
type Opening struct {
	Journey     string   `json:"journey"`
	COI         string   `json:"coi"` // chain of identity: the same from collection to wristband
	Order       string   `json:"order"`
	Patient     string   `json:"patient"`     // who receives
	Identifiers []string `json:"identifiers"` // two or more of the patient's
	Donor       string   `json:"donor"`       // who gives; the patient in autologous therapies
	DonorIDs    []string `json:"donorIds"`
	Parties     []Party  `json:"parties"`
	Consents    []string `json:"consents"` // those in force: treatment, data
}

// Party is the organisation that has a role in the journey.
type Party struct {
	Role         string `json:"role"`
	Organisation string `json:"organisation"`
}

// Open begins a journey under a definition.
func Open(d *Definition, o Opening) (*State, error) {
	if err := o.check(d); err != nil {
		return nil, fmt.Errorf("open journey %s: %w", o.Journey, err)
	}
	return &State{Opening: o, Definition: d.hash, Genesis: o.genesis(d.hash)}, nil
}

func (o *Opening) check(d *Definition) error {
	if d.hash == (Hash{}) {
		return errors.New("the definition was not loaded, so nobody has looked whether it is sound")
	}
	for _, s := range []string{o.Journey, o.COI, o.Order, o.Patient, o.Donor} {
		if s == "" || len(s) > maxText {
			return errors.New("journey, coi, order, patient or donor is missing or too long")
		}
	}
	if !twoDistinct(o.Identifiers) || !twoDistinct(o.DonorIDs) {
		return errors.New("two different identifiers of patient and donor are needed")
	}
	if len(o.Parties) != len(d.Roles) {
		return errors.New("each role of the definition is one organisation")
	}
	for _, role := range d.Roles {
		if o.organisation(role) == "" {
			return fmt.Errorf("nobody has the role %s", role)
		}
	}
	return nil
}

func twoDistinct(ids []string) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) >= 2 && sorted[0] != ""
}

// genesis binds the first event of a journey to how it was opened, and by which definition.
func (o *Opening) genesis(definition Hash) Hash {
	b := canonical.Frame(nil, definition[:])
	for _, s := range []string{o.Journey, o.COI, o.Order, o.Patient, o.Donor} {
		b = canonical.Frame(b, s)
	}
	for _, list := range [][]string{o.Identifiers, o.DonorIDs, o.Consents} {
		b = append(b, byte(len(list)))
		for _, s := range list {
			b = canonical.Frame(b, s)
		}
	}
	for _, p := range o.Parties {
		b = canonical.Frame(canonical.Frame(b, p.Role), p.Organisation)
	}
	return sha256.Sum256(b)
}

// organisation that has a role, or "".
func (o *Opening) organisation(role string) string {
	for _, p := range o.Parties {
		if p.Role == role {
			return p.Organisation
		}
	}
	return ""
}

// party says whether an organisation has a role.
func (o *Opening) party(organisation, role string) bool {
	return organisation != "" && o.organisation(role) == organisation
}
