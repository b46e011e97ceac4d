package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// Extent says whether a check goes on from what was verified before.
type Extent struct {
	All     bool                      // it does not: everything is checked
	Program string                    // version, noted with what was verified
	Say     func(text string, w bool) // told what the check goes on from; w is for a warning: why it does not. May be nil
}

func (x Extent) say(warn bool, format string, args ...any) {
	if x.Say != nil {
		x.Say(fmt.Sprintf(format, args...), warn)
	}
}

// self is the node's name in a point.
func (r *records) self() string { return r.organization + "/" + r.name }

// readPoint reads what was verified before; fs.ErrNotExist if nothing was.
func (r *records) readPoint() (audit.Point, error) {
	signed, err := os.ReadFile(r.data.verified())
	if err != nil {
		return audit.Point{}, err
	}
	return audit.OpenPoint(signed, r.self(), r.publicKeys())
}

// publicKeys are those of the keys that sign the node's checkpoints.
func (r *records) publicKeys() (keys []ed25519.PublicKey) {
	for _, k := range r.ring.Keys(keyring.Log) {
		keys = append(keys, k.Public())
	}
	return keys
}

// keepPoint notes what was verified. It replaces the file in one step: a crash leaves the
// one before.
func (r *records) keepPoint(p audit.Point) error {
	_, key, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return err
	}
	signed, err := p.Sign(key)
	if err == nil {
		err = durable.WriteFile(r.data.verified(), signed)
	}
	if err != nil {
		return fmt.Errorf("note what was verified: %w", err)
	}
	return nil
}

// newPoint begins the point of a check. It keeps of the one before what is not checked now.
func (r *records) newPoint(ctx context.Context, x Extent, before audit.Point) (audit.Point, error) {
	p := before
	p.Node, p.Program, p.Checks, p.Time = r.self(), x.Program, audit.Checks, time.Now().UTC().Truncate(time.Second)
	p.Heads = map[string]ledgerbridge.TreeHead{}
	err := r.eachJournal(ctx, func(j *ledgerbridge.Journal) error {
		last := j.Last()
		p.Heads[j.Source()] = ledgerbridge.TreeHead{Size: last.Size, Root: last.Root}
		return nil
	})
	return p, err
}

// goOn is the point of the check before; the zero Point if there is none. A point that is
// not the node's own word is not believed. One that is, and that the logs do not
// continue, is reported: then either was replaced.
func (r *records) goOn(ctx context.Context, x Extent, report func(store.Finding) error) (audit.Point, error) {
	p, err := r.readPoint()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.say(false, "nothing was verified before: everything is checked")
		return p, nil
	case err != nil:
		x.say(true, "%s is not believed, everything is checked: %v", r.data.verified(), err)
		return audit.Point{}, nil
	}
	ok := true
	for source, head := range p.Heads {
		finding, err := r.contradiction(ctx, source, head)
		if err != nil {
			return audit.Point{}, err
		}
		if finding != nil {
			ok = false
			if err := report(*finding); err != nil {
				return audit.Point{}, err
			}
		}
	}
	switch {
	case !ok:
		x.say(true, "the records are not those that %s speaks of: everything is checked", r.data.verified())
		return audit.Point{}, nil
	case x.All:
		x.say(false, "everything is checked")
	default:
		x.say(false, "what is new since version %s checked at %s is checked; --all checks everything again", p.Program, p.Time.Format(time.RFC3339))
	}
	return p, nil
}

// contradiction says how a log contradicts its head in a point, nil if it does not.
func (r *records) contradiction(ctx context.Context, source string, head ledgerbridge.TreeHead) (*store.Finding, error) {
	var ok bool
	j, err := r.journalOf(ctx, source)
	if err == nil {
		ok, err = j.Continues(ctx, head)
	}
	var damage *ledgerbridge.Damage
	switch {
	case errors.As(err, &damage):
		f := r.home.tables(source).place(damage)
		return &f, nil
	case err != nil || ok:
		return nil, err
	}
	return &store.Finding{Table: "verified", Row: source, What: fmt.Sprintf("the first %d rows had another root when they were verified: the log was replaced since, or another folder's file was put here", head.Size)}, nil
}

// continued compares the node's own logs with what was verified before, when it starts.
// The node does not serve a log that has become shorter.
func (r *records) continued(ctx context.Context) error {
	p, err := r.readPoint()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		r.doubted = true
		r.log.Warn("what was verified before is not believed: everything will be checked", "file", r.data.verified(), "error", err)
		return nil
	}
	for _, j := range r.journals() {
		ok, err := j.Continues(ctx, p.Heads[j.Source()])
		if err != nil {
			return fmt.Errorf("%w. If you restored a backup, keep %s as evidence and move it away", err, r.data.verified())
		}
		if !ok {
			r.doubted = true
			r.log.Error("ALARM: a log is not the one that was verified before: everything will be checked", "source", j.Source(), "file", r.data.verified())
		}
	}
	return nil
}

// journalOf is the journal of one of all logs.
func (r *records) journalOf(ctx context.Context, source string) (*ledgerbridge.Journal, error) {
	for _, j := range r.journals() {
		if j.Source() == source {
			return j, nil
		}
	}
	return r.home.journal(ctx, r, source)
}

// eachJournal visits the journals of the logs of all nodes: this one's with the
// checkpoints in its folder.
func (r *records) eachJournal(ctx context.Context, visit func(*ledgerbridge.Journal) error) error {
	sources, err := r.home.sources(ctx)
	if err != nil {
		return err
	}
	for _, j := range r.journals() {
		if err := visit(j); err != nil {
			return err
		}
	}
	for _, source := range sources {
		if r.changes.Source() == source || r.accesses.Source() == source {
			continue
		}
		j, err := r.home.journal(ctx, r, source)
		if err != nil {
			return err
		}
		if err := visit(j); err != nil {
			return err
		}
	}
	return nil
}
