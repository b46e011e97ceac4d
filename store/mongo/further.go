package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// keysInDocument is how many search keys and ranges one document of the collection
// resources holds. What a resource has beyond that is in further key documents beside it,
// with the _id of the resource and a number (pastID), and with its place: the indexes find
// them as they find the resource. Every key is in one document only. They have no r, so
// nothing but a search for keys finds them; a resource says how many it has in x.
const keysInDocument = 8000

// keyDocument is what a further key document has beside the keys.
type keyDocument struct {
	ID    string `bson:"_id"`
	Place int64  `bson:"o"`
}

// split cuts an index into pieces of so many keys and ranges, at least one.
func split(x index, size int) []index {
	pieces := []index{{}}
	room := size
	last := func() *index {
		if room == 0 {
			pieces, room = append(pieces, index{}), size
		}
		return &pieces[len(pieces)-1]
	}
	for len(x.Keys)+len(x.More)+len(x.Dates)+len(x.Numbers) > 0 {
		p := last()
		p.Keys, x.Keys = cut(x.Keys, &room)
		p.More, x.More = cut(x.More, &room)
		p.Dates, x.Dates = cut(x.Dates, &room)
		p.Numbers, x.Numbers = cut(x.Numbers, &room)
	}
	return pieces
}

// newPieces returns the keys of a version as its documents hold them. Those by which Consents
// finds it are in its own.
func (s *Store) newPieces(typ string, x *search.Index, f *fhir.Facts, marks []string) []index {
	pieces := split(s.newIndex(typ, x, marks), s.room)
	pieces[0].Further, pieces[0].Orders = int32(len(pieces)-1), newOrders(typ, x)
	if typ == "Consent" {
		pieces[0].Keys = append(pieces[0].Keys, s.consentKeys(f.Patients)...)
	}
	return pieces
}

// cut takes what there is room for.
func cut[T any](list []T, room *int) (taken, rest []T) {
	n := min(len(list), *room)
	*room -= n
	return list[:n:n], list[n:]
}

// furtherIDs are the _ids of n further key documents of a resource.
func furtherIDs(resource string, n int32) bson.A {
	ids := make(bson.A, n)
	for i := range ids {
		ids[i] = pastID(resource, int64(i)+1)
	}
	return ids
}

// isFurther says whether an _id of resources is that of a further key document.
func (s *Store) isFurther(id string) bool {
	return strings.Count(strings.TrimPrefix(id, s.tenant()), "/") > 1
}

// furtherOf encodes the further key documents of a resource.
func furtherOf(id string, place int64, pieces []index) ([]any, error) {
	var docs []any
	for i, x := range pieces {
		head, err := bson.Marshal(keyDocument{pastID(id, int64(i)+1), place})
		if err != nil {
			return nil, err
		}
		keys, err := bson.Marshal(x)
		if err != nil {
			return nil, err
		}
		docs = append(docs, join(head, keys))
	}
	return docs, nil
}

// flushFurther replaces the further key documents of resources that are written.
func (u *unit) flushFurther(ctx context.Context, dirty []*current) error {
	var old bson.A
	var docs []any
	large := map[string]bool{}
	for _, c := range dirty {
		old = append(old, furtherIDs(c.ID, c.storedFurther)...)
		more, err := furtherOf(c.ID, c.Place, c.pieces)
		if err != nil {
			return err
		}
		docs = append(docs, more...)
		if c.storedFurther = int32(len(c.pieces)); c.storedFurther > 0 {
			large[u.s.in(u.s.refOf(c.ID).Type)] = true
		}
		c.pieces = nil
	}
	if len(old) > 0 {
		if _, err := u.s.resources.DeleteMany(ctx, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: old}}}}); err != nil {
			return err
		}
	}
	for typ := range large {
		if err := u.s.noteLarge(ctx, typ); err != nil {
			return err
		}
	}
	return insertAll(ctx, u.s.resources, docs)
}

// noteLarge says, for good, that some resources of a type have further key documents. It
// stands beside the epoch, which every snapshot reads.
func (s *Store) noteLarge(ctx context.Context, typ string) error {
	_, err := s.counters.UpdateOne(ctx, bson.D{{Key: "_id", Value: epochName}},
		bson.D{{Key: "$addToSet", Value: bson.D{{Key: "large", Value: typ}}}}, options.UpdateOne().SetUpsert(true))
	return err
}

// documents are all that have search keys of the resource, its own first. Further ones are
// read when they are needed, in the snapshot in which the resource was read.
func (r *row) documents() ([]bson.Raw, error) {
	if r.docs != nil {
		return r.docs, nil
	}
	if r.docs = []bson.Raw{r.doc}; r.further == 0 {
		return r.docs, nil
	}
	ids := furtherIDs(r.id(), r.further)
	docs := r.docs
	err := eachRaw(r.ctx, r.s.resources, bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, options.Find().SetHint(byID), func(doc bson.Raw) error {
		docs = append(docs, slices.Clone(doc))
		return nil
	})
	if err == nil && len(docs) != len(ids)+1 {
		err = r.Damaged("x")
	}
	r.docs = docs
	return docs, err
}

// storedPieces are the search keys of a resource as they are stored, nil if they cannot be
// read.
func (r *row) storedPieces() ([]index, error) {
	docs, err := r.documents()
	var damage *store.Finding
	if errors.As(err, &damage) {
		return nil, nil
	}
	pieces := make([]index, len(docs))
	for i, doc := range docs {
		if err == nil && bson.Unmarshal(doc, &pieces[i]) != nil {
			return nil, nil
		}
	}
	return pieces, err
}

// rewriteKeys writes the search keys of a resource anew unless it has changed meanwhile.
func (r *row) rewriteKeys(ctx context.Context, pieces []index, sorts map[string]sortValue) (done bool, err error) {
	own := pieces[0]
	fields := append(own.fields(), bson.E{Key: "s", Value: sorts})
	err = r.s.transacted(ctx, func(ctx context.Context) error {
		if done, err = r.set(ctx, r.s.resources, fields); !done {
			return err
		}
		u := &unit{s: r.s}
		return u.flushFurther(ctx, []*current{{ID: r.id(), Place: r.Place, storedFurther: max(r.further, own.Further), pieces: pieces[1:]}})
	})
	return done, err
}

// checkFurther looks for further key documents that belong to no resource, and returns the
// other ids.
func (k *checker) checkFurther(ctx context.Context, ids []string) (resources []string, err error) {
	var further []string
	var owners bson.A
	for _, id := range ids {
		if k.s.isFurther(id) {
			further, owners = append(further, id), append(owners, resourceOf(id))
		} else {
			resources = append(resources, id)
		}
	}
	if len(further) == 0 {
		return resources, nil
	}
	has := map[string]bool{}
	err = k.s.snapshot(ctx, func(ctx context.Context) (err error) {
		if further, err = k.ids(ctx, "resources", bson.D{{Key: "$in", Value: further}}, options.Find()); err != nil {
			return err
		}
		return k.s.readCurrent(ctx, owners, false, func(c *current) {
			for _, id := range furtherIDs(c.ID, c.Further) {
				has[id.(string)] = true
			}
		})
	})
	for _, id := range further {
		if err == nil && !has[id] {
			k.found("resources", id, "", "belongs to no resource")
		}
	}
	return resources, err
}
