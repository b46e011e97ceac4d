package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// FormerPolicies are the policies that a database of a version before had in force, packed;
// nil if it had none, or those that came with the program. They were kept in a collection
// of their own, which nothing writes any more.
func (s *Store) FormerPolicies(ctx context.Context) ([]byte, error) {
	policies := s.db.Collection("policies")
	var active struct {
		Name    string `bson:"revision"`
		BuiltIn bool   `bson:"builtin"`
	}
	there, err := found(policies.FindOne(ctx, bson.D{{Key: "_id", Value: "active"}}).Decode(&active))
	if err != nil {
		return nil, fmt.Errorf("read policies: %w", unavailable(err))
	}
	if !there || active.BuiltIn {
		return nil, nil
	}
	var doc struct {
		Archive []byte `bson:"archive"`
	}
	if err := policies.FindOne(ctx, bson.D{{Key: "_id", Value: active.Name}}).Decode(&doc); err != nil {
		return nil, fmt.Errorf("read policies of revision %s: %w", active.Name, unavailable(err))
	}
	return doc.Archive, nil
}
