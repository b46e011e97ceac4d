package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
	"github.com/aceso-health/aceso/ledgerbridge/local"
)

// CompareChannel checks that the logs in a folder begin with what a channel has of them.
// The root at the anchored size stands for all records before it. A folder that was
// never served passes.
func CompareChannel(ctx context.Context, data Folder, database Database, seen []fabric.InspectedSource, report func(fabric.Finding)) (err error) {
	if _, err := data.Identity(); errors.Is(err, ErrNeverServed) {
		return nil
	}
	r := records{log: slog.New(slog.DiscardHandler)}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.read(ctx, data, database); err != nil {
		return err
	}
	for _, j := range r.journals() {
		what, failed := compareLog(ctx, j, seen)
		if err = errors.Join(err, failed); what != "" {
			report(fabric.Finding{Block: -1, Source: j.Source(), What: what})
		}
	}
	return err
}

// compareLog describes how a log differs from what the channel has of it.
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

// Held reads the checkpoints of a data folder, and of a witness if one is named: a file
// or a folder. With must, a data folder without checkpoints is an error.
func Held(ctx context.Context, data Folder, must bool, witness string) (fabric.Held, error) {
	held := fabric.Held{}
	err := readHeld(ctx, held, data.checkpoints())
	switch {
	case errors.Is(err, fs.ErrNotExist) && must:
		return nil, fmt.Errorf("%s has no checkpoints: --data names the data folder of a node", data)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if witness == "" {
		return held, nil
	}
	files := []string{witness}
	if info, err := os.Stat(witness); err == nil && info.IsDir() {
		if files, err = filepath.Glob(filepath.Join(witness, "*."+local.FileName)); err != nil {
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
