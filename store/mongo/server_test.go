package mongo

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// serverVariable names a replica set that the tests may use: they make databases
// with random names and drop them.
const serverVariable = "ACESO_TEST_MONGODB"

// realServer is the connection string of a real server, "" if there is none here.
var realServer string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

// runTests finds the server that the tests run against: the one that the variable
// names, one started from a mongod on PATH, or the stand-in.
func runTests(m *testing.M) int {
	if os.Getenv(mongotest.ApartVariable) != "" {
		return mongotest.ServeApart()
	}
	realServer = os.Getenv(serverVariable)
	if realServer != "" {
		fmt.Printf("MongoDB for the tests: the replica set that %s names\n", serverVariable)
		return m.Run()
	}
	path, err := exec.LookPath("mongod")
	if err != nil {
		fmt.Printf("MongoDB for the tests: the stand-in mongotest (%s is not set and there is no mongod on PATH)\n", serverVariable)
		return m.Run()
	}
	set, err := mongotest.StartSet(path, 1)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start mongod:", err)
		return 1
	}
	defer set.Stop()
	fmt.Printf("MongoDB for the tests: %s, started as a replica set of one node\n", path)
	realServer = set.URI()
	return m.Run()
}

// server is an empty database on the server of the tests.
type server struct {
	uri, database string
	standIn       *mongotest.Server // nil if the server is real
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{uri: realServer, database: "acesotest_" + strings.ToLower(rand.Text())}
	if s.uri == "" {
		s.standIn = mongotest.Start(t)
		s.uri = s.standIn.URI()
		return s
	}
	t.Cleanup(func() { dropDatabase(t, s.uri, s.database) })
	return s
}

func dropDatabase(t testing.TB, uri, name string) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Error(err)
		return
	}
	ctx := context.Background()
	defer client.Disconnect(ctx)
	if err := client.Database(name).Drop(ctx); err != nil {
		t.Errorf("drop the test's database: %v", err)
	}
}
