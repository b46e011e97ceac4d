package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// importState remembers which parcels went to which server: one line before a
// parcel is sent, one after the server has said that it is durable. A parcel
// with the first line only is in doubt.
type importState struct {
	mu     sync.Mutex
	file   *os.File
	server string
	known  map[string]string    // sum -> sent or done
	at     map[string]time.Time // of what this run marked
	opened time.Time            // when the run before ended, at the latest
	now    func() time.Time
}

const (
	markSent = "sent"
	markDone = "done"
)

func openImportState(path, server string, now func() time.Time) (*importState, error) {
	known, err := readImportState(path, server)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the import cannot remember what is done (choose another --state file): %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &importState{file: f, server: server, known: known, at: map[string]time.Time{}, opened: info.ModTime(), now: now}, nil
}

func readImportState(path, server string) (map[string]string, error) {
	known := map[string]string{}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[2] == server && (fields[0] == markSent || fields[0] == markDone) {
			known[fields[1]] = fields[0]
		}
	}
	return known, lines.Err()
}

// mark is durable when it returns.
func (s *importState) mark(sum, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[sum], s.at[sum] = what, s.now()
	if _, err := fmt.Fprintf(s.file, "%s %s %s\n", what, sum, s.server); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return s.file.Sync()
}

func (s *importState) of(sum string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[sum]
}

// marked is when a mark was made, or later.
func (s *importState) marked(sum string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.at[sum]; ok {
		return at
	}
	return s.opened
}

func (s *importState) close() error { return s.file.Close() }
