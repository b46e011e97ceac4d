package node

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/policy"
)

// Options are what an operator decides about a node.
type Options struct {
	// Organization and Name of the node. A new folder or database is fixed to them; one
	// in use has its own, which apply if these are empty, and refuses others.
	Organization, Name string
	// Unnamed is the organisation of a new node without Organization; org1 if empty.
	Unnamed  string
	BaseURL  string   // FHIR base URL that clients see
	Database Database // zero: the folder keeps the data
	Policies string   // folder of policies; the built-in ones if empty
	// TryPolicies checks drafts of policies, see TryApart; nil: in this process.
	TryPolicies func(ctx context.Context, archive []byte, tests bool) policy.Trial
	Issuers     string         // file that names external token issuers
	SignIn      string         // file that names the OpenID provider where people sign in; none if empty
	Witness     string         // folder or URL that gets a copy of every checkpoint
	Origins     []string       // whose scripts may read answers
	Proxies     []netip.Prefix // of trusted proxies, whose forwarded headers count
	Rate        float64        // entries per second of each client but own systems (see UsualRate); 0 is no limit for anybody
	Scrub       time.Duration
	Validate    string // level at which writes are validated, see validate.ParseLevel; base if empty
	Anchor      Anchoring
	Version     string // of the program
	Log         *slog.Logger
}

// UsualRate is the usual Options.Rate.
const UsualRate = 50

// Database names a database for data and records, which several nodes may share.
// Zero is none.
type Database struct {
	URI       string // connection string
	MasterKey string // file with the key that seals the keys in it; master.key in the folder if empty
}

// Anchoring is how a node's records come to a network's ledger.
type Anchoring struct {
	Profile  string        // connection profile of a Fabric channel; without one nothing is anchored
	Warn     time.Duration // warn of records that wait for longer; 0 is never
	ReadOnly time.Duration // refuse changes while records wait for longer; 0 is never
	Age      time.Duration // anchor waiting records after this time at the latest
	Most     int64         // records in one transaction
}

// cadence fills in what is not given.
func (o Anchoring) cadence() fabric.Cadence {
	c := fabric.Usual
	c.Age, c.Most = cmp.Or(o.Age, c.Age), cmp.Or(o.Most, c.Most)
	return c
}
