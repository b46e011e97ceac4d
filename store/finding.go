package store

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
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

// Findings passes the findings of a check on, up to a limit for each table. Several
// goroutines may add some.
type Findings struct {
	mu     sync.Mutex
	visit  func(Finding) error
	err    error // of visit
	end    context.CancelFunc
	counts map[[2]string]int // by file and table
}

// Check runs check, which passes what it finds to visit. An error of visit ends the context
// of check, and is the error of Check.
func Check(ctx context.Context, visit func(Finding) error, check func(context.Context, *Findings) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	found := &Findings{visit: visit, end: end, counts: map[[2]string]int{}}
	err := check(ctx, found)
	return cmp.Or(found.err, err)
}

// Add visits a finding.
func (l *Findings) Add(f Finding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	table := [2]string{f.File, f.Table}
	l.counts[table]++
	n := l.counts[table]
	if n > findingsPerTable || l.err != nil {
		return
	}
	if n == findingsPerTable {
		f.What += "; more findings in this table are left out"
	}
	if l.err = l.visit(f); l.err != nil {
		l.end()
	}
}
