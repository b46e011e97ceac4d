package sqlite

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// checked is a row of versions with its document, joined with its resource.
type checked struct {
	versionRow
	storedSum []byte
	resource  *resourceRow // nil if there is none
}

type resourceRow struct {
	typ                     int64
	id                      string
	version, stamp, deleted int64
}

// place names a version for a report.
func (k *checker) place(v *checked) string {
	if v.resource == nil {
		return fmt.Sprintf("%d", v.stamp)
	}
	return fmt.Sprintf("%s/%s/_history/%d", k.nameByID[v.resource.typ].typ, v.resource.id, v.version)
}

// checkVersions walks all versions, resource by resource.
func (k *checker) checkVersions() error {
	k.expected, k.consents, k.touched = newTallies(), map[consentRow]bool{}, map[int64][]string{}
	var before *checked
	last := func() error {
		if before == nil {
			return nil
		}
		return k.checkCurrent(before)
	}
	err := k.each(checkedVersions+" ORDER BY v.rid, v.version", func(st *sqlite.Stmt) error {
		if err := k.ctx.Err(); err != nil {
			return err
		}
		v := scanChecked(st)
		if before != nil && before.rid != v.rid {
			if err := last(); err != nil {
				return err
			}
			before = nil
		}
		if k.nameByID[v.typ].typ == "Consent" {
			k.touch(v, before)
		}
		err := k.checkVersion(v, before)
		before = v
		return err
	})
	if err == nil {
		err = last()
	}
	return err
}

// touch notes whose Consents a version and the one before it are.
func (k *checker) touch(v, before *checked) {
	k.touched[v.seq] = append([]string{}, k.touched[v.seq]...)
	for _, c := range []*checked{before, v} {
		if c == nil {
			continue
		}
		if f, err := storedFacts(c.facts); err == nil { // otherwise it is found elsewhere
			k.touched[v.seq] = union(k.touched[v.seq], f.Patients)
		}
	}
}

// checkedVersions belongs to scanChecked.
const checkedVersions = `SELECT v.stamp, v.rid, v.version, v.type, v.at, v.deleted, v.method, v.owner, v.seq, v.base,
	v.hash, v.sum, v.facts, v.idx, v.body, r.rid, r.type, r.id, r.version, r.stamp, r.deleted
	FROM versions v LEFT JOIN resources r ON r.rid = v.rid`

func scanChecked(st *sqlite.Stmt) *checked {
	v := &checked{versionRow: versionRow{
		stamp: st.ColumnInt64(0), rid: st.ColumnInt64(1), version: st.ColumnInt64(2), typ: st.ColumnInt64(3),
		at: st.ColumnInt64(4), deleted: st.ColumnBool(5), method: st.ColumnText(6), owner: st.ColumnText(7),
		seq: st.ColumnInt64(8), base: st.ColumnInt64(9), hash: blob(st, 10),
		content: content{facts: blob(st, 12), index: blob(st, 13), body: blob(st, 14)},
	}, storedSum: blob(st, 11)}
	if !st.ColumnIsNull(15) {
		v.resource = &resourceRow{
			typ: st.ColumnInt64(16), id: st.ColumnText(17), version: st.ColumnInt64(18),
			stamp: st.ColumnInt64(19), deleted: st.ColumnInt64(20),
		}
	}
	return v
}

// checkVersion checks one version against its checksum, the one before it, its
// change entry and its document.
func (k *checker) checkVersion(v, before *checked) error {
	found := func(column, what string) error { return k.found("versions", k.place(v), column, what) }
	if !bytes.Equal(v.storedSum, v.sum(v.content.sum())) {
		if err := found("sum", "the row does not match its checksum"); err != nil {
			return err
		}
	}
	if v.resource == nil {
		return k.found("resources", fmt.Sprint(v.rid), "rid", "is missing: a version belongs to it")
	}
	number, stamp := int64(1), int64(0)
	if before != nil {
		number, stamp = before.version+1, before.stamp
	}
	if v.version != number {
		if err := found("version", fmt.Sprintf("version %d is missing before it", number)); err != nil {
			return err
		}
	}
	if v.stamp <= stamp || v.stamp < v.at<<stampShift {
		if err := found("stamp", "the version is out of order"); err != nil {
			return err
		}
	}
	if v.typ != v.resource.typ {
		if err := k.found("resources", k.place(v), "type", "differs from the version's"); err != nil {
			return err
		}
	}
	entry, err := k.number("SELECT count(*) FROM entries WHERE seq = ?", v.seq)
	if err != nil {
		return err
	}
	if entry == 0 {
		if err := found("seq", "names a change entry that is not there"); err != nil {
			return err
		}
	}
	if v.deleted {
		return k.checkTombstone(v, before)
	}
	return k.checkDocument(v)
}

func (k *checker) checkTombstone(v, before *checked) error {
	if v.body != nil || v.index != nil {
		return k.found("versions", k.place(v), "body", "a deleted version has a document or an index")
	}
	facts, err := store.Unpack(v.facts)
	if err != nil {
		return k.found("versions", k.place(v), "facts", "cannot be unpacked")
	}
	if before == nil {
		return nil // found already
	}
	if old, err := store.Unpack(before.facts); err != nil || !bytes.Equal(facts, old) {
		return k.found("versions", k.place(v), "facts", "differ from those of the version that was deleted")
	}
	return nil
}

// checkDocument derives everything again from the bytes.
func (k *checker) checkDocument(v *checked) error {
	found := func(column, what string) error { return k.found("versions", k.place(v), column, what) }
	body, err := store.Unpack(v.body)
	if err != nil || body == nil {
		return found("body", "cannot be unpacked")
	}
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], v.hash) {
		if err := found("body", "the document does not match its hash"); err != nil {
			return err
		}
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return found("body", "the document is not a FHIR resource")
	}
	if doc.Type() != k.nameByID[v.typ].typ || doc.ID() != v.resource.id || doc.Version() != v.version || doc.LastUpdated().UnixMilli() != v.at {
		if err := found("body", "type, id, version or time in the document differ from the row"); err != nil {
			return err
		}
	}
	base, ok := k.bases[v.base]
	if !ok {
		return k.found("bases", fmt.Sprint(v.base), "", "is missing")
	}
	facts := search.FactsOf(doc, base)
	if stored, err := store.Unpack(v.facts); err != nil || !store.SameFacts(facts, stored) {
		if err := found("facts", "differ from what the document says"); err != nil {
			return err
		}
	}
	index, err := search.IndexOf(doc, base)
	if err != nil {
		return found("body", "no index can be derived from the document")
	}
	if stored, err := store.Unpack(v.index); err != nil || !bytes.Equal(encodeIndex(index), stored) {
		if err := found("idx", "differs from what the document says"); err != nil {
			return err
		}
	}
	return k.expect(v, index, &facts)
}

// expect notes the index rows that the current version must have. Parameters of
// all versions must have a name.
func (k *checker) expect(v *checked, index *search.Index, facts *fhir.Facts) error {
	typ := k.nameByID[v.typ].typ
	rows, err := indexRows(index, v.rid, func(param string) (int64, error) {
		id, ok := k.names[name{typ, param}]
		if !ok {
			return 0, &store.Finding{Table: "names", Row: typ + " " + param, What: "is missing or was changed"}
		}
		return id, nil
	})
	if f, ok := err.(*store.Finding); ok {
		return k.report(*f)
	}
	if err != nil || v.resource.stamp != v.stamp {
		return err
	}
	k.expected.add(rows)
	if typ == "Consent" {
		for _, p := range facts.Patients {
			k.consents[consentRow{p, v.rid}] = true
		}
	}
	return nil
}

// checkCurrent compares the last version of a resource with the resource.
func (k *checker) checkCurrent(v *checked) error {
	r := v.resource
	if r == nil {
		return nil
	}
	deleted := int64(0)
	if v.deleted {
		deleted = 1
	}
	switch {
	case r.version > v.version && r.stamp != v.stamp:
		return k.found("versions", k.place(v), "version", fmt.Sprintf("the last version, %d, is missing", r.version))
	case r.version != v.version:
		return k.found("resources", k.place(v), "version", "is not the last version")
	case r.stamp != v.stamp:
		return k.found("resources", k.place(v), "stamp", "is not that of the last version")
	case r.deleted != deleted:
		return k.found("resources", k.place(v), "deleted", "differs from the last version")
	}
	return nil
}
