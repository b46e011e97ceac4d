package policy

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Watch keeps the policies of a folder in force until ctx ends. It listens for
// events of the file system, and polls every Options.Poll for file systems without
// events (network drives, container mounts). It reloads once the folder has been
// quiet for Options.Settle, so that a save in several steps is one reload.
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
		case <-failures: // events were lost
			settle.Reset(e.options.Settle)
			continue
		case <-poll.C:
		case <-settle.C:
		}
		watchFolders(w, dir) // again, for folders that were removed and came back
		tried = e.look(ctx, dir, tried)
	}
}

// look reloads if the folder differs from the last attempt, and returns the
// state it tried. It reports an unreadable folder once.
func (e *Engine) look(ctx context.Context, dir, tried string) string {
	s, err := readSource(os.DirFS(dir))
	now := ""
	if err == nil {
		now = s.state()
	} else {
		now = err.Error()
	}
	if now == tried {
		return tried
	}
	e.reload.Lock()
	before := e.state
	if err == nil {
		err = e.activate(ctx, s)
	} else {
		err = e.refuse(err)
	}
	changed := e.state != before
	e.reload.Unlock()
	if told := e.options.Reloaded; told != nil && (err != nil || changed || tried != "") {
		told(e.Revision(), err)
	}
	return now
}

// newWatcher returns nil where the system has no watchers: then Watch only polls.
func newWatcher(dir string) (*fsnotify.Watcher, <-chan fsnotify.Event, <-chan error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, nil, nil
	}
	watchFolders(w, dir)
	return w, w.Events, w.Errors
}

// watchFolders watches a folder and its subfolders. Polling covers those that it
// cannot watch.
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
