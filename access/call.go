package access

import (
	"cmp"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// Version is one stored version of a resource.
type Version = store.Version

// Call is one request on its way through the gate. Receipts is filled by the gate,
// also when the answer is an error.
type Call struct {
	Agent    agent.Agent
	Request  string   // request id
	Address  string   // client address
	Receipts []string // values for the X-Aceso-Record header
	Room     int64    // bytes of documents that the answer may have; 0: MaxAnswer
	// Hold is told how many bytes of documents the request holds, whenever there are more;
	// its error refuses them. nil is never asked.
	Hold func(bytes int64) error
	// Basis is filled with what the answer rests on, if it is to be delivered later.
	Basis *Basis
	// Longest is how long a search may wait for its turns and work; 0: as usual.
	Longest time.Duration

	work *store.Work // what is left to spend, see spend
}

// MaxAnswer is how many bytes of documents an answer usually has at most: it ends with the
// document that reaches them. Answers are made in memory, several times as large.
const MaxAnswer = 32 << 20

// room is what the answer may have beside some bytes that it has already.
func (c *Call) room(has int64) int64 { return cmp.Or(c.Room, MaxAnswer) - has }

// Operation is one thing to do to one resource: a request, or an entry of a transaction.
type Operation struct {
	Method      string // POST PUT PATCH DELETE GET
	Ref         fhir.Ref
	Version     int64 // GET of one version; 0: the current
	Resource    *fhir.Resource
	Patch       Patch
	IfMatch     fhir.Match   // versions of which one must be current; nil: none
	IfNone      bool         // of a PUT: there must be no current version
	Conditional bool         // Criteria count: If-None-Exist on POST, search URL on PUT and DELETE
	Criteria    []fhir.Param // of a conditional interaction or of a GET search
	FullURL     string
	Expression  string // place in the request, e.g. Bundle.entry[3]; "" for a single request
}

// Effect is what became of an Operation.
type Effect struct {
	Status  int // 200 201 204 ...
	Version *Version
	Result  *Result // of a GET search
}

// SearchRequest is a search as it arrived.
type SearchRequest struct {
	Type        string
	Params      []fhir.Param
	Compartment string // "Patient/1" or ""
	Lenient     bool
	Link        string // opaque paging token; the other fields are ignored then
}

// HistoryRequest is a history interaction as it arrived.
type HistoryRequest struct {
	Type, ID  string // both empty: system level
	Since, At time.Time
	Until     time.Time // the end of At, which is a time of some length
	Count     int
	Total     bool // how many versions there are; of one resource it is always told
	Link      string
	Self      string // the query as it is written, for the link of further pages to the first
}

// Result is one page.
type Result struct {
	Query    *search.Query // nil for a history
	Matches  []Version
	Included []Version
	Total    int64  // -1: not counted
	Next     string // opaque paging token, "" on the last page
	Previous string // that of the page before, "" if that is the first one or not known
	Second   bool   // the page before is the first one
	Self     string // canonical query string for the self link
	Warnings []fhir.Issue

	position []byte // where the next page begins, before it is sealed
}
