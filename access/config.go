package access

import (
	"context"
	"log/slog"
	"time"

	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
)

// Decider is the policy in force. An error means deny.
type Decider interface {
	Decide(ctx context.Context, in policy.Input) (policy.Decision, error)
}

// Config is what a Gate is made of. Every field is needed but Writable, Validation, Parse, Others,
// where the store belongs to one node, and Network, where the ledger is a file beside the
// logs.
type Config struct {
	Store    store.Store
	Policy   Decider
	Consents *consent.Registry
	Sealer   *ledgerbridge.Sealer
	Changes  *ledgerbridge.Journal
	Accesses *ledgerbridge.Journal
	// Others opens a log of another node for reading. It is never called where the
	// store belongs to this node alone.
	Others       func(ctx context.Context, source string) (*ledgerbridge.Journal, error)
	Network      ledgerbridge.AnchorProver // nil without a network's ledger
	Organization string
	Node         string
	Base         string // all base URLs that the server has had, see fhir.Below
	Links        Links
	Now          func() time.Time
	Log          *slog.Logger
	// Writable is asked before every change; its error is the answer. nil means always.
	Writable   func() error
	Validation Validation
	// Then tells what decided at a time that is over; nil: it is not known.
	Then  Then
	Parse fhir.Parser // of what patches make; nil is fhir.Parse
}
