package node

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
	"github.com/aceso-health/aceso/store"
)

// packagePoll is how often a node asks which packages there are.
const packagePoll = 2 * time.Second

// rules is what the node holds resources against.
type rules struct {
	level     validate.Level // of writes
	validator atomic.Pointer[validate.Validator]
	revisions map[string]string // of the packages in it
}

// current is the validator in force.
func (r *rules) current() *validate.Validator { return r.validator.Load() }

// openRules reads the packages, now and whenever there are others.
func (n *Node) openRules(ctx context.Context, level string) (err error) {
	if n.rules.level, err = validate.ParseLevel(cmp.Or(level, "base")); err != nil {
		return err
	}
	kept := n.home.packages()
	if err := n.rules.look(ctx, kept); err != nil {
		return err
	}
	n.running.Go(func() {
		for range every(ctx, packagePoll) {
			if err := n.rules.look(ctx, kept); err != nil && ctx.Err() == nil {
				n.log.Error("packages were not read: those before stay in force", "error", err)
			}
		}
	})
	return nil
}

// look makes a new validator if there are other packages.
func (r *rules) look(ctx context.Context, kept packages) error {
	revisions, err := kept.List(ctx)
	if err != nil {
		return err
	}
	if r.validator.Load() != nil && maps.Equal(revisions, r.revisions) {
		return nil
	}
	var definitions [][]byte
	terms := packageTerms{}
	for name, revision := range revisions {
		data, err := kept.Load(ctx, name, revision)
		if err != nil {
			return err
		}
		p, err := validate.Unpack(data)
		if err != nil {
			return fmt.Errorf("package %s: %w", name, err)
		}
		for _, d := range p.Profiles {
			definitions = append(definitions, d)
		}
		if err := terms.add(p.Terminology); err != nil {
			return fmt.Errorf("package %s: %w", name, err)
		}
	}
	profiles, err := validate.NewProfiles(definitions)
	if err != nil {
		return err
	}
	r.validator.Store(&validate.Validator{Profiles: profiles, Terminology: terms.begin})
	r.revisions = revisions
	return nil
}

// parser reads what is written. What governs access is always read strictly.
func (r *rules) parser() fhir.Parser {
	if r.level > validate.Off {
		return fhir.Parse
	}
	return func(data []byte) (*fhir.Resource, error) {
		doc, err := fhir.ParseLoosely(data)
		if err != nil || !store.Governs(doc.Type()) {
			return doc, err
		}
		return fhir.Parse(data)
	}
}
