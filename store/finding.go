package store

import (
	"fmt"
	"strings"
)

// Finding is one place where stored data is damaged. It is also the error of reading a
// damaged row.
type Finding struct {
	File, Table string // file or database, table or collection
	Row         string // a reference and version, a key, or a row id; "" for a whole table
	Column      string // "" if it is about the row
	What        string // a sentence without patient data
}

// Error names the place first.
func (f *Finding) Error() string {
	where := []string{f.File}
	if f.Table != "" {
		where = append(where, "table "+f.Table)
	}
	if f.Row != "" {
		where = append(where, "row "+f.Row)
	}
	if f.Column != "" {
		where = append(where, "column "+f.Column)
	}
	return fmt.Sprintf("%s: %s", strings.Join(where, ", "), f.What)
}

// findingsPerTable keeps one fault in every row from filling a report.
const findingsPerTable = 50

// Findings passes the findings of a check to Visit, up to a limit for each table.
type Findings struct {
	Visit  func(Finding) error
	counts map[string]int // by table
}

// Add visits a finding. Its error is a *Stop.
func (l *Findings) Add(f Finding) error {
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	l.counts[f.Table]++
	switch n := l.counts[f.Table]; {
	case n > findingsPerTable:
		return nil
	case n == findingsPerTable:
		f.What += "; more findings in this table are left out"
	}
	if err := l.Visit(f); err != nil {
		return &Stop{err}
	}
	return nil
}

// Stop is an error of the caller's Visit, which ends a check.
type Stop struct{ Err error }

func (s *Stop) Error() string { return s.Err.Error() }

// Unwrap gives the caller's error.
func (s *Stop) Unwrap() error { return s.Err }
