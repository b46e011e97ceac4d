package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/audit"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
)

// scrubTurns is in how many rounds the scrubber looks again at everything that was
// verified before: a week, if it works every hour.
const scrubTurns = 168

// verification is one run of all checks.
type verification struct {
	*records
	from   audit.Point
	turns  int64 // look also at one part in so many of what was verified before; 0: not at all
	mu     sync.Mutex
	failed []error
	found  int
	to     audit.Point
	report func(store.Finding) error
}

// verify checks the logs, every stored version and every index row, as far as they were
// not verified before. An error in one does not keep it from checking the others. What
// was verified is noted if nothing was found. With together, the checks run at the same
// time.
func (r *records) verify(ctx context.Context, x Extent, turns int64, together bool, report func(store.Finding) error) error {
	v := &verification{records: r, turns: turns, report: report}
	if err := v.begin(ctx, x); err != nil {
		return err
	}
	v.run(together,
		func() error { return v.logs(ctx) },
		func() error { return v.versions(ctx) },
		func() error { return v.stored(ctx) })
	for entry, n := range v.to.Versions.Purged {
		x.say(false, "%d versions were purged by entry %s, and their hashes are those of the change log", n, entry)
	}
	return v.end(x)
}

// begin finds what the run goes on from.
func (v *verification) begin(ctx context.Context, x Extent) (err error) {
	before, err := v.goOn(ctx, x, v.tell)
	if err != nil {
		return err
	}
	if !x.All {
		v.from = before
	}
	if before.Store != nil && v.from.Program != x.Program && !x.All { // it may derive search keys otherwise
		x.say(false, "version %s made the last check, this is %s: every resource is checked", v.from.Program, x.Program)
		v.from.Store = nil
	}
	v.to, err = v.newPoint(ctx, x, before)
	return err
}

// run makes checks, one after the other or together.
func (v *verification) run(together bool, checks ...func() error) {
	var running sync.WaitGroup
	for _, check := range checks {
		do := func() {
			err := check()
			v.mu.Lock()
			defer v.mu.Unlock()
			v.failed = append(v.failed, err)
		}
		if together {
			running.Go(do)
		} else {
			do()
		}
	}
	running.Wait()
}

// end notes what was verified.
func (v *verification) end(x Extent) error {
	if err := errors.Join(v.failed...); err != nil || v.found > 0 {
		return err
	}
	if err := v.keepPoint(v.to); err != nil {
		x.say(true, "the next check will not go on from this one: %v", err)
	}
	return nil
}

// tell reports a finding.
func (v *verification) tell(f store.Finding) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.found++
	return v.report(f)
}

// versions compares stored versions with the change logs.
func (v *verification) versions(ctx context.Context) (err error) {
	inMain := func(f store.Finding) error {
		f.Table = v.home.tables("").resources + f.Table
		return v.tell(f)
	}
	if v.to.Versions, err = audit.VerifyFrom(ctx, v.store, v.from.Versions, inMain); err != nil || v.turns == 0 || len(v.from.Versions.Entries) == 0 {
		return err
	}
	purged := v.to.Versions.Purged
	v.to.Versions, err = audit.VerifyTurn(ctx, v.store, v.to.Versions, v.turns, inMain)
	v.to.Versions.Purged = purged
	return err
}

// stored compares what is stored with what can be derived again.
func (v *verification) stored(ctx context.Context) (err error) {
	v.to.Store, err = v.store.CheckSince(ctx, store.Since{Mark: v.from.Store, Turns: v.turns}, func(f store.Finding) error {
		return v.tell(store.Finding{Table: f.File + " " + f.Table, Row: f.Row + " " + f.Column, What: f.What})
	})
	return err
}

// logs audits this node's logs against the checkpoints in its folder, and those of all
// nodes against the checkpoints in their database.
func (v *verification) logs(ctx context.Context) error {
	all, err := store.AllLogs(ctx, v.store)
	if err != nil {
		return err
	}
	sources, err := v.home.sources(ctx)
	if err != nil {
		return err
	}
	v.to.Logs, v.to.Turns = map[string]ledgerbridge.TreeHead{}, map[string]int64{}
	var failed []error
	for _, j := range v.journals() {
		failed = append(failed, v.log(ctx, j, all))
	}
	for _, source := range sources {
		j, err := v.home.journal(ctx, v.records, source)
		if err != nil {
			failed = append(failed, v.reported(err))
			continue
		}
		failed = append(failed, v.log(ctx, j, all))
	}
	return errors.Join(failed...)
}

// log audits one log and opens every part that was not erased: only the keyring can tell
// whether sealed bytes are what they were.
func (v *verification) log(ctx context.Context, j *ledgerbridge.Journal, all []ledgerbridge.Log) error {
	source := j.Source()
	check := v.sealer.AuditParts(ctx, source, all...)
	a, err := j.AuditFrom(ctx, v.from.Logs[source], check)
	if err != nil {
		return v.reported(err)
	}
	v.to.Logs[source] = a.Head
	head, from := v.from.Logs[source], v.from.Turns[source]
	if v.turns == 0 || head.Size == 0 {
		v.to.Turns[source] = from
		return nil
	}
	if from >= head.Size {
		from = 0
	}
	to := store.NextPart(from, head.Size, v.turns)
	v.to.Turns[source] = to
	return v.reported(j.AuditPart(ctx, head, from, to, check))
}

// reported turns damage into a finding.
func (v *verification) reported(err error) error {
	var damage *ledgerbridge.Damage
	if !errors.As(err, &damage) {
		return err
	}
	return v.tell(v.home.tables(damage.Source).place(damage))
}

// tables names where a log, its checkpoints and the resources are kept: tables with
// their file, or collections.
type tables struct {
	resources                          string // before the table
	entries, parts, tiles, checkpoints string
	row                                string // before the row
}

// place names where a log's damage is.
func (t tables) place(d *ledgerbridge.Damage) store.Finding {
	table := t.entries
	switch {
	case strings.HasPrefix(d.Column, "parts"):
		table = t.parts
	case strings.HasPrefix(d.Column, "tile"):
		table = t.tiles
	case strings.HasPrefix(d.Column, "checkpoint"):
		table = t.checkpoints
	}
	row := strings.TrimPrefix(d.Column, "tile ")
	if d.Seq >= 0 {
		row = fmt.Sprintf("%d %s", d.Seq, d.Column)
	}
	return store.Finding{Table: table, Row: t.row + row, What: d.What}
}
