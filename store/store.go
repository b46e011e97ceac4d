// Package store is the contract between the gate and the databases that keep resources,
// their history, their index keys and the two logs.
//
// A store does not decide who may see what: it applies the caller's visibility function
// to every row of every alias. It does not parse documents.
package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
)

// ErrChanged says that a Write's Expect, a Guard or what was Judged no longer holds.
// Nothing was written; the gate looks again and retries.
var ErrChanged = errors.New("store: changed meanwhile")

// ErrNotFound says that there is no such resource or version.
var ErrNotFound = errors.New("store: not found")

// Unavailable is the answer while a database cannot be read or written.
func Unavailable(err error) error {
	return &fhir.Error{
		Kind:   fhir.Unavailable,
		Detail: "The server cannot read or write its data now. Try again later.",
		Err:    err,
	}
}

// Store keeps resources. Every implementation passes storetest.
type Store interface {
	Keeper
	// Get returns the current version, which may be a tombstone (Deleted), or ErrNotFound.
	// Visibility functions call it: it MUST NOT wait for a search that is going on.
	Get(ctx context.Context, ref fhir.Ref) (Version, error)
	// GetVersion returns one version of the history, or ErrNotFound. Its Facts.Patients
	// and Facts.Labels include those of all later versions, Facts.Later what they lead to.
	// What was purged is not found.
	GetVersion(ctx context.Context, ref fhir.Ref, version int64) (Version, error)
	// GetAt returns the version that was current at a time, to the millisecond: the last one
	// written by then, which may be a tombstone or purged, or ErrNotFound. Its Facts are its
	// own alone: what came later does not protect it, so nobody is shown it. It is under the
	// rules of Get.
	GetAt(ctx context.Context, ref fhir.Ref, at time.Time) (Version, error)
	// History returns versions newest first. What Visible and the caller see as
	// Facts.Patients and Facts.Labels of a version MUST include those of all later
	// versions of the resource (a label raised later protects the past too).
	History(ctx context.Context, h History) (Page, error)
	// Search answers a query. Visible MUST be applied to every row of every alias
	// (matches, chains, _has, includes, sort) before joining, sorting and counting.
	// What matched during the whole walk comes exactly once; nothing comes twice;
	// resources created after the first page stay out. If the Query was made by another Plan
	// than that of the snapshot, it is ErrChanged.
	Search(ctx context.Context, s Search) (Page, error)
	// Commit writes all of c or nothing: resources, history, index, facts and the
	// change log entry in one durable transaction. Several calls share one
	// transaction (group commit) without sharing each other's failures. It MUST
	// re-check Expect, Guards and Judged inside. A failure of the disk is an error that
	// is neither ErrChanged nor ErrNotFound; nothing is written then.
	Commit(ctx context.Context, c Change) (ledgerbridge.Receipt, error)
	// Record appends to the access log and returns only when the entry is durable. It
	// MUST check Judged as Commit does, in the transaction that writes the entry: the
	// caller returns data only after Record has succeeded.
	Record(ctx context.Context, p *ledgerbridge.Pending, j Judged) (ledgerbridge.Receipt, error)
	// Logs returns the change log and the access log of this node.
	Logs() (changes, accesses ledgerbridge.Log)
	// Consents returns the current, undeleted Consents whose compartments contain
	// patient, and the consent epoch of the snapshot they were read in. Visibility
	// functions call it: it MUST NOT wait for a search, history or commit that is
	// going on.
	Consents(ctx context.Context, patient string) ([]Version, int64, error)
	// Naming returns the facts of up to limit versions that name a Binary (see Names),
	// current, past and deleted ones, under the rules of Get.
	Naming(ctx context.Context, binary fhir.Ref, limit int) ([]*fhir.Facts, error)
	// ConsentChanges returns the keys (see Governed) of what governs access and was written
	// (created, updated, deleted, moved to or from another patient) with an epoch above
	// since, and the consent epoch of the snapshot, under the rules of Consents.
	ConsentChanges(ctx context.Context, since int64) (keys []string, epoch int64, err error)
	// EachConsent visits all current, undeleted Consents in portions, each with the consent
	// epoch of a snapshot of its own, under the rules of Consents, in constant memory. visit
	// is called at least once, perhaps with none, and never while a database is being read:
	// it may take its time. What is written meanwhile may be visited as it was, as it is,
	// both or not at all; ConsentChanges since the first epoch names its patients.
	EachConsent(ctx context.Context, visit func(all []Version, epoch int64) error) error
}

// Prober is a store that can be asked whether it can write.
type Prober interface {
	// Probe makes something durable that means nothing, wherever changes and records are
	// written. It leaves no trace in logs and resources.
	Probe(ctx context.Context) error
}

// Version is one stored version of a resource.
type Version struct {
	Ref         fhir.Ref
	Version     int64
	LastUpdated time.Time
	Deleted     bool
	Method      string // POST PUT DELETE
	Owner       string // organisation whose agent wrote it
	Body        []byte // nil for a tombstone, and for what was purged
	Hash        fhir.Hash
	Purged      string     // change log entry by which it was purged (see Purge), "" if it was not; then it is Deleted, too
	Facts       fhir.Facts // of a tombstone: those of the version it replaced; of what was purged, Remains
	Source      string     // change log entry that wrote it: source ...
	Seq         int64      // ... and position
	Epoch       int64      // consent epoch of the snapshot this was read in

	Content Content // of a page that was asked for with Within: what the version holds
}

// Item is a written version as its record names it.
func (v *Version) Item() ledgerbridge.Item {
	return ledgerbridge.Item{Ref: v.Ref.String(), Version: v.Version, Method: v.Method, Hash: v.Hash}
}

// Row is what a visibility function sees of a version.
type Row struct {
	Ref     fhir.Ref
	Version int64
	Owner   string
	Deleted bool
	Facts   *fhir.Facts // MUST NOT be kept or changed by the visibility function, but for the fields that are not stored
	Epoch   int64       // consent epoch of the snapshot this row was read in
	Content Content     // what the version holds; nil: nobody has read it
	Within  bool        // certainly satisfies what Within requires; false says nothing
}

// Content tells what a version holds, on demand.
type Content interface {
	// Holds says whether a condition, which has no Chain and no Reverse, holds for the version
	// by the search keys that are stored with it; known is false if these were not read.
	Holds(c search.Condition) (holds, known bool, err error)
	// Document is the resource, nil if it was not read.
	Document() ([]byte, error)
}

// Within says, for one type, what a visibility function requires of a resource itself: it
// hides every current one for which the condition, which has no Chain and no Reverse, does
// not hold. nil, and a nil function, require nothing. It is asked under the rules of Visible.
type Within func(typ string) search.Condition

// Visible says whether the caller may know this row. It is called many times per
// search and must be cheap; an error ends the search with that error.
type Visible func(Row) (bool, error)

// Search is one page of a query.
type Search struct {
	Query   *search.Query
	Visible Visible
	Sight   Sights // what is certain of whole sets of rows; nil: nothing
	Within  Within // what Visible requires of a row itself, for which it asks for its Content
	After   []byte // Page.Next of the page before, nil for the first
	Limit   int    // matches per page
	Count   bool   // compute Page.Total (of visible matches)
	Most    int    // rows that may be examined before the search is TooCostly; 0: as many as the store allows
	Work    *Work  // what the request has left for this and other searches; nil: no bound
	NoBody  bool   // matches are only counted (_summary=count)
	Judging bool   // a visibility function asks: MUST NOT wait for a search that is going on
	Bytes   int64  // of documents, after which the page ends; 0: no bound
}

// History selects versions: of one resource, of a type, or of all (both empty).
type History struct {
	Type, ID string
	Since    time.Time // versions written at or after
	At       time.Time // versions current at some time from At until Until: zero for all
	Until    time.Time // is not part of that time; zero: a millisecond after At
	Purged   bool      // also versions that were purged, which nobody may be shown
	Visible  Visible
	Sight    Sights // see Search
	After    []byte
	Limit    int
	Count    bool
	Most     int   // see Search
	Work     *Work // see Search
	Bytes    int64 // of documents, after which the page ends; 0: no bound
}

// Selects says whether a version is one of those that Since, At and Until want: it was
// written at one time and replaced at another, in milliseconds.
func (h *History) Selects(written, replaced int64) bool {
	if time.UnixMilli(written).Before(h.Since) {
		return false
	}
	until := h.Until
	if until.IsZero() {
		until = h.At.Add(time.Millisecond)
	}
	return h.At.IsZero() || time.UnixMilli(written).Before(until) && replaced > h.At.UnixMilli()
}

// Page is one page of a search or a history.
type Page struct {
	Matches  []Version
	Included []Version
	Total    int64  // -1 unless counted
	Next     []byte // nil on the last page
	Epoch    int64  // consent epoch of the snapshot
	Selected Selected
	At       []byte // names the snapshot of a search for a Guard, in the store's own way; nil if it cannot be named
}

// Selected are the patients of the rows that satisfied a query before the page was
// complete, counted ones included: those of rows that the caller may see, and those of
// hidden rows. Each is named once; no more than SelectedLimit are named. Of the hidden ones
// those need not be who are visible, too, nor any others once the selection is Broad.
type Selected struct{ Visible, Hidden []string }

// Broad says that a question that selects hidden rows singles nobody out.
func (s Selected) Broad() bool { return Broad(s.Visible, s.Hidden) }

// Broad says whether the patients of visible and hidden rows, each named once, are more than
// a record names because a question leads to them, and some of them are hidden.
func Broad(visible, hidden []string) bool {
	if len(hidden) == 0 {
		return false
	}
	others := SingledOut - len(visible)
	for i := 0; i < len(hidden) && others >= 0; i++ {
		if !slices.Contains(visible, hidden[i]) {
			others--
		}
	}
	return others < 0
}

// SelectedLimit is how many patients a Selected names. It is above what a record names one
// by one, and not by much: to find out whose each of many counted resources is, is most of
// what it costs to count them.
const SelectedLimit = 250

// SingledOut is how many patients a question may lead to that is about each of them; a
// broader one is about nobody in particular.
const SingledOut = 10

// Change is all that one request writes.
type Change struct {
	Writes []Write
	Purges []Purge // after Writes; none may be a current version that is not deleted. ErrChanged if one is, or has another hash
	Guards []Guard
	Keep   []Kept // rows beside resources, each once
	Judged Judged
	Plan   int64                 // by which the keys of Writes were made, see Plan.Number: if that is another one, it is ErrChanged
	Entry  *ledgerbridge.Pending // the record; also alone (erasure)
}

// Judged is what an answer or a change was judged by, apart from the rows themselves. The
// zero Judged always holds.
//
// A store MUST answer ErrChanged, and MUST NOT write anything of the call, if one of the
// keys changed after Epoch, or one of Seen has changed, and that change was acknowledged before the call. It MUST NOT
// answer ErrChanged if nothing has. A store whose every snapshot holds all
// that was acknowledged before need not check: the answer was true when it was worked out.
type Judged struct {
	Keys  []string // whose changes matter: patients ("Patient/1"), and those by whom the caller was identified; in any order, without duplicates
	All   bool     // too many to name: any change matters
	Epoch int64    // the lowest consent epoch of the snapshots that were judged
	Seen  []Seen   // what the rows judged lead to
}

// Seen is a resource as it was when a row that leads to it was judged. It has changed if it
// is in another version, or if more versions name it.
type Seen struct {
	Ref     fhir.Ref
	Version int64 // 0: it did not exist; -1: was not asked
	Names   int   // of a Binary: how many versions name it (see Names); -1: was not asked
}

// Write is one new version. Version is Expect+1.
type Write struct {
	Ref         fhir.Ref
	Expect      int64 // version that must be current, tombstones included; 0: never existed
	LastUpdated time.Time
	Deleted     bool
	Method      string
	Owner       string
	Body        []byte
	Hash        fhir.Hash
	Purge       bool          // a tombstone whose resource goes as a whole: it counts as purged by the entry that writes it
	Purged      string        // of a copy: see Version; it is a tombstone with a hash then
	Index       *search.Index // as the document says, time and id included; nil for a tombstone
	Facts       fhir.Facts    // the document's
}

// Guard is the criteria of a conditional interaction, checked again inside the
// transaction: the visible matches must be exactly Want.
type Guard struct {
	Query    *search.Query
	Visible  Visible
	Sight    Sights // see Search
	Within   Within // see Search
	Want     []fhir.Ref
	Versions []int64 // those of the ones wanted; nil: any
	At       []byte  // Page.At of the search that found Want: the store need not search again if nothing changed since
}

// Unchanged is the guard that a resource is still in a version.
func Unchanged(ref fhir.Ref, version int64) Guard {
	return Guard{
		Query:   &search.Query{Type: ref.Type, Where: search.All{search.HasKey{Key: search.IDKey(ref.ID)}}, Count: -1},
		Visible: func(Row) (bool, error) { return true, nil },
		Want:    []fhir.Ref{ref}, Versions: []int64{version},
	}
}

// Search finds the matches, and one more than are wanted.
func (g *Guard) Search(w *Work) Search {
	return Search{Query: g.Query, Visible: g.Visible, Sight: g.Sight, Within: g.Within, Limit: len(g.Want) + 1, Most: guardRows, Work: w}
}

// Check judges what that search has found: ErrChanged unless it is what is wanted. It is
// ErrChanged, too, if more would have to be examined than when the guard was decided.
func (g *Guard) Check(page Page, err error) error {
	var refusal *fhir.Error
	switch {
	case errors.As(err, &refusal) && refusal.Kind == fhir.TooCostly:
		return ErrChanged
	case err != nil:
		return err
	case !g.holds(page):
		return ErrChanged
	}
	return nil
}

func (g *Guard) holds(page Page) bool {
	found := make([]fhir.Ref, len(page.Matches))
	for i, m := range page.Matches {
		found[i] = m.Ref
		if g.Versions != nil && !g.wants(m) {
			return false
		}
	}
	byName := func(a, b fhir.Ref) int { return strings.Compare(a.String(), b.String()) }
	slices.SortFunc(found, byName)
	return slices.Equal(found, slices.SortedFunc(slices.Values(g.Want), byName))
}

// wants says whether a match is wanted in its version.
func (g *Guard) wants(m Version) bool {
	i := slices.Index(g.Want, m.Ref)
	return i >= 0 && g.Versions[i] == m.Version
}
