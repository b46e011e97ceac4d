package sqlite

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
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

// rowName names a version for a report.
func (k *checker) rowName(v *checked) string {
	if v.resource == nil {
		return fmt.Sprintf("%d", v.stamp)
	}
	return fmt.Sprintf("%s/%s/_history/%d", k.nameByID[v.resource.typ].typ, v.resource.id, v.version)
}

// checkVersions walks all versions, resource by resource.
func (k *checker) checkVersions() error {
	k.expected, k.consents, k.touched = newTallies(maphash.MakeSeed()), map[consentRow]bool{}, touched{}
	var before *checked // of the same resource
	err := k.each(checkedVersions+" ORDER BY v.rid, v.version", func(st *sqlite.Stmt) error {
		v := scanChecked(st)
		if before != nil && before.rid != v.rid {
			if err := k.checkCurrent(before); err != nil {
				return err
			}
			before = nil
		}
		if typ := k.nameByID[v.typ].typ; typ == "Consent" || k.schema >= schemaGoverning && store.Governs(typ) {
			k.touched.add(v, before)
		}
		if err := k.checkVersion(v, before); err != nil {
			return err
		}
		before = v
		return k.ctx.Err()
	})
	if err != nil || before == nil {
		return err
	}
	return k.checkCurrent(before)
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

// row is the version as package search checks it.
func (k *checker) row(v *checked) *plan.Row {
	r := &plan.Row{
		Ref: fhir.Ref{Type: k.nameByID[v.typ].typ, ID: v.resource.id}, Version: v.version, Stamp: v.stamp,
		Updated: v.at, Deleted: v.deleted, PackedFacts: v.facts, PackedBody: v.body,
	}
	copy(r.Hash[:], v.hash)
	return r
}

// checkVersion checks one version against its checksum, its resource and its change
// entry, then against the one before it and its document.
func (k *checker) checkVersion(v, before *checked) error {
	c := versionCheck{k, v}
	if !bytes.Equal(v.storedSum, v.sum(v.content.sum())) {
		if err := c.Found("sum", "the row does not match its checksum"); err != nil {
			return err
		}
	}
	if v.resource == nil {
		return k.found("resources", fmt.Sprint(v.rid), "rid", "is missing: a version belongs to it")
	}
	if v.typ != v.resource.typ {
		if err := k.found("resources", k.rowName(v), "type", "differs from the version's"); err != nil {
			return err
		}
	}
	entry, err := k.number("SELECT count(*) FROM entries WHERE seq = ?", v.seq)
	if err == nil && entry == 0 {
		err = c.Found("seq", "names a change entry that is not there")
	}
	if err == nil && v.deleted && v.index != nil {
		err = c.Found("idx", "a deleted version has search keys")
	}
	if err != nil {
		return err
	}
	if before == nil {
		return plan.CheckVersion(c, k.row(v), nil)
	}
	return plan.CheckVersion(c, k.row(v), k.row(before))
}

// versionCheck adds what only this store knows to the check of a version.
type versionCheck struct {
	*checker
	v *checked
}

func (c versionCheck) Found(column, what string) error {
	if column == "facts" && c.schema < schemaGoverning && c.nameByID[c.v.typ].typ == "Bundle" {
		return nil
	}
	return c.found("versions", c.rowName(c.v), column, what)
}

func (c versionCheck) Base() (string, bool, error) {
	base, ok := c.bases[c.v.base]
	if !ok {
		return "", false, c.found("bases", fmt.Sprint(c.v.base), "", "is missing")
	}
	return base, true, nil
}

func (c versionCheck) Derived(x *search.Index, facts *fhir.Facts) error {
	if stored, err := store.Unpack(c.v.index); err != nil || !bytes.Equal(encodeIndex(x), stored) {
		if err := c.Found("idx", "differs from what the document says"); err != nil {
			return err
		}
	}
	return c.expect(c.v, x, facts)
}

// expect notes the index rows that a current version needs. The parameters of every
// version need a name.
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
	for _, l := range rows.lines() {
		k.expected.add(l)
	}
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
		return k.found("versions", k.rowName(v), "version", fmt.Sprintf("the last version, %d, is missing", r.version))
	case r.version != v.version:
		return k.found("resources", k.rowName(v), "version", "is not the last version")
	case r.stamp != v.stamp:
		return k.found("resources", k.rowName(v), "stamp", "is not that of the last version")
	case r.deleted != deleted:
		return k.found("resources", k.rowName(v), "deleted", "differs from the last version")
	}
	return nil
}
