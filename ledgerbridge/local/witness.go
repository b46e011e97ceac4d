package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aceso-health/aceso/durable"
)

// Witness keeps a copy of every checkpoint outside the data folder.
type Witness interface {
	// Resume compares the witness's copy with the file, and returns the byte from which
	// on the copy lacks it. If the file does not begin with the copy, the file is
	// damaged: a *Damage. last is the offset of the file's last record.
	Resume(ctx context.Context, file io.ReaderAt, size, last int64) (int64, error)
	// Copy hands over whole records that begin at byte at. When it returns, they MUST be
	// durable with the witness.
	Copy(ctx context.Context, at int64, records []byte) error
}

// NewWitness returns the witness at a URL (each group of records is sent there by
// POST) or in a folder (an append-only copy, named after the node).
func NewWitness(target, organization, node string) Witness {
	if strings.HasPrefix(target, "https://") || strings.HasPrefix(target, "http://") {
		return &remote{url: target, client: &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}}
	}
	return &folder{path: WitnessFile(target, organization, node)}
}

// WitnessFile names the copy of a node's checkpoints in the folder dir.
func WitnessFile(dir, organization, node string) string {
	return filepath.Join(dir, organization+"."+node+"."+FileName)
}

type folder struct{ path string }

func (w *folder) Resume(_ context.Context, file io.ReaderAt, size, _ int64) (int64, error) {
	copied, err := os.Open(w.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read witness: %w", err)
	}
	defer copied.Close()
	info, err := copied.Stat()
	if err != nil {
		return 0, fmt.Errorf("read witness: %w", err)
	}
	held := info.Size()
	if held > size {
		return 0, damaged(-1, fmt.Sprintf("was cut: it has %d bytes, the witness's copy %s has %d", size, w.path, held))
	}
	// The hash in the last record covers everything before; Compare reads it all.
	from := max(0, held-64<<10)
	ours, theirs := make([]byte, held-from), make([]byte, held-from)
	if _, err := file.ReadAt(ours, from); err != nil {
		return 0, fmt.Errorf("read checkpoints: %w", err)
	}
	if _, err := copied.ReadAt(theirs, from); err != nil {
		return 0, fmt.Errorf("read witness: %w", err)
	}
	if !bytes.Equal(ours, theirs) {
		return 0, damaged(-1, "is not what the witness copied to "+w.path)
	}
	return held, nil
}

func (w *folder) Copy(_ context.Context, at int64, records []byte) error {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(records, at)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return durable.SyncFolder(filepath.Dir(w.path))
}

type remote struct {
	url    string
	client *http.Client
}

// Resume sends the last record again after a restart: its hash covers all before.
func (w *remote) Resume(_ context.Context, _ io.ReaderAt, _, last int64) (int64, error) {
	return last, nil
}

func (w *remote) Copy(ctx context.Context, _ int64, records []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(records))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	return nil
}
