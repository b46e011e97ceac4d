package mongotest

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ServerVariable names a replica set for the tests. Without it they run against a mongod
// on PATH or, if there is none, against the stand-in.
const ServerVariable = "ACESO_TEST_MONGODB"

// Real says whether Database gives one of a real server.
func Real() bool {
	_, err := exec.LookPath("mongod")
	return err == nil || os.Getenv(ServerVariable) != ""
}

// Database is the connection string of a fresh database, and the stand-in that
// serves it, or nil.
func Database(t testing.TB) (string, *Server) {
	t.Helper()
	name := "acesotest_" + strings.ToLower(rand.Text())
	server := os.Getenv(ServerVariable)
	if path, err := exec.LookPath("mongod"); server == "" && err == nil {
		t.Logf("MongoDB: %s", path)
		set, err := StartSet(path, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(set.Stop)
		return inDatabase(t, set.URI(), name), nil
	}
	if server == "" {
		t.Logf("MongoDB: the stand-in mongotest (%s is not set and there is no mongod on PATH)", ServerVariable)
		s := Start(t)
		return inDatabase(t, s.URI(), name), s
	}
	t.Cleanup(func() {
		client, err := mongo.Connect(options.Client().ApplyURI(server))
		if err != nil {
			t.Error(err)
			return
		}
		defer client.Disconnect(context.Background())
		if err := client.Database(name).Drop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return inDatabase(t, server, name), nil
}

func inDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.User != nil && q.Get("authSource") == "" {
		q.Set("authSource", cmp.Or(strings.Trim(u.Path, "/"), "admin"))
	}
	u.Path, u.RawQuery = "/"+name, q.Encode()
	return u.String()
}
