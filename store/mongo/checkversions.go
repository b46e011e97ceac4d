package mongo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// checked is a resource with all its versions, oldest first.
type checked struct {
	resource
	versions []past
}

// checkGroup checks some resources, each as one snapshot shows it.
func (k *checker) checkGroup(ctx context.Context, ids []string) error {
	var group []*checked
	var missing []string
	err := k.s.snapshot(ctx, func(ctx context.Context) (err error) {
		if group, err = k.load(ctx, ids); err == nil {
			missing, err = k.missingEntries(ctx, group)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range missing {
		if err := k.found("changes", id, "", "is missing: a version names it"); err != nil {
			return err
		}
	}
	for _, c := range group {
		if err := k.checkResource(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (k *checker) load(ctx context.Context, ids []string) ([]*checked, error) {
	cursor, err := k.s.resources.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	var group []*checked
	byID := map[string]*checked{}
	for cursor.Next(ctx) {
		c := &checked{}
		if err := cursor.Decode(&c.resource); err != nil {
			return nil, err
		}
		group, byID[c.ID] = append(group, c), c
	}
	if err := cursor.Err(); err != nil || len(group) == 0 {
		return group, err
	}
	return group, k.loadVersions(ctx, ids, byID)
}

// loadVersions reads the history of resources that follow each other in one range.
// Those of a sample stand far apart: each has a range of its own.
func (k *checker) loadVersions(ctx context.Context, ids []string, byID map[string]*checked) error {
	each := len(ids)
	if k.o.Sample > 1 {
		each = 1
	}
	for some := range slices.Chunk(ids, each) {
		first, last := some[0]+"/", some[0]+"0"
		for _, id := range some { // one id may begin with another and a sign before the slash
			first, last = min(first, id+"/"), max(last, id+"0")
		}
		cursor, err := k.s.history.Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: first}, {Key: "$lt", Value: last}}}},
			options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}))
		if err != nil {
			return err
		}
		for cursor.Next(ctx) {
			var p past
			if err := cursor.Decode(&p); err != nil {
				return err
			}
			if c := byID[resourceOf(p.ID)]; c != nil {
				c.versions = append(c.versions, p)
			}
		}
		if err := cursor.Err(); err != nil {
			return err
		}
	}
	return nil
}

// missingEntries lists the change entries that versions name and that are not there.
func (k *checker) missingEntries(ctx context.Context, group []*checked) ([]string, error) {
	named := map[string]bool{}
	for _, c := range group {
		for i := range c.versions {
			named[entryID(c.versions[i].V.Source, c.versions[i].V.Seq)] = true
		}
	}
	var ids []string
	for id := range named {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	cursor, err := k.s.db.Collection("changes").Find(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return nil, err
	}
	for cursor.Next(ctx) {
		id, _ := cursor.Current.Lookup("_id").StringValueOK()
		delete(named, id)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !named[id] }), cursor.Err()
}

// checkResource checks the versions of a resource, and the current one against the
// last of them.
func (k *checker) checkResource(ctx context.Context, c *checked) error {
	var before *past
	for i := range c.versions {
		if err := k.checkVersion(ctx, &c.versions[i], before); err != nil {
			return err
		}
		before = &c.versions[i]
	}
	found := func(column, what string) error { return k.found("resources", c.ID, column, what) }
	switch {
	case before == nil:
		return found("", "the resource has no version in history")
	case !sameVersion(before.V, c.V):
		return found("", "is not the last version in history")
	case c.Order != c.versions[0].V.Stamp:
		return found("o", "is not the stamp of the first version")
	}
	return k.checkKeys(ctx, c)
}

// sameVersion compares all but the sort values, which are checked with the keys.
func sameVersion(a, b version) bool {
	a.Sorts, b.Sorts = nil, nil
	return reflect.DeepEqual(a, b)
}

// checkVersion checks one version against the one before it and its document.
func (k *checker) checkVersion(ctx context.Context, p, before *past) error {
	found := func(column, what string) error { return k.found("history", p.ID, column, what) }
	number, stamp := int64(1), int64(0)
	if before != nil {
		number, stamp = before.V.Version+1, before.V.Stamp
	}
	if p.V.Version != number || p.ID != pastID(resourceOf(p.ID), p.V.Version) {
		if err := found("v", fmt.Sprintf("version %d is missing before it", number)); err != nil {
			return err
		}
	}
	if p.V.Stamp <= stamp || p.V.Stamp < lowestStamp(p.V.At.Time()) {
		if err := found("w", "the version is out of order"); err != nil {
			return err
		}
	}
	if !p.V.Deleted {
		return k.checkDocument(ctx, p)
	}
	if p.V.Body != nil {
		return found("body", "a deleted version has a document")
	}
	if before != nil && !bytes.Equal(unpacked(p.V.Facts), unpacked(before.V.Facts)) {
		return found("f", "differ from those of the version that was deleted")
	}
	return nil
}

// unpacked is nil for damaged bytes.
func unpacked(b []byte) []byte {
	raw, err := store.Unpack(b)
	if err != nil {
		return nil
	}
	return raw
}

// checkDocument derives everything again from the bytes.
func (k *checker) checkDocument(ctx context.Context, p *past) error {
	found := func(column, what string) error { return k.found("history", p.ID, column, what) }
	body := unpacked(p.V.Body)
	if body == nil {
		return found("body", "cannot be unpacked")
	}
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], p.V.Hash) {
		if err := found("body", "the document does not match its hash"); err != nil {
			return err
		}
	}
	doc, err := fhir.Open(body)
	if err != nil {
		return found("body", "the document is not a FHIR resource")
	}
	ref := k.s.refOf(p.ID)
	if doc.Type() != ref.Type || doc.ID() != ref.ID || p.V.Type != k.s.in(ref.Type) ||
		doc.Version() != p.V.Version || doc.LastUpdated().UnixMilli() != p.V.At.Time().UnixMilli() {
		if err := found("body", "type, id, version or time in the document differ from the row"); err != nil {
			return err
		}
	}
	base, ok, err := k.s.baseURL(ctx, p.V.Base)
	if err != nil {
		return err
	}
	if !ok {
		return k.found("meta", "bases", "urls", fmt.Sprintf("number %d is missing", p.V.Base))
	}
	x, facts, err := search.Describe(doc, base)
	if err != nil {
		return found("body", "no search keys can be derived from the document")
	}
	if !store.SameFacts(facts, unpacked(p.V.Facts)) {
		if err := found("f", "differ from what the document says"); err != nil {
			return err
		}
	}
	if sorts := newSorts(x); !maps.Equal(sorts, p.V.Sorts) {
		return k.repaired(ctx, k.s.history, "history", p.ID, &p.V, bson.D{{Key: "s", Value: sorts}})
	}
	return nil
}

// checkKeys derives the search keys of a current version again.
func (k *checker) checkKeys(ctx context.Context, c *checked) error {
	want, sorts, ok, err := k.derive(ctx, c)
	if err != nil || !ok || sameKeys(want, c.X) && maps.Equal(sorts, c.V.Sorts) {
		return err
	}
	return k.repaired(ctx, k.s.resources, "resources", c.ID, &c.V, bson.D{
		{Key: "k", Value: want.Keys}, {Key: "u", Value: want.More}, {Key: "d", Value: want.Dates}, {Key: "n", Value: want.Numbers}, {Key: "s", Value: sorts},
	})
}

// repaired reports wrong search keys and, if asked to, writes them anew unless the
// document has been written meanwhile.
func (k *checker) repaired(ctx context.Context, in *mongo.Collection, table, id string, v *version, keys bson.D) error {
	what := "the search keys are not what the document says"
	if k.o.Repair {
		filter := bson.D{{Key: "_id", Value: id}, {Key: "v", Value: v.Version}, {Key: "w", Value: v.Stamp}}
		r, err := in.UpdateOne(ctx, filter, bson.D{{Key: "$set", Value: keys}})
		if err != nil {
			return err
		}
		if r.MatchedCount == 1 {
			what += "; they were written anew"
		}
	}
	return k.found(table, id, "", what)
}

// derive gives the keys and sort values that a current version should have. A
// document that cannot be read was found before.
func (k *checker) derive(ctx context.Context, c *checked) (x index, sorts map[string]sortValue, ok bool, err error) {
	if c.V.Deleted {
		return x, nil, true, nil
	}
	base, ok, err := k.s.baseURL(ctx, c.V.Base)
	if err != nil || !ok {
		return x, nil, false, err
	}
	doc, err := fhir.Open(unpacked(c.V.Body))
	if err != nil {
		return x, nil, false, nil
	}
	derived, err := search.IndexOf(doc, base)
	if err != nil {
		return x, nil, false, nil
	}
	x = k.s.newIndex(doc.Type(), derived)
	if doc.Type() == "Consent" {
		facts, err := c.V.facts(c.ID)
		if err != nil {
			return x, nil, false, nil
		}
		x.Keys = append(x.Keys, k.s.consentKeys(facts.Patients)...)
	}
	return x, newSorts(derived), true, nil
}

func sameKeys(a, b index) bool {
	return slices.Equal(a.Keys, b.Keys) && slices.Equal(a.More, b.More) && slices.Equal(a.Dates, b.Dates) && slices.Equal(a.Numbers, b.Numbers)
}
