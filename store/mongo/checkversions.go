package mongo

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	plan "github.com/aceso-health/aceso/store/search"
)

// checked is a resource with all its versions, oldest first.
type checked struct {
	*row
	versions []*row
	pieces   []index       // as they are stored in it and its further key documents, nil if they cannot be read
	last     *search.Index // derived from the last version's document, nil if that failed
}

// checkGroup checks some resources, each as one snapshot shows it.
func (k *checker) checkGroup(ctx context.Context, ids []string) error {
	var group []*checked
	var missing, unnamed []string
	err := k.s.snapshot(ctx, func(ctx context.Context) (err error) {
		if group, err = k.load(ctx, ids); err == nil {
			missing, err = k.missingEntries(ctx, group)
		}
		if err == nil {
			unnamed, err = k.missingNames(ctx, group)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range missing {
		k.found("changes", id, "", "is missing: a version names it")
	}
	for _, id := range unnamed {
		k.found("named", id, "", "is missing: the version names the Binary")
	}
	for _, c := range group {
		if err := k.checkResource(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) load(ctx context.Context, ids []string) (group []*checked, err error) {
	byRef := map[fhir.Ref]*checked{}
	err = k.s.eachRow(ctx, k.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetSort(byID), func(r *plan.Row) error {
		c := &checked{row: r.Columns.(*row)}
		group, byRef[r.Ref] = append(group, c), c
		return nil
	})
	if err != nil || len(group) == 0 {
		return group, err
	}
	for _, c := range group {
		if c.pieces, err = c.storedPieces(); err != nil {
			return nil, err
		}
	}
	return group, k.loadVersions(ctx, ids, byRef)
}

// loadVersions reads the history of neighbouring resources as one range. Those of a
// sample are far apart: each has a range of its own.
func (k *checker) loadVersions(ctx context.Context, ids []string, byRef map[fhir.Ref]*checked) error {
	each := len(ids)
	if k.o.Sample > 1 {
		each = 1
	}
	for some := range slices.Chunk(ids, each) {
		first, last := some[0]+"/", some[0]+"0"
		for _, id := range some { // one id may begin with another and a sign before the slash
			first, last = min(first, id+"/"), max(last, id+"0")
		}
		between := bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: first}, {Key: "$lt", Value: last}}}}
		err := k.s.eachRow(ctx, k.s.history, between, options.Find().SetSort(byID), func(r *plan.Row) error {
			if c := byRef[r.Ref]; c != nil {
				c.versions = append(c.versions, r.Columns.(*row))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// missingEntries lists the change entries that versions name but the log lacks.
func (k *checker) missingEntries(ctx context.Context, group []*checked) ([]string, error) {
	var named []string
	for _, c := range group {
		for _, v := range c.versions {
			named = append(named, entryID(v.Source, v.Seq))
		}
	}
	slices.Sort(named)
	return k.missing(ctx, "changes", slices.Compact(named))
}

// checkResource checks the versions of a resource, and the current one against the
// last of them.
func (k *checker) checkResource(ctx context.Context, c *checked) error {
	var before *plan.Row
	for _, v := range c.versions {
		if err := k.checkVersion(ctx, c, v, before); err != nil {
			return err
		}
		before = &v.Row
	}
	id := k.s.id(c.Ref)
	switch n := len(c.versions); {
	case n == 0:
		k.found("resources", id, "", "the resource has no version in history")
	case !sameVersion(c.versions[n-1], c.row):
		k.found("resources", id, "", "is not the last version in history")
	case c.Place != c.versions[0].Stamp:
		k.found("resources", id, "o", "is not the stamp of the first version")
	default:
		return k.checkKeys(ctx, c)
	}
	return nil
}

// sameVersion compares all but the search keys.
func sameVersion(a, b *row) bool {
	for _, field := range []string{"w", "src", "seq", "r", "v", "st", "lu", "m", "ow", "b", "h", "f", "pb", "body"} {
		if !a.doc.Lookup(field).Equal(b.doc.Lookup(field)) {
			return false
		}
	}
	return true
}

func (k *checker) checkVersion(ctx context.Context, c *checked, v *row, before *plan.Row) error {
	c.last = nil
	x := versionCheck{k, ctx, c, v}
	if id := v.id(); id != pastID(k.s.id(v.Ref), v.Version) || v.typ != k.s.in(v.Ref.Type) {
		x.Found("version", "type or version differ from the _id")
	}
	return plan.CheckVersion(x, &v.Row, before)
}

// versionCheck adds what only this store knows to the check of a version.
type versionCheck struct {
	*checker
	ctx context.Context
	of  *checked
	v   *row
}

// fields are the names of columns in the database.
var fields = map[string]string{"version": "v", "stamp": "w", "facts": "f", "body": "body"}

func (c versionCheck) Found(column, what string) {
	if column == "facts" && c.s.identity.Schema < schemaGoverning {
		return
	}
	c.found("history", c.v.id(), fields[column], what)
}

func (c versionCheck) Base() (string, bool, error) {
	base, ok, err := c.s.baseURL(c.ctx, c.v.base)
	if err == nil && !ok {
		c.found("meta", "bases", "urls", fmt.Sprintf("number %d is missing", c.v.base))
	}
	return base, ok, err
}

// Derived compares the sort values, which history keeps for walks that have begun.
func (c versionCheck) Derived(x *search.Index, _ *fhir.Facts) error {
	if c.of.last = x; c.s.identity.Schema < schemaInside {
		return nil
	}
	sorts, err := c.v.sorts()
	if want := withCustomSorts(newSorts(x), sorts); err != nil || !maps.Equal(want, sorts) {
		return c.repaired(c.ctx, "history", c.v, func(ctx context.Context) (bool, error) {
			return c.v.set(ctx, c.s.history, bson.D{{Key: "s", Value: want}})
		})
	}
	return nil
}

// checkKeys compares the search keys of a current version with those derived from the
// last version in the history, which is the same.
func (k *checker) checkKeys(ctx context.Context, c *checked) error {
	if k.s.identity.Schema < schemaInside {
		return nil
	}
	pieces := []index{{}}
	var sorts map[string]sortValue
	if !c.Deleted {
		facts, err := c.Facts()
		if err != nil || c.last == nil {
			return nil // found already
		}
		x := c.withCustom()
		pieces, sorts = k.s.newPieces(c.Ref.Type, x, facts, k.marks(facts, c.Owner)), newSorts(x)
	}
	kept, err := c.sorts()
	if err == nil && slices.EqualFunc(pieces, c.pieces, sameKeys) && maps.Equal(sorts, kept) {
		return nil
	}
	return k.repaired(ctx, "resources", c.row, func(ctx context.Context) (bool, error) { return c.rewriteKeys(ctx, pieces, sorts) })
}

// marks are those that a version has in a database of this schema.
func (k *checker) marks(f *fhir.Facts, owner string) []string {
	switch m := search.Mark(f); {
	case k.s.identity.Schema >= schemaConstrained:
		return search.Marks(f, owner)
	case m != "":
		return []string{m}
	}
	return nil
}

// withCustom adds the keys of custom parameters that are stored to those derived: which
// there should be, only the pass that made them knew.
func (c *checked) withCustom() *search.Index {
	stored, err := c.row.Index()
	if err != nil {
		return c.last
	}
	return c.last.WithCustom(stored.Custom())
}

// withCustomSorts does the same for the sort values of a past version.
func withCustomSorts(sorts, stored map[string]sortValue) map[string]sortValue {
	for param, v := range stored {
		if search.IsCustom(param) {
			sorts[param] = v
		}
	}
	return sorts
}

// repaired reports wrong search keys and, if asked to, lets rewrite write them anew.
// That does nothing if the resource has changed meanwhile.
func (k *checker) repaired(ctx context.Context, table string, r *row, rewrite func(context.Context) (bool, error)) error {
	what := "the search keys are not what the document says"
	if k.o.Repair {
		done, err := rewrite(ctx)
		if err != nil {
			return err
		}
		if done {
			what += "; they were written anew"
		}
	}
	k.found(table, r.id(), "", what)
	return nil
}

// set changes fields of a version unless the resource has changed meanwhile.
func (r *row) set(ctx context.Context, in *mongo.Collection, fields bson.D) (bool, error) {
	filter := bson.D{{Key: "_id", Value: r.id()}, {Key: "v", Value: r.Version}, {Key: "w", Value: r.Stamp}}
	updated, err := in.UpdateOne(ctx, filter, bson.D{{Key: "$set", Value: fields}})
	return err == nil && updated.MatchedCount == 1, err
}

func sameKeys(a, b index) bool {
	sorted := func(keys []string) []string { return slices.Sorted(slices.Values(keys)) } // an upgrade adds at the end
	return slices.Equal(sorted(a.Keys), sorted(b.Keys)) && slices.Equal(a.More, b.More) && slices.Equal(a.Dates, b.Dates) && slices.Equal(a.Numbers, b.Numbers) &&
		reflect.DeepEqual(a.Orders, b.Orders)
}
