package access

import "github.com/aceso-health/aceso/consent"

// What a Consent says, see consent.Told.
type (
	Told      = consent.Told
	Statement = consent.Statement
	Criterion = consent.Criterion
	Window    = consent.Window
	Datum     = consent.Datum
)

// Tell says what a Consent says that the gate has shown to the caller, or that the caller has
// sent: it reads nothing else, so there is nothing to decide or to record.
func (g *Gate) Tell(v *Version) (*Told, error) {
	return g.Consents.Compiler.Tell(v.Ref, v.Version, v.Body)
}
