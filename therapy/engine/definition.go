package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aceso-health/aceso/canonical"
)

// maxDefinition bounds a definition in bytes.
const maxDefinition = 256 << 10

// Definition says which steps a journey has, and what each demands. It is data: it selects
// from a closed vocabulary of actions and gates, and never holds instructions.
type Definition struct {
	ID      string   `json:"id"`
	Version string   `json:"version"`
	Product string   `json:"product"` // the code on the bag that is infused
	Roles   []string `json:"roles"`   // each is one organisation in a journey
	Quality []string `json:"quality"` // roles that clear holds
	Notices []string `json:"notices"` // roles that tell of consents, deaths and merged identities
	Bands   []Band   `json:"bands"`
	Final   []string `json:"final"` // states that nothing leaves
	Steps   []Step   `json:"steps"`

	hash Hash
}

// Band is a range of temperatures, in whole degrees Celsius.
type Band struct {
	Code string `json:"code"`
	Min  int64  `json:"min"`
	Max  int64  `json:"max"`
}

// Step is something that happens to a bag.
type Step struct {
	Code    string   `json:"code"`
	Does    string   `json:"does"` // an action of the vocabulary
	From    []string `json:"from"` // states; "" is before there is a bag
	To      string   `json:"to"`   // a state; "" leaves the bag where it is
	By      []string `json:"by"`   // roles
	Gates   []Gate   `json:"gates"`
	Window  *Window  `json:"window,omitempty"`
	Expires Duration `json:"expires,omitzero"`  // sets the expiry: so long after this step
	Band    string   `json:"band,omitempty"`    // how the bag is kept from here on
	Offline bool     `json:"offline,omitempty"` // may be told later than it happened
}

// Window is the longest time since a state was entered.
type Window struct {
	Since string   `json:"since"`
	Max   Duration `json:"max"`
}

// Gate is a condition of a step, by its name in the vocabulary. The others are its
// parameters.
type Gate struct {
	Gate    string   `json:"gate"`
	Purpose string   `json:"purpose,omitempty"` // consent: treatment or data
	Meaning string   `json:"meaning,omitempty"` // esig: what the signature means
	Of      string   `json:"of,omitempty"`      // patient, two_ids: recipient or donor
	Role    string   `json:"role,omitempty"`    // at_site: whose site
	Within  Duration `json:"within,omitzero"`   // esig, thaw_window
	Tests   []string `json:"tests,omitempty"`   // qc: results that must be in specification
	Late    []string `json:"late,omitempty"`    // qc: of these, the ones that a conditional release may await
}

// Duration is in milliseconds; its text is that of Go: 30h, 20m, 45s.
type Duration int64

// MarshalText writes the duration.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte((time.Duration(d) * time.Millisecond).String()), nil
}

// UnmarshalText reads a duration of at least a millisecond.
func (d *Duration) UnmarshalText(text []byte) error {
	t, err := time.ParseDuration(string(text))
	if err != nil || t < time.Millisecond {
		return fmt.Errorf("%q is not a duration like 30h, 20m or 45s", text)
	}
	*d = Duration(t.Milliseconds())
	return nil
}

// Load reads a definition and refuses one that is not sound: see docs/therapy.md.
func Load(data []byte) (*Definition, error) {
	if len(data) > maxDefinition {
		return nil, fmt.Errorf("the definition has more than %d bytes", maxDefinition)
	}
	form, err := canonical.JSON(data)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	d := &Definition{hash: sha256.Sum256(form)}
	if err := strict(data, d); err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	if faults := d.lint(); len(faults) > 0 {
		return nil, fmt.Errorf("definition %s: %w", d.ID, errors.Join(faults...))
	}
	return d, nil
}

// strict reads JSON without fields that are unknown.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text follows the value")
	}
	return nil
}

// Hash is the SHA-256 of the definition's canonical form. A journey keeps the one that it
// was opened with.
func (d *Definition) Hash() Hash { return d.hash }

// Step finds a step by its code.
func (d *Definition) Step(code string) *Step {
	for i := range d.Steps {
		if d.Steps[i].Code == code {
			return &d.Steps[i]
		}
	}
	return nil
}
