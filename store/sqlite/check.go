package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
)

// Check compares everything in both files with what can be derived again: bodies
// with their hashes, index rows, facts and sort values with the bodies, rows with
// their checksums and with each other. It does not check the entries of the logs,
// which ledgerbridge does, nor bodies against the change log, which package access
// does. Each file is read in one snapshot, even while a node serves the folder. An
// error of visit ends the check; any other error means that the check failed.
func (s *Store) Check(ctx context.Context, visit func(store.Finding) error) error {
	return store.Check(ctx, visit, func(ctx context.Context, findings *store.Findings) error {
		err := s.read.read(ctx, func(c conn) error {
			k := &checker{conn: c, ctx: ctx, file: mainFile, identity: s.identity, findings: findings}
			return k.run(k.checkMeta, k.checkNames, k.checkVersions, k.checkIndex, k.checkLists, k.checkNamed, k.checkKept, k.checkParts, k.checkFile)
		})
		if err != nil {
			return err
		}
		err = s.logRead.read(ctx, func(c conn) error {
			k := &checker{conn: c, ctx: ctx, file: accessFile, identity: s.identity, findings: findings}
			return k.run(k.checkMeta, k.checkParts, k.checkFile)
		})
		if err != nil {
			return err
		}
		k := &checker{ctx: ctx, file: keysFile, findings: findings}
		return k.run(func() error { return s.keys.check(k) })
	})
}

// checker checks one file. It takes names and bases from the tables, not from the
// process.
type checker struct {
	conn
	ctx      context.Context
	file     string
	identity identity
	findings *store.Findings

	schema   int // of the file: of an older one less is checked
	names    names
	bases    map[int64]string
	expected tallies              // index rows that should be there
	consents map[consentRow]bool  // rows of consents that should be there
	touched  touched              // by the change entries
	named    map[consentRow]bool  // rows of named that should be there: a Binary and a stamp
	keysOf   func(*checked, rows) // takes the index rows that each version needs; nil in a check of everything
}

// run makes all checks. Damage that SQLite cannot read past is a finding; the other
// checks go on.
func (k *checker) run(checks ...func() error) error {
	for _, check := range checks {
		err := check()
		var found *store.Finding
		switch {
		case k.ctx.Err() != nil:
			return k.ctx.Err()
		case err == nil:
		case errors.As(err, &found):
			k.report(*found)
		case diskFault(err) && !corrupt(err):
			return err
		default:
			k.found("", "", "", "cannot be read: "+err.Error())
		}
	}
	return nil
}

// each runs a statement and calls row for every row of its result, until the check ends.
func (k *checker) each(query string, row func(*sqlite.Stmt), args ...any) error {
	return k.conn.each(query, func(st *sqlite.Stmt) error {
		row(st)
		return k.ctx.Err()
	}, args...)
}

func corrupt(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return true
	}
	return false
}

func (k *checker) found(table, row, column, what string) {
	k.report(store.Finding{Table: table, Row: row, Column: column, What: what})
}

func (k *checker) report(f store.Finding) {
	f.File = k.file
	k.findings.Add(f)
}

func (k *checker) checkMeta() error {
	values := map[string]string{}
	err := k.each("SELECT name, value, sum FROM meta", func(st *sqlite.Stmt) {
		n, v := st.ColumnText(0), st.ColumnText(1)
		values[n] = v
		k.checkSum("meta", fmt.Sprintf("%q", n), blob(st, 2), rowSum(0, n, v))
	})
	if err != nil {
		return err
	}
	k.schema = schemaVersion
	if v, err := strconv.Atoi(values["schema"]); err == nil && v > 0 && v < schemaVersion {
		k.schema = v
	}
	want := map[string]string{
		"schema": fmt.Sprint(k.schema), "organization": k.identity.organization,
		"tenant": k.identity.tenant, "node": k.identity.node,
	}
	for n, v := range want {
		if got, ok := values[n]; !ok || got != v {
			k.found("meta", fmt.Sprintf("%q", n), "value", "is missing or not what the folder was opened with")
		}
		delete(values, n)
	}
	for n := range values {
		k.found("meta", fmt.Sprintf("%q", n), "", "does not belong here")
	}
	return nil
}

func (k *checker) checkSum(table, row string, got, want []byte) {
	if !bytes.Equal(got, want) {
		k.found(table, row, "sum", "the row does not match its checksum")
	}
}

func (k *checker) checkNames() error {
	all := map[name]int64{}
	k.bases = map[int64]string{}
	err := k.each("SELECT id, type, name, sum FROM names", func(st *sqlite.Stmt) {
		id, n := st.ColumnInt64(0), name{st.ColumnText(1), st.ColumnText(2)}
		if _, twice := all[n]; twice {
			k.found("names", fmt.Sprint(id), "name", "stands here twice")
			return
		}
		all[n] = id
		k.checkSum("names", fmt.Sprint(id), blob(st, 3), rowSum(id, n.typ, n.name))
	})
	k.names.publish(all)
	if err != nil {
		return err
	}
	for id := range int64(len(all)) {
		if k.names.typeOf(id+1) == "" {
			k.found("names", fmt.Sprint(id+1), "", "is missing")
		}
	}
	return k.each("SELECT id, url, sum FROM bases", func(st *sqlite.Stmt) {
		id, url := st.ColumnInt64(0), st.ColumnText(1)
		k.bases[id] = url
		k.checkSum("bases", fmt.Sprint(id), blob(st, 2), rowSum(id, url))
	})
}

// checkParts looks for parts that no entry owns, and for gaps among those of one.
func (k *checker) checkParts() error { return k.checkPartsOf(0) }

// checkPartsOf looks at the parts from an id on.
func (k *checker) checkPartsOf(first int64) error {
	err := k.each(`SELECT id FROM parts p WHERE id >= ? AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.seq = p.id >> 16)`, func(st *sqlite.Stmt) {
		k.found("parts", fmt.Sprint(st.ColumnInt64(0)), "id", "belongs to no entry")
	}, first)
	if err != nil {
		return err
	}
	return k.each("SELECT id >> 16 FROM parts WHERE id >= ? GROUP BY id >> 16 HAVING max(id & 65535) + 1 <> count(*)", func(st *sqlite.Stmt) {
		k.found("parts", fmt.Sprintf("of entry %d", st.ColumnInt64(0)), "id", "one is missing in between")
	}, first)
}

// checkFile lets SQLite check pages, trees and its own indexes.
func (k *checker) checkFile() error {
	return k.each("PRAGMA integrity_check(20)", func(st *sqlite.Stmt) {
		if text := st.ColumnText(0); text != "ok" {
			k.found("", "", "", text)
		}
	})
}
