package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/local"
)

// ledger checks a whole channel as an organisation sees it: every block of every
// reachable peer, every log's tree, and the checkpoints that this organisation holds.
func (v *verification) ledger() int {
	if v.profile == "" {
		return v.unchecked(errors.New("give the connection profile with --profile"))
	}
	p, err := fabric.ReadProfile(v.profile)
	if err != nil {
		return v.unchecked(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	held, err := v.held(ctx)
	var damage *ledgerbridge.Damage
	switch {
	case errors.As(err, &damage):
		return v.tampered(err)
	case err != nil:
		return v.unchecked(err)
	}
	t := &tally{stderr: v.stderr}
	seen, err := fabric.Inspect(ctx, p, time.Now(), held, t.add)
	if err == nil {
		v.show(p, seen)
		err = v.compareOwn(ctx, seen, t.add)
	}
	switch {
	case t.tampered > 0:
		return v.tampered(errors.Join(&findings{t.tampered}, err))
	case err != nil:
		return v.unchecked(err)
	case t.unchecked > 0:
		return v.unchecked(fmt.Errorf("%d places could not be looked at", t.unchecked))
	case p.Single():
		return v.unchecked(errors.New("the network has one organisation, which could rewrite all of it; it is for development"))
	}
	fmt.Fprintf(v.stdout, "ok: channel %s is whole\n", p.Channel)
	return exitWhole
}

// tally prints findings as they come, and counts them.
type tally struct {
	stderr              io.Writer
	tampered, unchecked int
}

func (t *tally) add(f fabric.Finding) {
	if f.Unchecked {
		t.unchecked++
		fmt.Fprintf(t.stderr, "not checked: %s\n", oneLine(f.String()))
		return
	}
	t.tampered++
	fmt.Fprintf(t.stderr, "tampered: %s\n", oneLine(f.String()))
}

// show prints what was seen, peer by peer and log by log.
func (v *verification) show(p *fabric.Profile, seen fabric.Inspected) {
	for _, peer := range seen.Peers {
		fmt.Fprintf(v.stdout, "peer %s of %s: %d blocks, head %x\n", peer.Name, peer.Organization, peer.Blocks, peer.Head)
	}
	for _, s := range seen.Sources {
		if s.Size == 0 {
			fmt.Fprintf(v.stdout, "source %s: %s, no records\n", oneLine(s.Origin), oneLine(s.State))
			continue
		}
		fmt.Fprintf(v.stdout, "source %s: %s, %d records in %d anchors, root %x, %d held checkpoints compared\n",
			oneLine(s.Origin), oneLine(s.State), s.Size, s.Anchors, s.Root, s.Held)
	}
}

// compareOwn looks whether the logs in the data folder begin with what the channel has
// of them. The root at the anchored size stands for all records before.
func (v *verification) compareOwn(ctx context.Context, seen fabric.Inspected, report func(fabric.Finding)) error {
	data := dataFolder(v.data)
	if _, err := data.readNode(); errors.Is(err, errNeverServed) {
		return nil
	}
	r, err := readRecords(ctx, data, v.database)
	if err != nil {
		return err
	}
	for _, j := range []*ledgerbridge.Journal{r.changes, r.accesses} {
		what, failed := compareLog(ctx, j, seen.Sources)
		if err = errors.Join(err, failed); what != "" {
			report(fabric.Finding{Block: -1, Source: j.Source(), What: what})
		}
	}
	return errors.Join(err, r.close())
}

// compareLog says how a log differs from what the channel has of it, "" if it does not.
func compareLog(ctx context.Context, j *ledgerbridge.Journal, sources []fabric.InspectedSource) (string, error) {
	at := slices.IndexFunc(sources, func(s fabric.InspectedSource) bool { return s.Origin == j.Source() })
	if at < 0 || sources[at].Size == 0 {
		return "", nil
	}
	s := sources[at]
	if last := j.Last().Size; last < s.Size {
		return fmt.Sprintf("the channel has %d records, the data folder has checkpoints up to %d only: it was restored from a backup, or cut", s.Size, last), nil
	}
	ours, err := j.Sign(ctx, s.Size)
	if err == nil && ours.Root != s.Root {
		return fmt.Sprintf("the first %d records in the data folder are not those that the channel has", s.Size), nil
	}
	return "", err
}

// held are the checkpoints of the data folder, if it is there or was asked for, and
// those of witnesses.
func (v *verification) held(ctx context.Context) (fabric.Held, error) {
	held := fabric.Held{}
	err := readHeld(ctx, held, dataFolder(v.data).checkpoints())
	switch {
	case errors.Is(err, fs.ErrNotExist) && v.data != defaultData:
		return nil, fmt.Errorf("%s has no checkpoints: --data names the data folder of a node", v.data)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if v.witness == "" {
		return held, nil
	}
	files := []string{v.witness}
	if info, err := os.Stat(v.witness); err == nil && info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(v.witness, "*."+local.FileName)); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		if err := readHeld(ctx, held, file); err != nil {
			return nil, err
		}
	}
	return held, nil
}

func readHeld(ctx context.Context, held fabric.Held, file string) error {
	l, err := local.OpenRead(file)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := l.Checkpoints(ctx, "", held.Add); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
