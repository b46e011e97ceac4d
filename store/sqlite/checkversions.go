package sqlite

import (
	"bytes"
	"fmt"

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
	logged    bool         // its change entry is there
	resource  *resourceRow // nil if there is none
}

type resourceRow struct{ typ, version, stamp, deleted int64 }

// rowName names a version for a report.
func (v *checked) rowName() string {
	if v.resource == nil {
		return fmt.Sprint(v.Stamp)
	}
	return fmt.Sprintf("%s/_history/%d", v.Ref, v.Version)
}

// checkVersions walks all versions, resource by resource.
func (k *checker) checkVersions() error {
	return k.walkVersions(checkedVersions + " ORDER BY v.rid, v.version")
}

// checkedVersions belongs to scanChecked. The type is that of the version.
const checkedVersions = checkedColumns + " FROM versions v LEFT JOIN resources r ON r.rid = v.rid"

const checkedColumns = `SELECT v.rid, v.type, r.id, v.stamp, v.version, v.at, v.deleted, v.method, v.owner, v.seq, v.hash, v.facts, v.idx, v.body,
	v.base, v.sum, EXISTS (SELECT 1 FROM entries e WHERE e.seq = v.seq), r.rid, r.type, r.version, r.stamp, r.deleted`

func (n *names) scanChecked(st *sqlite.Stmt) *checked {
	v := &checked{
		versionRow: versionRow{row: n.scanRow(st, 0).Columns.(*row), typ: st.ColumnInt64(1), base: st.ColumnInt64(14)},
		storedSum:  blob(st, 15), logged: st.ColumnBool(16),
	}
	v.Method = st.ColumnText(7) // scanRow looks at its length only
	if st.ColumnLen(10) != len(v.Hash) {
		v.storedSum = nil // scanRow left the hash zero
	}
	if !st.ColumnIsNull(17) {
		v.resource = &resourceRow{typ: st.ColumnInt64(18), version: st.ColumnInt64(19), stamp: st.ColumnInt64(20), deleted: st.ColumnInt64(21)}
	}
	return v
}

// whole says whether the row matches its checksum.
func (v *checked) whole() bool { return bytes.Equal(v.storedSum, v.sum(v.contentSum())) }

// checkVersion checks one version against its checksum, its resource and its change
// entry, then against the one before it and its document.
func (k *checker) checkVersion(v *checked, before *plan.Row) {
	c := versionCheck{k, v}
	if !v.whole() {
		c.Found("sum", "the row does not match its checksum")
	}
	if v.resource == nil {
		k.found("resources", fmt.Sprint(v.Place), "rid", "is missing: a version belongs to it")
		return
	}
	if v.typ != v.resource.typ {
		k.found("resources", v.rowName(), "type", "differs from the version's")
	}
	if !v.logged {
		c.Found("seq", "names a change entry that is not there")
	}
	if v.Deleted && len(v.packedIndex) > 0 {
		c.Found("idx", "a deleted version has search keys")
	}
	_ = plan.CheckVersion(c, &v.Row, before) // c does not fail
}

// versionCheck adds what only this store knows to the check of a version.
type versionCheck struct {
	*checker
	v *checked
}

func (c versionCheck) Found(column, what string) {
	if column == "facts" && c.schema < schemaGoverning || column == "idx" && c.schema < schemaInside {
		return
	}
	c.found("versions", c.v.rowName(), column, what)
}

func (c versionCheck) Base() (string, bool, error) {
	base, ok := c.bases[c.v.base]
	if !ok {
		c.found("bases", fmt.Sprint(c.v.base), "", "is missing")
	}
	return base, ok, nil
}

func (c versionCheck) Derived(x *search.Index, facts *fhir.Facts) error {
	x = c.withCustom(x)
	if stored, err := store.Unpack(c.v.packedIndex); err != nil || !bytes.Equal(encodeIndex(x), stored) {
		c.Found("idx", "differs from what the document says")
	}
	if c.schema >= schemaInside {
		c.expect(c.v, x, facts)
	}
	if c.v.Ref.Type == "Consent" && c.v.resource.stamp == c.v.Stamp {
		for _, p := range facts.Patients {
			c.consents[consentRow{p, c.v.Place}] = true
		}
	}
	return nil
}

// withCustom adds the keys of custom parameters that are stored: which there should be, only
// the pass that made them knew.
func (c versionCheck) withCustom(x *search.Index) *search.Index {
	stored, err := c.v.Index()
	if err != nil {
		return x // found already
	}
	own := stored.Custom()
	if own.Len()+len(own.Sorts) == 0 {
		return x
	}
	return x.WithCustom(own)
}

// expect notes the index rows that a current version needs. The parameters of every
// version need a name.
func (k *checker) expect(v *checked, index *search.Index, facts *fhir.Facts) {
	typ, unnamed := v.Ref.Type, ""
	rows, _ := indexRows(typ, index, k.marksOf(v, facts), v.Place, func(param string) (int64, error) {
		id := k.names.id(typ, param)
		if id == 0 && unnamed == "" {
			unnamed = param
			k.found("names", typ+" "+param, "", "is missing or was changed")
		}
		return id, nil
	})
	if k.keysOf != nil {
		k.keysOf(v, rows)
	}
	if unnamed != "" || v.resource.stamp != v.Stamp {
		return
	}
	for _, l := range rows.lines() {
		k.expected.add(l)
	}
}

// marksOf are those of the stored facts: a Consent keeps patients that its document no longer
// names. Damaged ones are found already.
func (k *checker) marksOf(v *checked, said *fhir.Facts) []string {
	if facts, err := v.Facts(); err == nil {
		said = facts
	}
	return k.marks(said, v.Owner)
}

// marks are those that a version has in a file of this schema.
func (k *checker) marks(f *fhir.Facts, owner string) []string {
	switch m := search.Mark(f); {
	case k.schema >= schemaConstrained:
		return search.Marks(f, owner)
	case m != "":
		return []string{m}
	}
	return nil
}

// checkCurrent compares the last version of a resource with the resource.
func (k *checker) checkCurrent(v *checked) {
	r := v.resource
	if r == nil {
		return
	}
	deleted := int64(0)
	if v.Deleted {
		deleted = 1
	}
	switch {
	case r.version > v.Version && r.stamp != v.Stamp:
		k.found("versions", v.rowName(), "version", fmt.Sprintf("the last version, %d, is missing", r.version))
	case r.version != v.Version:
		k.found("resources", v.rowName(), "version", "is not the last version")
	case r.stamp != v.Stamp:
		k.found("resources", v.rowName(), "stamp", "is not that of the last version")
	case r.deleted != deleted:
		k.found("resources", v.rowName(), "deleted", "differs from the last version")
	}
}
