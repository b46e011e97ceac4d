package mongo

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
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
	uri, stop, err := startServer(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, "start mongod:", err)
		return 1
	}
	defer stop()
	fmt.Printf("MongoDB for the tests: %s, started as a replica set of one node\n", path)
	realServer = uri
	return m.Run()
}

// startServer starts a mongod as a replica set of one node on a free loopback port.
func startServer(path string) (uri string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "aceso-mongod-")
	if err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command(path, "--replSet", "rs0", "--bind_ip", "127.0.0.1", "--port", port, "--dbpath", dir, "--logpath", dir+"/mongod.log")
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	}
	if err := initiate(address); err != nil {
		stop()
		return "", nil, err
	}
	return "mongodb://" + address + "/?replicaSet=rs0", stop, nil
}

// initiate makes a server a replica set and waits until it is primary.
func initiate(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + address + "/?directConnection=true"))
	if err != nil {
		return err
	}
	defer client.Disconnect(ctx)
	admin := client.Database("admin")
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: bson.A{bson.D{{Key: "_id", Value: 0}, {Key: "host", Value: address}}}}}
	if err := admin.RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: config}}).Err(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		var hello struct {
			Primary bool `bson:"isWritablePrimary"`
		}
		if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err == nil && hello.Primary {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return ctx.Err()
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
