package consent

import (
	"context"
	"fmt"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// Found is one stored Consent.
type Found struct {
	Ref     fhir.Ref
	Version int64
	Body    []byte
}

// Finder reads Consents. Both epochs here count writes of Consents in the store:
// a write that a snapshot contains has an epoch not above the snapshot's.
type Finder interface {
	// Consents returns the current, undeleted Consents whose compartments contain
	// patient, and the consent epoch of the snapshot they were read in. The snapshot
	// MUST contain everything that was committed before the call. Rules calls it
	// while a row is being judged: it MUST NOT wait for the search that is going on.
	Consents(ctx context.Context, patient string) (list []Found, epoch int64, err error)
}

// Changes is what a Finder may offer besides: with it, a write to one patient's
// Consents leaves the rules of all others in the registry.
type Changes interface {
	// ConsentChanges returns every patient whose Consents were written (created,
	// updated, deleted, moved to or from another patient) with an epoch above since,
	// and the epoch of the snapshot this was read in, under the rules of Finder.
	ConsentChanges(ctx context.Context, since int64) (patients []string, epoch int64, err error)
}

// maxPatients bounds a registry: some 1 KB for each patient with a few Consents.
const maxPatients = 100_000

// Registry keeps the compiled Rules of patients. An entry holds until a Consent of
// that patient is written, never for a time. It is safe for concurrent use.
type Registry struct {
	Compiler Compiler
	// Defect, if set, is told of every Consent that did not compile cleanly, once
	// for each time that it is read.
	Defect func(ref fhir.Ref, version int64, err error)

	finder  Finder
	changes Changes // nil: not offered
	limit   int

	mu      sync.RWMutex
	entries map[string]entry
	through int64 // no entry misses a write up to this epoch
}

type entry struct {
	rules []*Rules
	epoch int64 // of the snapshot they were read in
}

// NewRegistry returns an empty registry that reads with f, and with Changes if f
// offers it. Set the exported fields before the first use.
func NewRegistry(f Finder) *Registry {
	r := &Registry{finder: f, limit: maxPatients, entries: map[string]entry{}}
	r.changes, _ = f.(Changes)
	return r
}

// Rules returns the rules of all Consents of patient ("Patient/1"), at least as new
// as epoch: the consent epoch of the snapshot that the row to be judged was read
// in. The slice must not be changed.
func (r *Registry) Rules(ctx context.Context, patient string, epoch int64) ([]*Rules, error) {
	if err := r.catchUp(ctx, epoch); err != nil {
		return nil, err
	}
	old, current := r.lookup(patient, epoch)
	if current {
		return old.rules, nil
	}
	list, at, err := r.finder.Consents(ctx, patient)
	if err != nil {
		return nil, fmt.Errorf("find consents: %w", err)
	}
	if at < epoch {
		return nil, fmt.Errorf("find consents: read at epoch %d, before %d", at, epoch)
	}
	fresh := entry{rules: r.compile(list, old.rules), epoch: at}
	r.keep(patient, fresh)
	return fresh.rules, nil
}

// catchUp drops the entries of all patients whose Consents were written up to
// epoch. It does not hold the lock while it asks.
func (r *Registry) catchUp(ctx context.Context, epoch int64) error {
	if r.changes == nil {
		return nil
	}
	since := r.missing(epoch)
	if epoch <= since {
		return nil
	}
	patients, at, err := r.changes.ConsentChanges(ctx, since)
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
	// Another call may have come further meanwhile; it has dropped what it must.
	r.through = max(r.through, at)
	return nil
}

// missing is the epoch up to which no entry misses a write. Without entries there is nothing
// to ask for: all writes since a database was made can be very many.
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

// keep stores e, unless it is older than what is known: a write between e.epoch
// and r.through may have been of this patient, and would go unnoticed.
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

// compile reuses the rules of versions that are already known: a version never changes.
func (r *Registry) compile(list []Found, known []*Rules) []*Rules {
	rules := make([]*Rules, len(list))
	for i, f := range list {
		for _, k := range known {
			if k.Ref == f.Ref && k.Version == f.Version {
				rules[i] = k
			}
		}
		if rules[i] != nil {
			continue
		}
		var err error
		rules[i], err = r.Compiler.Compile(f.Ref, f.Version, f.Body)
		if err != nil && r.Defect != nil {
			r.Defect(f.Ref, f.Version, err)
		}
	}
	return rules
}
