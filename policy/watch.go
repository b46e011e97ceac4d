package policy

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch keeps the policies of a folder in force until ctx ends. Changes are noticed
// by the file system's own notices, and by looking every Options.Poll where there are
// none (network drives, container mounts). A change is taken up once the folder has
// been quiet for Options.Settle, so that a save in several steps is one reload.
func (e *Engine) Watch(ctx context.Context, dir string) {
	w, notices, failures := newWatcher(dir)
	if w != nil {
		defer w.Close()
	}
	poll := time.NewTicker(e.options.Poll)
	defer poll.Stop()
	settle := time.NewTimer(0)
	defer settle.Stop()
	tried := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-notices:
			settle.Reset(e.options.Settle)
			continue
		case <-failures: // notices were lost
			settle.Reset(e.options.Settle)
			continue
		case <-poll.C:
		case <-settle.C:
		}
		watchFolders(w, dir) // also those that were removed and came back
		tried = e.look(ctx, dir, tried)
	}
}

// look reloads if the folder differs from what was tried last, and returns what
// was tried now. A folder that cannot be read is told once.
func (e *Engine) look(ctx context.Context, dir, tried string) string {
	s, err := readSource(os.DirFS(dir))
	now := ""
	if err == nil {
		now = s.revision()
	} else {
		now = err.Error()
	}
	if now == tried {
		return tried
	}
	e.reload.Lock()
	before := e.Revision()
	if err == nil {
		err = e.activate(ctx, s)
	} else {
		err = e.refuse(err)
	}
	e.reload.Unlock()
	if told := e.options.Reloaded; told != nil && (err != nil || e.Revision() != before || tried != "") {
		told(e.Revision(), err)
	}
	return now
}

// newWatcher returns no watcher where the system has none: then Watch only polls.
func newWatcher(dir string) (*fsnotify.Watcher, <-chan fsnotify.Event, <-chan error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, nil
	}
	watchFolders(w, dir)
	return w, w.Events, w.Errors
}

// watchFolders watches a folder and those below it. What cannot be watched is left
// to polling.
func watchFolders(w *fsnotify.Watcher, dir string) {
	if w == nil {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = w.Add(path)
		}
		return nil
	})
}
