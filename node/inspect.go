package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/durable"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// InspectChannel inspects a channel with a profile, from where the last inspection with
// the folder of a node ended. Without such a folder, and if x says so, it reads all.
func InspectChannel(ctx context.Context, data Folder, database Database, p *fabric.Profile, held fabric.Held, x Extent, report func(fabric.Finding)) (seen fabric.Inspected, err error) {
	r := records{log: slog.New(slog.DiscardHandler)}
	if served, err := r.keysOf(ctx, data, database); err != nil {
		return seen, errors.Join(err, r.close())
	} else if !served {
		return fabric.Inspect(ctx, p, time.Now(), held, report)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	var from *fabric.Known
	if !x.All {
		from = r.inspectedBefore(x)
	}
	began := time.Now()
	seen, known, err := fabric.InspectFrom(ctx, p, began, held, from, report)
	if err != nil || known == nil {
		return seen, err
	}
	if seen.Before > 0 {
		x.say(false, "%d blocks were inspected before, and only the last of them was read; --all reads everything again", seen.Before)
	}
	if err := r.keepInspected(x, known, began); err != nil {
		x.say(true, "the next inspection will not go on from this one: %v", err)
	}
	return seen, nil
}

// keysOf opens the keys of a node, if the folder is that of one.
func (r *records) keysOf(ctx context.Context, data Folder, database Database) (bool, error) {
	n, err := data.Identity()
	if errors.Is(err, ErrNeverServed) {
		return false, nil
	}
	if err == nil {
		err = r.choose(data, database)
	}
	if err != nil {
		return false, err
	}
	r.organization, r.name = n.Organization, n.Node
	return true, r.home.readRing(ctx, r)
}

// inspectedBefore is what an inspection goes on from; nil if there is nothing, or it is
// not believed.
func (r *records) inspectedBefore(x Extent) *fabric.Known {
	signed, err := os.ReadFile(r.data.inspected())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var c audit.Channel
	known := new(fabric.Known)
	if err == nil {
		c, err = audit.OpenChannel(signed, r.self(), r.publicKeys())
	}
	if err == nil {
		err = json.Unmarshal(c.Known, known)
	}
	if err != nil {
		x.say(true, "%s is not believed, everything is read: %v", r.data.inspected(), err)
		return nil
	}
	return known
}

func (r *records) keepInspected(x Extent, known *fabric.Known, began time.Time) error {
	c := audit.Channel{Node: r.self(), Program: x.Program, Checks: audit.Checks, Time: began.UTC().Truncate(time.Second)}
	var err error
	if c.Known, err = json.Marshal(known); err != nil {
		return err
	}
	_, key, err := r.ring.Signer(keyring.Log)
	if err != nil {
		return err
	}
	signed, err := c.Sign(key)
	if err == nil {
		err = durable.WriteFile(r.data.inspected(), signed)
	}
	if err != nil {
		return fmt.Errorf("note what was inspected: %w", err)
	}
	return nil
}
