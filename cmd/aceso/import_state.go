package main

import (
	"bufio"
	"errors"
	"fmt"
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
	marks  map[string]mark // by sum
	now    func() time.Time
}

// mark is how far a parcel came.
type mark struct {
	what string    // sent or done, "" for a parcel without a mark
	at   time.Time // when it was made, or later: when the run before ended
}

const (
	markSent = "sent"
	markDone = "done"
)

func openImportState(path, server string, now func() time.Time) (*importState, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the import cannot remember what is done (choose another --state file): %w", err)
	}
	s := &importState{file: f, server: server, marks: map[string]mark{}, now: now}
	if err := s.read(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// read takes over what runs before marked.
func (s *importState) read() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(s.file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[2] == s.server && (fields[0] == markSent || fields[0] == markDone) {
			s.marks[fields[1]] = mark{fields[0], info.ModTime()}
		}
	}
	return lines.Err()
}

// mark is durable when it returns.
func (s *importState) mark(sum, what string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks[sum] = mark{what, s.now()}
	if _, err := fmt.Fprintf(s.file, "%s %s %s\n", what, sum, s.server); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return s.file.Sync()
}

func (s *importState) of(sum string) mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.marks[sum]
}

func (s *importState) close() error { return s.file.Close() }
