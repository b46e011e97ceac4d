package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// epochName is the counter of changes that wrote what governs access.
const epochName = "epoch"

// epoch is the consent epoch, in the snapshot of ctx.
func (s *Store) epoch(ctx context.Context) (int64, error) {
	at, err := s.began(ctx)
	return at.Epoch, err
}

// began is what every snapshot reads first.
type began struct {
	Epoch int64    `bson:"v"`
	Large []string `bson:"large"` // types (see Store.in) of which some resources have further key documents
}

func (s *Store) began(ctx context.Context) (at began, err error) {
	answer, err := s.run(ctx, beganCommand)
	if err != nil {
		return at, err
	}
	doc, ok := answer.Lookup("cursor", "firstBatch", "0").DocumentOK()
	if !ok {
		return at, nil // no change has written anything of the kind
	}
	if v := doc.Lookup("v"); v.Type != 0 {
		if at.Epoch, ok = v.AsInt64OK(); !ok {
			return at, errors.New("the epoch in counters is damaged: it is no number")
		}
	}
	if v := doc.Lookup("large"); v.Type != 0 {
		err = v.Unmarshal(&at.Large)
	}
	return at, err
}

// Consents returns the current Consents in the compartment of a patient, from a snapshot
// that will last: callers cache them.
func (s *Store) Consents(ctx context.Context, patient string) (all []store.Version, epoch int64, err error) {
	if patient == "" { // the caller needs only the epoch, for a create
		nothing := s.getter.get(ctx, "")
		return nil, nothing.epoch, nothing.err
	}
	err = s.lastingSnapshot(ctx, func(ctx context.Context) error {
		if epoch, err = s.epoch(ctx); err != nil {
			return err
		}
		all, err = s.consentsOf(ctx, patient, epoch)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read consents: %w", err)
	}
	return all, epoch, nil
}

func (s *Store) consentsOf(ctx context.Context, patient string, epoch int64) ([]store.Version, error) {
	rows, err := s.rows(ctx, s.resources, bson.D{{Key: "k", Value: s.consentKey(patient)}},
		options.Find().SetSort(bson.D{{Key: "o", Value: 1}}).SetProjection(withoutKeys).SetHint(keyIndex))
	if err != nil {
		return nil, err
	}
	return plan.Versions(rows, epoch)
}

// EachConsent visits all current Consents, in the order of their ids. Each portion is read
// in a snapshot that will last.
func (s *Store) EachConsent(ctx context.Context, visit func([]store.Version, int64) error) error {
	after, end := s.in("Consent"), s.in("Consent")+"\U0010FFFF"
	for {
		var rows []*plan.Row
		var epoch int64
		err := s.lastingSnapshot(ctx, func(ctx context.Context) (err error) {
			if epoch, err = s.epoch(ctx); err != nil {
				return err
			}
			ids := bson.D{{Key: "$gt", Value: after}, {Key: "$lt", Value: end}}
			rows, err = s.rows(ctx, s.resources, bson.D{{Key: "_id", Value: ids}, {Key: "r", Value: s.in("Consent")}}, // no further key documents
				options.Find().SetHint(byID).SetSort(byID).SetLimit(consentsAtOnce).SetProjection(withoutKeys))
			return err
		})
		if err != nil {
			return fmt.Errorf("read all consents: %w", err)
		}
		full := len(rows) == consentsAtOnce
		if full {
			after = s.id(rows[len(rows)-1].Ref)
		}
		all, err := plan.Versions(slices.DeleteFunc(rows, func(r *plan.Row) bool { return r.Deleted }), epoch)
		if err != nil {
			return fmt.Errorf("read all consents: %w", err)
		}
		if err := visit(all, epoch); err != nil || !full {
			return err
		}
	}
}

// consentsAtOnce is how many Consents are visited together.
const consentsAtOnce = 500

// ConsentChanges returns the keys of what governs access and was written with an epoch
// above since (see store.Governed), and the epoch of the snapshot, which will last.
func (s *Store) ConsentChanges(ctx context.Context, since int64) (patients []string, epoch int64, err error) {
	var all []touch
	err = s.lastingSnapshot(ctx, func(ctx context.Context) error {
		if epoch, err = s.epoch(ctx); err != nil {
			return err
		}
		all, err = s.touchedSince(ctx, since)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read changes of consents: %w", err)
	}
	seen := map[string]bool{}
	for _, t := range all {
		for _, p := range t.Patients {
			seen[p] = true
		}
	}
	return slices.Collect(maps.Keys(seen)), epoch, nil
}

// touch is a document of the collection epochs: the keys of what the change with this
// epoch wrote and governs access.
type touch struct {
	Epoch    int64    `bson:"_id"`
	Patients []string `bson:"p"`
}

func (s *Store) touchedSince(ctx context.Context, since int64) ([]touch, error) {
	return all[touch](ctx, s.epochs, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: since}}}}, options.Find().SetSort(byID))
}

// consentKeys are the keys by which Consents finds a version.
func (s *Store) consentKeys(patients []string) []string {
	keys := make([]string, len(patients))
	for i, p := range patients {
		keys[i] = s.consentKey(p)
	}
	return keys
}

// touches returns the keys of what a member writes and governs access, of the versions
// before and of the new ones. It is nil if the member writes nothing of the kind.
func (u *unit) touches(m *member) ([]string, error) {
	var all []string
	for i := range m.writes {
		w := &m.writes[i]
		if !w.governs() {
			continue
		}
		before, err := u.resources[w.id].governs()
		if err != nil {
			return nil, err
		}
		all = store.Union(store.Union(append([]string{}, all...), before), store.Governed(&w.Facts))
	}
	return all, nil
}

// flushEpochs gives each change of what governs access an epoch and writes its keys.
func (u *unit) flushEpochs(ctx context.Context) error {
	n := int64(len(u.touched))
	if n == 0 {
		return nil
	}
	last, err := u.s.count(ctx, epochName, n)
	if err != nil {
		return err
	}
	var docs []any
	for i, patients := range u.touched {
		docs = append(docs, touch{last - n + 1 + int64(i), patients})
	}
	u.touched = nil
	return insertAll(ctx, u.s.epochs, docs)
}

// lastGoverning is the change log entry of the last version that governs access, -1 if
// there is none.
func (s *Store) lastGoverning(ctx context.Context) (seq int64, err error) {
	seq = -1
	for _, typ := range store.Governing() {
		last, err := s.rows(ctx, s.history, bson.D{{Key: "r", Value: s.in(typ)}},
			options.Find().SetSort(bson.D{{Key: "w", Value: -1}}).SetHint(typeIndex).SetLimit(1))
		if err != nil {
			return 0, err
		}
		if len(last) > 0 {
			seq = max(seq, last[0].Seq)
		}
	}
	return seq, nil
}
