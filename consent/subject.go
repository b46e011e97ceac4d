package consent

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
)

// Subject is who asks, for what: constant during a request.
type Subject struct {
	// Actors identify the caller for certain: normalised references (Practitioner/1,
	// Organization/a, CareTeam/3, Device/client, a URL that is the token's own) and
	// identifiers as system|value.
	Actors []string
	// Possible are further ones that may be the caller's. A deny of one holds, a permit
	// does not.
	Possible []string
	// Open are the types ("CareTeam", or "" for identifiers) of which the caller may
	// have more references than are listed.
	Open []string

	Purpose    string // code of v3-ActReason
	Action     string // access, to read; collect, to create; correct, to update and delete
	Guest      bool   // of another organisation than this node's
	System     bool   // one of this organisation's own systems, not for research: nothing binds what it records
	BreakGlass bool   // has declared an emergency: only an explicit deny of BTG binds
	House      string // the organisation of this node, "Organization/own"
	Directory  Directory
	Reached    *Reached // what the resource leads to, if that is known already
	Now        time.Time

	purposes   []string // what the request is for, and all above it; none if that is unknown
	researches bool
}

// prepare works out once what every provision asks.
func (s *Subject) prepare() {
	s.purposes = agent.PurposesAbove(s.purpose())
	s.researches = agent.PurposeCovers("HRESCH", s.Purpose)
}

// Directory knows the resources that Consents refer to.
type Directory interface {
	// Stored returns what is known of a reference. ok is false if it cannot be
	// resolved, or if it is a group whose members are not listed.
	Stored(ref string) (e Entry, ok bool)
	// Facts returns those of the current version of a resource, deleted or not; nil if it
	// is not stored.
	Facts(ref string) *fhir.Facts
	// Naming returns the facts of the versions that named a Binary, past and deleted ones
	// included; at least one more than Furthest if there are as many.
	Naming(binary string) []*fhir.Facts
	// Identified returns the patients who have an identifier (system|value), up to one more
	// than MostIdentified; without a system, of any.
	Identified(identifier string) []string
}

// Entry is what a Directory knows of one resource.
type Entry struct {
	Facts  *fhir.Facts
	PartOf string // of an Organization: the one above it
}

// reads says whether the request reads: only that is what a Consent speaks of if it
// does not say otherwise.
func (s *Subject) reads() bool { return s.Action != "collect" && s.Action != "correct" }

// outside says that the request is none of the house's own care: a guest's, or research.
func (s *Subject) outside() bool { return s.Guest || s.researches }

// does says whether an action of a Consent is what the request does: every read is
// access; a guest's is disclosure, too, and a researcher's is use.
func (s *Subject) does(action string) bool {
	switch {
	case action == s.Action, action == "access" && s.reads():
		return true
	case action == "disclose":
		return s.Guest && s.reads()
	case action == "use":
		return s.researches && s.reads()
	}
	return false
}

// purpose is what the request is for; who breaks the glass does that, whatever the
// token says.
func (s *Subject) purpose() string {
	if s.BreakGlass {
		return "BTG"
	}
	return s.Purpose
}

func (s *Subject) stored(ref string) (Entry, bool) {
	if s.Directory == nil || ref == "" {
		return Entry{}, false
	}
	return s.Directory.Stored(ref)
}

// highest bounds how many organisations are above one another.
const highest = 16

// custody says whether an organisation keeps the data of this node: it is the node's, or
// above or below it.
func (s *Subject) custody(ref string) truth {
	if s.House == "" || ref == "" {
		return maybe
	}
	if ref == s.House {
		return yes
	}
	if _, known := s.stored(ref); !known {
		return maybe
	}
	return certain(s.above(s.House, ref) || s.above(ref, s.House))
}

// above says whether organisation low is part of high.
func (s *Subject) above(low, high string) bool {
	for range highest {
		e, known := s.stored(low)
		if !known || e.PartOf == "" {
			return false
		}
		if low = e.PartOf; low == high {
			return true
		}
	}
	return false
}

// teams are the types of what callers belong to. Whether one does cannot be told if the
// team is not stored.
var teams = oneOf{"CareTeam", "Group", "PractitionerRole"}

// doubtful says of a reference or identifier that is not among the caller's whether it
// must be resolved before one can say that it is somebody else's.
func doubtful(ref string) bool {
	typ, _, local := strings.Cut(ref, "/")
	return strings.ContainsAny(ref, "|:") || local && teams.has(typ)
}

// somebodyElse says that a doubtful actor is resolved, so that it is not the caller. A
// resource of another server never is; an identifier is if the caller has another one
// of the same system.
func (s *Subject) somebodyElse(ref string) bool {
	system, _, identifier := strings.Cut(ref, "|")
	if identifier {
		return slices.ContainsFunc(s.Actors, func(own string) bool { return strings.HasPrefix(own, system+"|") })
	}
	_, known := s.stored(ref)
	return known && !strings.Contains(ref, ":")
}

// open says whether the caller may have more references of the type of ref.
func (s *Subject) open(ref string) bool {
	typ := ""
	if !strings.ContainsAny(ref, "|:") {
		typ, _, _ = strings.Cut(ref, "/")
	}
	return slices.Contains(s.Open, typ)
}
