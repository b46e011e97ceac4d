package node

import (
	"context"
	"errors"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/emergency"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/kept"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/certificate"
	"github.com/aceso-health/aceso/purge"
	"github.com/aceso-health/aceso/quorum"
	"github.com/aceso-health/aceso/store"
)

// purgeEvery is how often purges go on that were interrupted, or wait for something.
const purgeEvery = time.Minute

// openPurges makes what removes data for good.
func (n *Node) openPurges() {
	rows := gateRows{keptRows{n.store}, n.gate}
	wake := make(chan struct{}, 1)
	n.purges = &purge.Purges{
		Keeper: rows, Data: purgeData{n}, Records: liveRecords{n}, Organization: n.organization, Now: time.Now, Sign: n.signPurge,
		Beside: emergency.Spaces(),
		Quorum: &quorum.Quorum{Keeper: rows, House: n.organization, Now: time.Now, People: n.gate.Person},
		Wake: func() {
			select {
			case wake <- struct{}{}:
			default: // it will come anyway
			}
		},
	}
	n.purgeSoon = wake
}

// purge goes on with purges: at once after each step of a person, and every minute.
func (n *Node) purge(ctx context.Context) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		if err := n.purges.Work(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("a purge cannot go on now: it goes on in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-n.purgeSoon:
		case <-tick.C:
		}
	}
}

// signPurge signs a certificate with the key of the change log's checkpoints, and proves the
// records that it names as far as they are in this log.
func (n *Node) signPurge(ctx context.Context, text string, receipts []string) (string, error) {
	_, key, err := n.ring.Signer(keyring.Log)
	if err != nil {
		return "", err
	}
	signer, err := ledgerbridge.NewSigner(n.changes.Source(), key)
	if err != nil {
		return "", err
	}
	return certificate.Make(ctx, n.changes, signer, text, receipts)
}

// purgeData is the data of the node, through the gate.
type purgeData struct{ n *Node }

// Look visits versions.
func (d purgeData) Look(ctx context.Context, call *kept.Call, who agent.Agent, patient string, only fhir.Ref, visit func(*purge.Version) error) error {
	c := access.Call{Agent: who, Request: call.Request, Address: call.Address}
	err := d.n.gate.LookToPurge(ctx, &c, patient, only, func(v *access.Version) error {
		return visit(&purge.Version{
			Ref: v.Ref, Version: v.Version, At: v.LastUpdated, Owner: v.Owner, Deleted: v.Deleted, Purged: v.Purged != "",
			Patients: v.Facts.Patients, Logical: v.Facts.Logical, Names: store.Names(&v.Facts), Body: v.Body,
		})
	})
	call.Receipts = append(call.Receipts, c.Receipts...)
	return err
}

// Remove removes what a step names.
func (d purgeData) Remove(ctx context.Context, call *kept.Call, who agent.Agent, step purge.Step) error {
	c := access.Call{Agent: who, Request: call.Request, Address: call.Address}
	removal := access.Removal{Patient: step.Patient, Whole: step.Whole, Until: step.Until, Detail: step.Detail, Keep: func(resources, versions int) (store.Kept, error) {
		row, err := step.Row(resources, versions)
		return keptOf([]kept.Row{row})[0], err
	}}
	if step.Version > 0 {
		removal.Only = []access.OneVersion{{Ref: step.Ref, Version: step.Version}}
	}
	err := d.n.gate.Remove(ctx, &c, removal)
	call.Receipts = append(call.Receipts, c.Receipts...)
	return changedOf(err)
}

// Scrub overwrites what is left behind.
func (d purgeData) Scrub(ctx context.Context) error {
	s, ok := d.n.store.(store.Purger)
	if !ok {
		return errors.New("this store cannot overwrite what it has removed")
	}
	return s.Scrub(ctx, nil)
}
