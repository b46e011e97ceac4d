package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// writer of real documents, as the gate would write them.
type author struct {
	testing.TB
	*Store
	sealer *ledgerbridge.Sealer
	ticks  atomic.Int64
}

func newAuthor(t testing.TB, s *Store) *author {
	sealer, err := storetest.NewSealer()
	if err != nil {
		t.Fatal(err)
	}
	return &author{TB: t, Store: s, sealer: sealer}
}

func (a *author) entry() *ledgerbridge.Pending {
	p, err := storetest.Record(a.sealer, "update", "U", 200, "Patient/1")
	a.must(err)
	return p
}

func (a *author) must(err error) {
	a.Helper()
	if err != nil {
		a.Fatal(err)
	}
}

func (a *author) tick() time.Time {
	return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC).Add(time.Duration(a.ticks.Add(1)) * time.Second)
}

// version makes the write of a document.
func (a *author) version(id string, expect int64, body string) store.Write {
	a.Helper()
	at := a.tick()
	doc, err := fhir.Parse([]byte(body))
	a.must(err)
	doc, err = doc.Stamp(id, expect+1, at)
	a.must(err)
	index, facts, err := search.Describe(doc, a.opts.Base)
	a.must(err)
	return store.Write{
		Ref: fhir.Ref{Type: doc.Type(), ID: id}, Expect: expect, LastUpdated: at, Method: "PUT", Owner: storetest.Organization,
		Body: doc.Bytes(), Hash: doc.Hash(), Index: index, Facts: facts,
	}
}

func (a *author) put(id string, expect int64, body string) {
	a.Helper()
	a.must(a.commitOne(a.version(id, expect, body)))
}

func (a *author) commitOne(w store.Write) error {
	a.Helper()
	_, err := a.Commit(a.Context(), store.Change{Writes: []store.Write{w}, Entry: a.entry()})
	return err
}

func (a *author) remove(ref fhir.Ref) {
	a.Helper()
	at := a.tick()
	v, err := a.Get(a.Context(), ref)
	a.must(err)
	_, err = a.Commit(a.Context(), store.Change{Writes: []store.Write{{
		Ref: ref, Expect: v.Version, LastUpdated: at, Deleted: true, Method: "DELETE", Owner: v.Owner, Facts: v.Facts,
	}}, Entry: a.entry()})
	a.must(err)
}

const (
	patientBody = `{"resourceType":"Patient","name":[{"family":"%s","given":["Zoë"]}],"birthDate":"1970-03","link":[{"other":{"reference":"http://localhost/fhir/Patient/0"},"type":"seealso"}]}`
	weightBody  = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/%d"},"effectiveDateTime":"2020-01-%02d","valueQuantity":{"value":7%d.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}`
	consentBody = `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/%d"},"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},"provision":{"type":"permit"}}`
)

// work fills a folder with a little of everything.
func (a *author) work() {
	for i := range 6 {
		a.put(fmt.Sprint(i), 0, fmt.Sprintf(patientBody, fmt.Sprintf("Smith%d", i)))
		for j := range 5 {
			a.put(fmt.Sprintf("%d-%d", i, j), 0, fmt.Sprintf(weightBody, i, j+1, j))
		}
		a.put(fmt.Sprintf("c%d", i), 0, fmt.Sprintf(consentBody, i))
	}
	a.put("1", 1, fmt.Sprintf(patientBody, "Jones"))
	a.put("c2", 1, fmt.Sprintf(consentBody, 3))
	a.remove(fhir.Ref{Type: "Observation", ID: "3-2"})
	a.remove(fhir.Ref{Type: "Consent", ID: "c4"})
	a.put("c4", 2, fmt.Sprintf(consentBody, 4))
	for i := range 10 {
		a.keep(store.Kept{Space: "client", Key: fmt.Sprint(i), Value: []byte("{}"), Expires: a.tick().AddDate(100, 0, 0)})
	}
	a.keep(store.Kept{Space: store.GrantSpace, Key: "g", Value: []byte("{}")})
	a.keep(store.Kept{Space: store.GrantSpace, Key: "g", Version: 1})
	a.put("c4", 3, fmt.Sprintf(consentBody, 5))
	p, err := storetest.Record(a.sealer, "read", "R", 200, "Patient/1", "Patient/2")
	a.must(err)
	_, err = a.Record(a.Context(), p, store.Judged{})
	a.must(err)
}

func (a *author) keep(k store.Kept) {
	a.Helper()
	_, err := a.Commit(a.Context(), store.Change{Entry: a.entry(), Keep: []store.Kept{k}})
	a.must(err)
}

// workedFolder is a closed folder with content.
func workedFolder(t *testing.T) string {
	dir := t.TempDir()
	s, err := Open(t.Context(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	newAuthor(t, s).work()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// findings checks a folder without writing to it. A folder that cannot even be
// opened names the place as well.
func findings(t *testing.T, dir string) (all []string) {
	t.Helper()
	s, err := OpenReadOnly(t.Context(), dir, Options{})
	if err != nil {
		return []string{err.Error()}
	}
	defer s.Close()
	err = s.Check(t.Context(), func(f store.Finding) error {
		all = append(all, f.Error())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCheckAcceptsWhatWasWritten(t *testing.T) {
	if all := findings(t, workedFolder(t)); len(all) > 0 {
		t.Error(strings.Join(all, "\n"))
	}
}

// logTables are not checked by Check, which does not know what an entry means.
var logTables = map[string]bool{"entries": true, "parts": true, "tiles": true}

// tampered runs edit on one file of a copy of the folder and returns the findings.
func tampered(t *testing.T, original, file string, edit func(*sqlite.Conn) bool) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
		t.Fatal(err)
	}
	c, err := sqlite.OpenConn(filepath.Join(dir, file), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	done := edit(c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !done {
		t.Skip("the database itself refuses the edit")
	}
	return findings(t, dir)
}

func execute(t *testing.T, c *sqlite.Conn, query string, args ...any) bool {
	t.Helper()
	err := sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{Args: args})
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return false
	}
	if err != nil {
		t.Fatal(query, err)
	}
	return c.Changes() > 0
}

type place struct{ file, table, column string }

// places lists all columns of all tables, but for the logs.
func places(t *testing.T, dir string) (all []place) {
	for _, file := range []string{mainFile, accessFile} {
		c, err := openConn(filepath.Join(dir, file), readOnly)
		if err != nil {
			t.Fatal(err)
		}
		err = c.each("SELECT m.name, i.name FROM sqlite_schema m JOIN pragma_table_info(m.name) i WHERE m.type = 'table'", func(st *sqlite.Stmt) error {
			if p := (place{file, st.ColumnText(0), st.ColumnText(1)}); !logTables[p.table] {
				all = append(all, p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	return all
}

// pick is a condition for the nth row of a table, by all of its columns.
func pick(t *testing.T, c *sqlite.Conn, table, column string, n int) (where string) {
	t.Helper()
	query := fmt.Sprintf("SELECT * FROM %s WHERE length(%s) > 0 LIMIT 1 OFFSET %d", table, column, n)
	err := sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		var parts []string
		for i := range st.ColumnCount() {
			value := fmt.Sprintf("CAST(%s AS BLOB) = x'%x'", st.ColumnName(i), blob(st, i))
			if st.ColumnType(i) == sqlite.TypeInteger {
				value = fmt.Sprintf("%s = %d", st.ColumnName(i), st.ColumnInt64(i))
			}
			if !st.ColumnIsNull(i) {
				parts = append(parts, value)
			}
		}
		where = strings.Join(parts, " AND ")
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return where
}

// A changed bit in any column of any table is found and the table is named.
func TestCheckFindsEveryBit(t *testing.T) {
	original := workedFolder(t)
	for _, p := range places(t, original) {
		for _, n := range []int{0, 3, 8} {
			t.Run(fmt.Sprintf("%s/%s/%s/%d", p.file, p.table, p.column, n), func(t *testing.T) {
				all := tampered(t, original, p.file, func(c *sqlite.Conn) bool {
					where := pick(t, c, p.table, p.column, n)
					if where == "" {
						return false
					}
					value := fmt.Sprintf(`CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s + 1 WHEN 'text' THEN
						substr(%[1]s, 1, length(%[1]s) - 1) || char(unicode(substr(%[1]s, -1)) + 1) ELSE
						CAST(substr(%[1]s, 1, length(%[1]s) - 1) || CASE hex(substr(%[1]s, -1)) WHEN '00' THEN x'01' ELSE x'00' END AS BLOB) END`, p.column)
					return execute(t, c, fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s", p.table, p.column, value, where))
				})
				named(t, all, p)
			})
		}
	}
}

func named(t *testing.T, all []string, p place) {
	t.Helper()
	text := strings.Join(all, "\n")
	if !strings.Contains(text, p.file) || !strings.Contains(text, p.table) {
		t.Errorf("%s %s.%s: found %q", p.file, p.table, p.column, text)
	}
}

// A missing row of any table is found, but of kept: its rows come and go.
func TestCheckFindsMissingRows(t *testing.T) {
	original := workedFolder(t)
	seen := map[string]bool{}
	for _, p := range places(t, original) {
		if seen[p.file+p.table] || p.table == "kept" {
			continue
		}
		seen[p.file+p.table] = true
		for _, order := range []string{"ASC", "DESC"} {
			t.Run(p.file+"/"+p.table+"/"+order, func(t *testing.T) {
				all := tampered(t, original, p.file, func(c *sqlite.Conn) bool {
					key := "(SELECT " + p.column + " FROM " + p.table + " ORDER BY 1 " + order + " LIMIT 1)"
					return execute(t, c, "DELETE FROM "+p.table+" WHERE "+p.column+" = "+key)
				})
				named(t, all, p)
			})
		}
	}
}

// Rows that nothing calls for are found.
func TestCheckFindsAddedRows(t *testing.T) {
	original := workedFolder(t)
	for table, insert := range map[string]string{
		"ix":        "INSERT INTO ix SELECT p, v, rid + 1 FROM ix WHERE v LIKE '^%' LIMIT 1",
		"dates":     "INSERT INTO dates SELECT p, u, class, lo - 1, hi - 1, rid FROM dates LIMIT 1",
		"numbers":   "INSERT INTO numbers SELECT p, u, lo || 'x', hi, rid FROM numbers LIMIT 1",
		"consents":  "INSERT INTO consents SELECT 'Patient/77', rid FROM consents LIMIT 1",
		"resources": "INSERT INTO resources SELECT rid + 1000, type, id || 'x', version, stamp, deleted FROM resources LIMIT 1",
		"versions":  "INSERT INTO versions SELECT stamp + 1, rid, version + 1, type, at, deleted, method, owner, seq, base, hash, sum, facts, idx, body FROM versions WHERE rid = 2",
		"counters":  "INSERT INTO counters VALUES ('other', 1)",
		"parts":     "INSERT INTO parts SELECT id + 65536000, patient, target, key, erased_by, salt, commitment, sealed FROM parts LIMIT 1",
	} {
		t.Run(table, func(t *testing.T) {
			all := tampered(t, original, mainFile, func(c *sqlite.Conn) bool { return execute(t, c, insert) })
			named(t, all, place{mainFile, table, ""})
		})
	}
}

// The database file of another folder is not taken for this folder's.
func TestCheckFindsForeignFile(t *testing.T) {
	dir, o := workedFolder(t), options()
	o.Organization = "other"
	foreign := t.TempDir()
	open(t, foreign, o).Close()
	data, err := os.ReadFile(filepath.Join(foreign, accessFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, accessFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), dir, Options{}); err == nil {
		t.Error("opened")
	}
	if _, err := Open(t.Context(), dir, options()); err == nil {
		t.Error("opened for writing")
	}
}
