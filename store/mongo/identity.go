package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/store"
)

// schemaVersion is the layout of the documents, indexGeneration that of keys and
// indexes. A database with a newer one is refused, one with an older schema is upgraded
// when a node opens it.
const (
	schemaVersion   = 5
	indexGeneration = 1
)

// schemaGoverning is the first version whose epochs count changes of all governing types,
// and whose facts are the document's alone and have what is inside. In version 1, only
// Consents counted.
const schemaGoverning = 2

// schemaInside is the first version whose keys have what is inside resources, canonicals with
// their versions, and long texts and URLs.
const schemaInside = 4

// schemaConstrained is the first version whose keys have all of search.Marks; before, they had
// search.Mark.
const schemaConstrained = 5

// identity is what a database is fixed to: the document "store" of meta.
type identity struct {
	Schema       int32  `bson:"schema"`
	Index        int32  `bson:"index"`
	Organization string `bson:"organization"`
	Tenant       string `bson:"tenant"`
}

func (s *Store) meta() *mongo.Collection { return s.db.Collection("meta") }

// settleIdentity fixes a new database to the options and checks an old one.
func (s *Store) settleIdentity(ctx context.Context) error {
	err := s.readIdentity(ctx)
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	if s.opts.Organization == "" || s.opts.Node == "" {
		return errors.New("a new database needs an organisation and a node name")
	}
	_, err = s.meta().InsertOne(ctx, bson.D{
		{Key: "_id", Value: "store"}, {Key: "schema", Value: int32(schemaVersion)}, {Key: "index", Value: int32(indexGeneration)},
		{Key: "organization", Value: s.opts.Organization}, {Key: "tenant", Value: s.opts.Tenant},
	})
	if err != nil && !mongo.IsDuplicateKeyError(err) { // another node was faster
		return fmt.Errorf("write meta: %w", err)
	}
	return s.readIdentity(ctx)
}

// readIdentity returns mongo.ErrNoDocuments if the database is new.
func (s *Store) readIdentity(ctx context.Context) error {
	err := s.meta().FindOne(ctx, bson.D{{Key: "_id", Value: "store"}}).Decode(&s.identity)
	if err != nil {
		return fmt.Errorf("read meta: %w", err)
	}
	return s.identity.accept(s.opts)
}

// accept refuses options that name somebody else, and databases of newer programs.
func (id identity) accept(o Options) error {
	for _, f := range []struct{ what, has, wanted string }{
		{"organisation", id.Organization, o.Organization},
		{"tenant", id.Tenant, o.Tenant},
	} {
		if f.wanted != "" && f.wanted != f.has {
			return fmt.Errorf("this database belongs to %s %q and cannot be used for %q: choose another database", f.what, f.has, f.wanted)
		}
	}
	if id.Schema > schemaVersion || id.Index > indexGeneration {
		return fmt.Errorf("this database has schema version %d and index generation %d, this program knows versions up to %d and %d: use a newer program",
			id.Schema, id.Index, schemaVersion, indexGeneration)
	}
	if o.Node == "" {
		return errors.New("a node name is needed: it names the logs that this process writes")
	}
	return nil
}

// Bases are all base URLs that the server has had, the current one first: see fhir.Below.
func (s *Store) Bases() string { return s.ownBases }

// settleBases adds the base URL of this start to those before.
func (s *Store) settleBases(ctx context.Context) error {
	if err := s.readBases(ctx); err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return err
	}
	s.ownBases = store.Bases(s.opts.Base, s.bases)
	if news := store.Bases("", s.bases); len(s.bases) > 0 && !slices.Contains(strings.Fields(news), strings.TrimRight(s.opts.Base, "/")) {
		s.opts.Report(fmt.Sprintf("the base URL %s is new to this database: if other nodes go on with another one, tokens and links of one do not hold on the other", s.opts.Base))
	}
	base, err := s.addBase(ctx, s.ownBases)
	s.base = base
	return err
}

// addBase finds or adds the base URLs of a start. Those that nothing was written with do
// no harm.
func (s *Store) addBase(ctx context.Context, url string) (int32, error) {
	if i := s.knownBase(url); i >= 0 {
		return i, nil
	}
	if err := s.meta().FindOne(ctx, bson.D{{Key: "_id", Value: "bases"}}).Err(); errors.Is(err, mongo.ErrNoDocuments) {
		_, err = s.meta().InsertOne(ctx, bson.D{{Key: "_id", Value: "bases"}, {Key: "urls", Value: bson.A{url}}})
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return 0, fmt.Errorf("write bases: %w", err)
		}
	}
	_, err := s.meta().UpdateOne(ctx,
		bson.D{{Key: "_id", Value: "bases"}, {Key: "urls", Value: bson.D{{Key: "$ne", Value: url}}}},
		bson.D{{Key: "$push", Value: bson.D{{Key: "urls", Value: url}}}})
	if err != nil {
		return 0, fmt.Errorf("write bases: %w", err)
	}
	if err := s.readBases(ctx); err != nil {
		return 0, err
	}
	return s.knownBase(url), nil
}

// knownBase is -1 if the base was not there when the bases were last read.
func (s *Store) knownBase(url string) int32 {
	s.basesMu.Lock()
	defer s.basesMu.Unlock()
	return int32(slices.Index(s.bases, url))
}

func (s *Store) readBases(ctx context.Context) error {
	var doc struct {
		URLs []string `bson:"urls"`
	}
	if err := s.meta().FindOne(ctx, bson.D{{Key: "_id", Value: "bases"}}).Decode(&doc); err != nil {
		return fmt.Errorf("read bases: %w", err)
	}
	s.basesMu.Lock()
	defer s.basesMu.Unlock()
	s.bases = doc.URLs
	return nil
}

// baseURL is the base URL that a version's keys depend on.
func (s *Store) baseURL(ctx context.Context, base int32) (string, bool, error) {
	known := func() (string, bool) {
		s.basesMu.Lock()
		defer s.basesMu.Unlock()
		if base < 0 || int(base) >= len(s.bases) {
			return "", false
		}
		return s.bases[base], true
	}
	if url, ok := known(); ok {
		return url, true, nil
	}
	if err := s.readBases(ctx); err != nil {
		return "", false, err
	}
	url, ok := known()
	return url, ok, nil
}
