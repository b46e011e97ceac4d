package mongotest

import (
	"fmt"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// explain says by which index a find is answered, and what it looked at.
func TestExplain(t *testing.T) {
	ctx, client := connect(t, Start(t))
	db := client.Database("d")
	_, err := db.Collection("c").Indexes().CreateOne(ctx, mongo.IndexModel{Keys: bson.D{{Key: "k", Value: 1}, {Key: "o", Value: -1}}})
	check(t, err)
	for i := range 100 {
		_, err := db.Collection("c").InsertOne(ctx, bson.D{{Key: "_id", Value: i}, {Key: "k", Value: bson.A{"all", fmt.Sprint(i % 10)}}, {Key: "o", Value: i}})
		check(t, err)
	}
	for _, test := range []struct {
		find       bson.D
		stages     []string
		keys, docs int
	}{
		{bson.D{{Key: "filter", Value: bson.D{{Key: "k", Value: "3"}}}}, []string{"FETCH", "IXSCAN"}, 10, 10},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "k", Value: bson.D{{Key: "$all", Value: bson.A{"3", "all"}}}}}}}, []string{"FETCH", "IXSCAN"}, 10, 10},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "k", Value: bson.D{{Key: "$all", Value: bson.A{"all", "3"}}}}}}}, []string{"FETCH", "IXSCAN"}, 100, 100},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "k", Value: "all"}, {Key: "o", Value: bson.D{{Key: "$lt", Value: 50}}}}}, {Key: "sort", Value: bson.D{{Key: "o", Value: -1}}}, {Key: "limit", Value: 5}},
			[]string{"LIMIT", "FETCH", "IXSCAN"}, 5, 5},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "o", Value: 5}}}}, []string{"COLLSCAN"}, 0, 100},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "_id", Value: 5}}}}, []string{"FETCH", "IXSCAN"}, 1, 1},
		{bson.D{{Key: "filter", Value: bson.D{{Key: "k", Value: "3"}}}, {Key: "sort", Value: bson.D{{Key: "x", Value: 1}}}}, []string{"SORT", "FETCH", "IXSCAN"}, 10, 10},
	} {
		find := append(bson.D{{Key: "find", Value: "c"}}, test.find...)
		var raw bson.Raw
		check(t, db.RunCommand(ctx, bson.D{{Key: "explain", Value: find}}).Decode(&raw))
		var stages []string
		for plan, ok := raw.Lookup("queryPlanner", "winningPlan").DocumentOK(); ok; plan, ok = plan.Lookup("inputStage").DocumentOK() {
			stages = append(stages, plan.Lookup("stage").StringValue())
		}
		stats := raw.Lookup("executionStats").Document()
		keys, docs := int(stats.Lookup("totalKeysExamined").Int32()), int(stats.Lookup("totalDocsExamined").Int32())
		if fmt.Sprint(stages) != fmt.Sprint(test.stages) || keys != test.keys || docs != test.docs {
			t.Errorf("%v: %v, %d keys, %d documents; want %v, %d, %d", test.find, stages, keys, docs, test.stages, test.keys, test.docs)
		}
	}
}
