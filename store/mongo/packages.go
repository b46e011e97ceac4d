package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Packages is the collection packages: those of implementation guides, one document each.
type Packages struct{ s *Store }

// Packages gives access to the packages that all nodes hold resources against.
func (s *Store) Packages() Packages { return Packages{s} }

// mostPackage is how many bytes a package may have as it is kept: a document of MongoDB
// has 16 MB.
const mostPackage = 15 << 20

type packageRow struct {
	Name     string `bson:"_id"`
	Revision string `bson:"revision"`
	Data     []byte `bson:"data,omitempty"`
}

// List gives the revision of each package by its name.
func (p Packages) List(ctx context.Context) (map[string]string, error) {
	found, err := p.s.db.Collection("packages").Find(ctx, bson.D{}, options.Find().SetProjection(bson.D{{Key: "revision", Value: 1}}))
	if err != nil {
		return nil, fmt.Errorf("read packages: %w", unavailable(err))
	}
	var rows []packageRow
	if err := found.All(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read packages: %w", unavailable(err))
	}
	all := map[string]string{}
	for _, r := range rows {
		all[r.Name] = r.Revision
	}
	return all, nil
}

// Load reads a package.
func (p Packages) Load(ctx context.Context, name, revision string) ([]byte, error) {
	var r packageRow
	if err := p.s.db.Collection("packages").FindOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "revision", Value: revision}}).Decode(&r); err != nil {
		return nil, fmt.Errorf("read package %s: %w", name, unavailable(err))
	}
	return r.Data, nil
}

// Save keeps a package instead of the one with its name, if there is one.
func (p Packages) Save(ctx context.Context, name, revision string, data []byte) error {
	if len(data) > mostPackage {
		return fmt.Errorf("package %s has %d MB without its prose, more than the 15 MB that MongoDB can keep", name, len(data)>>20)
	}
	row := packageRow{Name: name, Revision: revision, Data: data}
	_, err := p.s.db.Collection("packages").ReplaceOne(ctx, bson.D{{Key: "_id", Value: name}}, row, options.Replace().SetUpsert(true))
	if err != nil {
		return fmt.Errorf("keep package %s: %w", name, unavailable(err))
	}
	return nil
}

// Remove removes a package; one that is not there is no error.
func (p Packages) Remove(ctx context.Context, name string) error {
	if _, err := p.s.db.Collection("packages").DeleteOne(ctx, bson.D{{Key: "_id", Value: name}}); err != nil {
		return fmt.Errorf("remove package %s: %w", name, unavailable(err))
	}
	return nil
}
