package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/aceso-health/aceso/node"
)

// workedFolder is a stopped data folder with a little of everything: versions,
// tombstones, a transaction, searches, refusals, an erased patient.
func workedFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	n := startNode(t, dir)
	twoPatients(n)
	system, doctor, researcher := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT"), n.as("practitioner", "HRESCH")
	system.Put("/Organization/org", `{"resourceType":"Organization","id":"org","name":"Org","identifier":[{"system":"urn:x","value":"1"}]}`).Want(201)
	system.Put("/Patient/p1", patientJSON("p1", "Changed")).Want(200)
	system.Put("/Observation/when", `{"resourceType":"Observation","id":"when","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8665-2"}]},"subject":{"reference":"Patient/p1"},"valueDateTime":"2026-01-02"}`).Want(201)
	system.Do("DELETE", "/Observation/o-p2", "").Want(204)
	system.Post("/", `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:9a9f0f2e-6d0e-4a41-9a6b-0d8b6f2f7a01","resource":`+strings.Replace(patientJSON("x", "New"), `"id":"x",`, "", 1)+`,"request":{"method":"POST","url":"Patient"}},
		{"fullUrl":"urn:uuid:9a9f0f2e-6d0e-4a41-9a6b-0d8b6f2f7a02","resource":`+strings.Replace(strings.Replace(observationJSON("x", "p", 1.50), `"id":"x",`, "", 1), "Patient/p", "urn:uuid:9a9f0f2e-6d0e-4a41-9a6b-0d8b6f2f7a01", 1)+`,"request":{"method":"POST","url":"Observation"}}]}`).Want(200)
	doctor.Get("/Patient/p1").Want(200)
	doctor.Get("/Patient?family=changed").Want(200)
	doctor.Get("/Patient/absent").Want(404)
	researcher.Get("/Observation?_sort=date").Want(200)
	n.as("patient", "PATRQT", func(g *node.Grant) { g.Patient = "p1" }).Get("/Patient/p2").Want(404)
	n.stop()
	if code := run([]string{"erase", "--data", dir, "--patient", "p2"}, os.Stdout, os.Stderr); code != 0 {
		t.Fatalf("erase: exit %d", code)
	}
	return dir
}

// verifyLog runs the command and returns its exit code and what it printed.
func verifyLog(dir string) (int, string) {
	var out, errs bytes.Buffer
	code := run([]string{"verify", "log", "--data", dir}, &out, &errs)
	return code, out.String() + errs.String()
}

func TestVerifyLogAcceptsAWholeFolder(t *testing.T) {
	if code, out := verifyLog(workedFolder(t)); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
}

// One changed bit in any column of any table of either database is found, and the
// place is named.
func TestEveryColumnIsCovered(t *testing.T) {
	original := workedFolder(t)
	for _, file := range []string{"aceso.db", "access.db"} {
		for _, c := range columns(t, filepath.Join(original, file)) {
			t.Run(file+" "+c.table+"."+c.name, func(t *testing.T) {
				dir := copyFolder(t, original)
				if !flip(t, filepath.Join(dir, file), c) {
					t.Skipf("no row of %s has content in %s", c.table, c.name)
				}
				code, out := verifyLog(dir)
				if code != 1 {
					t.Fatalf("exit %d after a flipped bit\n%s", code, out)
				}
				if !strings.Contains(out, file) {
					t.Errorf("the finding does not name %s:\n%s", file, out)
				}
			})
		}
	}
}

// Deleting, doubling up or swapping rows of any table is found.
func TestMissingAndSwappedRowsAreFound(t *testing.T) {
	original := workedFolder(t)
	for _, file := range []string{"aceso.db", "access.db"} {
		for _, table := range tables(t, filepath.Join(original, file)) {
			for name, how := range map[string]func(*testing.T, *sqlite.Conn, string) bool{
				"first row deleted": deleteFirst, "last row deleted": deleteLast, "content of two rows swapped": swapRows,
			} {
				t.Run(file+" "+table+" "+name, func(t *testing.T) {
					dir := copyFolder(t, original)
					if !edit(t, filepath.Join(dir, file), func(c *sqlite.Conn) bool { return how(t, c, table) }) {
						t.Skip("not possible with the rows there are")
					}
					if code, out := verifyLog(dir); code != 1 {
						t.Fatalf("exit %d\n%s", code, out)
					}
				})
			}
		}
	}
}

type column struct{ table, name string }

func edit(t *testing.T, path string, how func(*sqlite.Conn) bool) bool {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	return how(c)
}

func query(t *testing.T, c *sqlite.Conn, q string, row func(*sqlite.Stmt)) {
	t.Helper()
	err := sqlitex.ExecuteTransient(c, q, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		if row != nil {
			row(s)
		}
		return nil
	}})
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

func tables(t *testing.T, path string) (all []string) {
	edit(t, path, func(c *sqlite.Conn) bool {
		query(t, c, "SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'", func(s *sqlite.Stmt) { all = append(all, s.ColumnText(0)) })
		return true
	})
	return all
}

func columns(t *testing.T, path string) (all []column) {
	for _, table := range tables(t, path) {
		edit(t, path, func(c *sqlite.Conn) bool {
			query(t, c, fmt.Sprintf("SELECT name FROM pragma_table_info('%s')", table), func(s *sqlite.Stmt) { all = append(all, column{table: table, name: s.ColumnText(0)}) })
			return true
		})
	}
	return all
}

// flip changes the lowest bit of the column's content in one row that has some.
func flip(t *testing.T, path string, col column) bool {
	return edit(t, path, func(c *sqlite.Conn) bool {
		var key, kind string
		var blob []byte
		var number int64
		q := fmt.Sprintf(`SELECT rowid, typeof(%[1]q), %[1]q FROM %[2]q WHERE length(%[1]q) > 0 ORDER BY length(%[1]q) DESC LIMIT 1`, col.name, col.table)
		if !withRowID(t, c, col.table) {
			return flipKeyed(t, c, col)
		}
		query(t, c, q, func(s *sqlite.Stmt) {
			key, kind, number = s.ColumnText(0), s.ColumnText(1), s.ColumnInt64(2)
			blob = make([]byte, s.ColumnLen(2))
			s.ColumnBytes(2, blob)
		})
		if key == "" {
			return false
		}
		set(t, c, fmt.Sprintf(`UPDATE OR REPLACE %q SET %q = ? WHERE rowid = %s`, col.table, col.name, key), flipped(kind, blob, number))
		return true
	})
}

// flipKeyed does the same in a table without rowid: by all columns of one row.
func flipKeyed(t *testing.T, c *sqlite.Conn, col column) bool {
	where, kind, ok := "", "", false
	var blob []byte
	var number int64
	q := fmt.Sprintf(`SELECT typeof(%[1]q), %[1]q, * FROM %[2]q WHERE length(%[1]q) > 0 ORDER BY length(%[1]q) DESC LIMIT 1`, col.name, col.table)
	query(t, c, q, func(s *sqlite.Stmt) {
		ok, kind, number = true, s.ColumnText(0), s.ColumnInt64(1)
		blob = make([]byte, s.ColumnLen(1))
		s.ColumnBytes(1, blob)
		where = rowCondition(s, 2)
	})
	if ok {
		set(t, c, fmt.Sprintf(`UPDATE OR REPLACE %q SET %q = ? WHERE %s`, col.table, col.name, where), flipped(kind, blob, number))
	}
	return ok
}

func rowCondition(s *sqlite.Stmt, from int) string {
	var parts []string
	for i := from; i < s.ColumnCount(); i++ {
		name := s.ColumnName(i)
		switch s.ColumnType(i) {
		case sqlite.TypeInteger:
			parts = append(parts, fmt.Sprintf("%q = %d", name, s.ColumnInt64(i)))
		case sqlite.TypeNull:
			parts = append(parts, fmt.Sprintf("%q IS NULL", name))
		default:
			b := make([]byte, s.ColumnLen(i))
			s.ColumnBytes(i, b)
			parts = append(parts, fmt.Sprintf("CAST(%q AS BLOB) = x'%x'", name, b))
		}
	}
	return strings.Join(parts, " AND ")
}

func flipped(kind string, content []byte, number int64) any {
	switch kind {
	case "integer":
		return number ^ 1
	case "text":
		content[len(content)/2] ^= 1
		return string(content)
	}
	content[len(content)/2] ^= 1
	return content
}

func set(t *testing.T, c *sqlite.Conn, q string, value any) {
	t.Helper()
	if err := sqlitex.ExecuteTransient(c, q, &sqlitex.ExecOptions{Args: []any{value}}); err != nil {
		t.Skipf("the database itself refuses the edit: %v", err)
	}
	if c.Changes() == 0 {
		t.Fatalf("nothing changed: %s", q)
	}
}

func withRowID(t *testing.T, c *sqlite.Conn, table string) bool {
	without := false
	query(t, c, fmt.Sprintf("SELECT wr FROM pragma_table_list('%s')", table), func(s *sqlite.Stmt) { without = s.ColumnInt64(0) == 1 })
	return !without
}

func deleteFirst(t *testing.T, c *sqlite.Conn, table string) bool {
	return deleteRow(t, c, table, "ASC")
}
func deleteLast(t *testing.T, c *sqlite.Conn, table string) bool {
	return deleteRow(t, c, table, "DESC")
}

func deleteRow(t *testing.T, c *sqlite.Conn, table, order string) bool {
	where := ""
	query(t, c, fmt.Sprintf("SELECT * FROM %q ORDER BY 1 %s LIMIT 1", table, order), func(s *sqlite.Stmt) { where = rowCondition(s, 0) })
	if where == "" {
		return false
	}
	query(t, c, fmt.Sprintf("DELETE FROM %q WHERE %s", table, where), nil)
	return true
}

// swapRows exchanges the last column of two rows.
func swapRows(t *testing.T, c *sqlite.Conn, table string) bool {
	var where, values []string
	last := ""
	query(t, c, fmt.Sprintf("SELECT * FROM %q ORDER BY 1", table), func(s *sqlite.Stmt) {
		n := s.ColumnCount() - 1
		b := make([]byte, s.ColumnLen(n))
		s.ColumnBytes(n, b)
		value := fmt.Sprintf("x'%x'", b)
		switch s.ColumnType(n) {
		case sqlite.TypeNull:
			return
		case sqlite.TypeInteger:
			value = s.ColumnText(n)
		case sqlite.TypeText:
			value = fmt.Sprintf("CAST(x'%x' AS TEXT)", b)
		}
		if len(values) == 2 || len(values) == 1 && values[0] == value {
			return
		}
		last, where, values = s.ColumnName(n), append(where, rowCondition(s, 0)), append(values, value)
	})
	if len(values) < 2 {
		return false
	}
	for i := range 2 {
		err := sqlitex.ExecuteTransient(c, fmt.Sprintf("UPDATE %q SET %q = %s WHERE %s", table, last, values[1-i], where[i]), nil)
		if err != nil {
			return false
		}
	}
	return true
}

func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}
