package consent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// Found is one stored Consent.
type Found struct {
	Ref      fhir.Ref
	Version  int64
	Body     []byte
	Patients []string // in whose compartments it is; only what EachConsent visits must say so
}

// Finder reads Consents. Both epochs here count writes of Consents in the store:
// a write that a snapshot contains has an epoch not above the snapshot's.
type Finder interface {
	// Consents returns the current, undeleted Consents whose compartments contain
	// patient, and the consent epoch of the snapshot they were read in. The snapshot
	// MUST contain everything that was committed before the call. Rules calls it
	// while a row is being judged: it MUST NOT wait for the search that is going on.
	Consents(ctx context.Context, patient string) (list []Found, epoch int64, err error)
	// ConsentChanges returns every patient whose Consents were written (created,
	// updated, deleted, moved to or from another patient) with an epoch above since,
	// and the epoch of the snapshot this was read in, under the same rules.
	ConsentChanges(ctx context.Context, since int64) (patients []string, epoch int64, err error)
	// EachConsent visits all current, undeleted Consents in portions, each with the epoch
	// of a snapshot of its own, under the same rules; at least one portion, which may be
	// empty. What is written meanwhile may be visited as it was, as it is, both, or not at
	// all: ConsentChanges since the first epoch names its patients.
	EachConsent(ctx context.Context, visit func(list []Found, epoch int64) error) error
}

// maxPatients limits a registry, at about 1 KB per patient with a few Consents.
const maxPatients = 100_000

// Registry caches the compiled Rules of patients. An entry is valid until a Consent
// of that patient is written, never for a fixed time. It is safe for concurrent use.
type Registry struct {
	Compiler Compiler
	// Defect, if set, receives every Consent that did not compile cleanly, or that the
	// privacy office should look at, each time that it is read.
	Defect func(ref fhir.Ref, version int64, err error)

	finder Finder
	limit  int

	mu      sync.RWMutex
	entries map[string]entry
	through int64 // all entries include the writes up to this epoch

	shapes *shapes
}

type entry struct {
	rules []*Rules
	epoch int64 // of the snapshot they were read in
}

// NewRegistry returns an empty registry that reads with f. Set the exported fields before
// the first use.
func NewRegistry(f Finder) *Registry {
	return &Registry{finder: f, limit: maxPatients, entries: map[string]entry{}, shapes: newShapes()}
}

// Rules returns the rules of all Consents of patient ("Patient/1"), at least as new
// as epoch: the consent epoch of the snapshot that the row to be judged was read
// in. The slice must not be changed.
func (r *Registry) Rules(ctx context.Context, patient string, epoch int64) ([]*Rules, error) {
	if err := r.catchUp(ctx, epoch); err != nil {
		return nil, err
	}
	if e, current := r.lookup(patient, epoch); current {
		return e.rules, nil
	}
	list, at, err := r.finder.Consents(ctx, patient)
	if err != nil {
		return nil, fmt.Errorf("find consents: %w", err)
	}
	if at < epoch {
		return nil, fmt.Errorf("find consents: read at epoch %d, before %d", at, epoch)
	}
	fresh := entry{rules: r.compile(list), epoch: at}
	r.keep(patient, fresh)
	return fresh.rules, nil
}

// catchUp drops the entries of all patients whose Consents were written up to
// epoch. It does not hold the lock while it asks.
func (r *Registry) catchUp(ctx context.Context, epoch int64) error {
	since := r.missing(epoch)
	if epoch <= since {
		return nil
	}
	patients, at, err := r.finder.ConsentChanges(ctx, since)
	if err != nil {
		return fmt.Errorf("find changed consents: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range patients {
		if r.entries[p].epoch < at {
			delete(r.entries, p)
		}
	}
	// Another call may be ahead by now; it has dropped its own entries.
	r.through = max(r.through, at)
	return nil
}

// missing is the epoch up to which all entries include the writes. An empty registry
// skips to epoch: it need not ask for every write since the database was made.
func (r *Registry) missing(epoch int64) (through int64) {
	r.mu.RLock()
	through, empty := r.through, len(r.entries) == 0
	r.mu.RUnlock()
	if !empty || epoch <= through {
		return through
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) == 0 {
		r.through = max(r.through, epoch)
	}
	return r.through
}

func (r *Registry) lookup(patient string, epoch int64) (e entry, current bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	e, ok := r.entries[patient]
	return e, ok && max(e.epoch, r.through) >= epoch
}

// keep stores e, unless it is outdated: the registry would miss a write to this
// patient between e.epoch and r.through.
func (r *Registry) keep(patient string, e entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, exists := r.entries[patient]
	if e.epoch < r.through || exists && e.epoch < old.epoch {
		return
	}
	for victim := range r.entries {
		if exists || len(r.entries) < r.limit {
			break
		}
		delete(r.entries, victim)
	}
	r.entries[patient] = e
}

func (r *Registry) compile(list []Found) []*Rules {
	rules := make([]*Rules, len(list))
	for i, f := range list {
		var err error
		rules[i], err = r.Compiler.Compile(f.Ref, f.Version, f.Body)
		if w := rules[i].Warnings; err == nil && len(w) > 0 {
			err = errors.New(strings.Join(w, "; "))
		}
		if err != nil && r.Defect != nil {
			r.Defect(f.Ref, f.Version, err)
		}
	}
	return rules
}
