package mongo

import (
	"context"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store/search"
)

// upgrade brings a database that an older program wrote to the layout of this one. The
// schema version comes last: an upgrade that was interrupted is made again. Epochs of older
// changes need no upgrade, for nothing outside a process refers to them; but no program may
// go on writing that raises the epoch for Consents only.
func (s *Store) upgrade(ctx context.Context) error {
	if s.identity.Schema == schemaVersion {
		return nil
	}
	s.opts.Report(fmt.Sprintf("bringing the database from schema version %d to %d", s.identity.Schema, schemaVersion))
	if done, err := s.othersEnded(ctx); done || err != nil {
		return err
	}
	if s.identity.Schema < schemaGoverning {
		if err := s.renewAllFacts(ctx); err != nil {
			return fmt.Errorf("upgrade facts: %w", err)
		}
	}
	renew := s.addMarks
	if s.identity.Schema < schemaInside {
		renew = s.renewIndex // which adds them, too
	}
	if err := renew(ctx); err != nil {
		return fmt.Errorf("upgrade keys: %w", err)
	}
	_, err := s.meta().UpdateOne(ctx, bson.D{{Key: "_id", Value: "store"}, {Key: "schema", Value: s.identity.Schema}},
		bson.D{{Key: "$set", Value: bson.D{{Key: "schema", Value: int32(schemaVersion)}}}})
	if err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	s.opts.Report(fmt.Sprintf("the database has schema version %d", schemaVersion))
	return s.readIdentity(ctx)
}

// othersEnded refuses an upgrade while another node serves the database, which may take
// the life of a lease to find out. It is done if another node of this program was faster.
func (s *Store) othersEnded(ctx context.Context) (done bool, err error) {
	first, err := s.otherLeases(ctx)
	if err != nil || len(first) == 0 {
		return false, err
	}
	s.opts.Report(fmt.Sprintf("node %s did not end cleanly: waiting up to %v to see whether it is still alive", first[0].Node, s.opts.LeaseLife))
	var quiet watched
	for try := 0; quiet.total <= s.opts.LeaseLife; try++ {
		if err := pause(ctx, try); err != nil {
			return false, err
		}
		if err := s.readIdentity(ctx); err != nil || s.identity.Schema == schemaVersion {
			return true, err
		}
		now, err := s.otherLeases(ctx)
		if err != nil {
			return false, err
		}
		for _, l := range now {
			if !slices.Contains(first, l) {
				return false, fmt.Errorf("node %q is being served by an older program: stop all nodes before the first one of the newer program starts", l.Node)
			}
		}
		quiet.add(s.opts.LeaseLife)
	}
	return false, nil
}

// otherLeases lists the leases that were not given back, without those of this node and
// its owner.
func (s *Store) otherLeases(ctx context.Context) (all []lease, err error) {
	cursor, err := s.nodes.Find(ctx, bson.D{{Key: "process", Value: bson.D{{Key: "$ne", Value: ""}}}})
	if err == nil {
		err = cursor.All(ctx, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read the leases of nodes: %w", err)
	}
	return slices.DeleteFunc(all, func(l lease) bool { return l.Node == s.opts.Node && l.free(s.opts.Owner) }), nil
}

// renewAllFacts lets the facts of all versions be what their documents say; a tombstone has
// those of the version before. A damaged version stays as it is.
func (s *Store) renewAllFacts(ctx context.Context) error {
	last := s.tenant()
	var before renewed
	for {
		some, err := s.rows(ctx, s.history, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: last}}}},
			options.Find().SetSort(byID).SetLimit(rowsAtOnce))
		if err != nil || len(some) == 0 {
			return err
		}
		for _, r := range some {
			last = r.Columns.(*row).id()
			if before, err = s.renew(ctx, r, before); err != nil {
				return err
			}
		}
	}
}

// renewed are the facts of a version; of is zero if it is damaged.
type renewed struct {
	of    fhir.Ref
	facts []byte
	names []string
}

// renew writes the facts of a version, and of the resource if that is its current one.
func (s *Store) renew(ctx context.Context, r *search.Row, before renewed) (now renewed, err error) {
	if now = before; !r.Deleted {
		base, known, err := s.baseURL(ctx, r.Columns.(*row).base)
		if err != nil {
			return now, err
		}
		facts, names, err := search.RenewFacts(r.PackedFacts, r.PackedBody, base)
		if err != nil || !known {
			return renewed{}, nil // the check finds it
		}
		now = renewed{r.Ref, facts, names}
	}
	if now.of != r.Ref {
		return now, nil
	}
	id := pastID(s.id(r.Ref), r.Version)
	for _, name := range now.names {
		doc := bson.D{{Key: "_id", Value: namedID(s.tenant()+name, id)}}
		if _, err := s.named.ReplaceOne(ctx, doc, doc, options.Replace().SetUpsert(true)); err != nil {
			return now, err
		}
	}
	set := bson.D{{Key: "$set", Value: bson.D{{Key: "f", Value: now.facts}}}}
	_, err = s.history.UpdateOne(ctx, bson.D{{Key: "_id", Value: id}}, set)
	if err == nil {
		_, err = s.resources.UpdateOne(ctx, bson.D{{Key: "_id", Value: s.id(r.Ref)}, {Key: "w", Value: r.Stamp}}, set)
	}
	return now, err
}
