package mongo

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/group"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
	"github.com/aceso-health/aceso/store/storetest"
)

// wantRefused fails unless err says all of it and nothing of the credentials.
func wantRefused(t *testing.T, err error, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("was opened")
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
	for _, secret := range []string{"geheim", "g%65heim", "alice"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q tells credentials", err)
		}
	}
}

func TestStandaloneIsRefused(t *testing.T) {
	s := mongotest.StartStandalone(t)
	_, err := Open(t.Context(), s.URI(), testOptions(""))
	wantRefused(t, err, "standalone", "--replSet", "rs.initiate()")
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for _, uri := range []string{
		"mongodb://%s/?serverSelectionTimeoutMS=100", "mongodb://%s/?serverSelectionTimeoutMS=100&replicaSet=rs0",
		"mongodb://alice:g%%65heim@%s/?serverSelectionTimeoutMS=100&authSource=admin",
	} {
		_, err = Open(t.Context(), fmt.Sprintf(uri, address), testOptions(""))
		wantRefused(t, err, "no MongoDB server answers", address)
	}
}

func TestOtherReplicaSet(t *testing.T) {
	uri := strings.Replace(mongotest.Start(t).URI(), "replicaSet=rs0", "replicaSet=rs9&serverSelectionTimeoutMS=100", 1)
	_, err := Open(t.Context(), uri, testOptions(""))
	wantRefused(t, err, "none of the servers", "replicaSet=")
}

// The driver passes over options that it does not know.
func TestUnknownOptionsAreNamed(t *testing.T) {
	var told string
	o := testOptions("")
	o.Report = func(m string) { told += m + "\n" }
	s, err := Open(t.Context(), mongotest.Start(t).URI()+"&authSorce=geheim&wTimeoutMS=1&appName=x", o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(told, "no effect: authsorce, wtimeoutms\n") || strings.Contains(told, "geheim") {
		t.Errorf("told %q", told)
	}
}

func TestBadAddress(t *testing.T) {
	for _, uri := range []string{
		"", "localhost:27017", "mongodb://", "mongodb://alice:geheim@", "mongodb://alice:geheim@host:99999999/", "mongodb://alice:gehe/im@host/",
		"mongodb://alice:geheim", "mongodb://alice:geheim%@host/", "mongodb://alice:g%geheim@host/", "mongodb://al/ice:geheim@host/", "mongodb://alice:geheim/aceso?tls=true",
		"mongodb://alice:geheim@host/?w=none&tls=maybe", "mongodb://alice:geheim@host/?authMechanism=geheim",
	} {
		_, err := Open(t.Context(), uri, testOptions(""))
		wantRefused(t, err, "connection string")
	}
}

func TestIdentity(t *testing.T) {
	server := newServer(t)
	first := server.open(t, testOptions(""))
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	refused := func(says string, change func(*Options)) {
		t.Helper()
		o := testOptions(server.database)
		change(&o)
		_, err := Open(t.Context(), server.uri, o)
		wantRefused(t, err, says)
	}
	refused("belongs to organisation", func(o *Options) { o.Organization = "other" })
	refused("belongs to tenant", func(o *Options) { o.Tenant = "other" })
	refused("a node name is needed", func(o *Options) { o.Node = "" })
	refused("needs an organisation", func(o *Options) { o.Database, o.Organization = o.Database+"x", "" })
	var told string
	s := server.open(t, Options{Node: "n2", Base: "http://elsewhere", Report: func(m string) { told += m }})
	if !strings.Contains(told, "http://elsewhere is new to this database") {
		t.Errorf("told %q of another base URL", told)
	}
	if s.Organization() != storetest.Organization || s.Node() != "n2" || s.base != 1 {
		t.Errorf("opened for %s/%s with base %d", s.Organization(), s.Node(), s.base)
	}
	for _, field := range []string{"schema", "index"} {
		version := func(v int32) {
			t.Helper()
			_, err := s.meta().UpdateOne(t.Context(), bson.D{{Key: "_id", Value: "store"}}, bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: v}}}})
			if err != nil {
				t.Fatal(err)
			}
		}
		version(99)
		refused("use a newer program", func(*Options) {})
		version(1)
	}
}

// An index that a newer version needs is built over what is there, and the operator
// is told.
func TestIndexesAreBuilt(t *testing.T) {
	server := newServer(t)
	a := newAuthor(t, server.open(t, testOptions("")))
	a.ward()
	a.must(a.resources.Indexes().DropOne(t.Context(), keyIndex))
	if all := a.findings(CheckOptions{}); len(all) != 1 || !strings.Contains(all[0], "the index is missing") {
		t.Errorf("findings %q", all)
	}
	var told []string
	o := testOptions("")
	o.Node, o.Report = "n2", func(m string) { told = append(told, m) }
	server.open(t, o)
	if len(told) != 2 || !strings.Contains(told[0], "5 documents of resources") || !strings.Contains(told[1], "are ready") {
		t.Errorf("told %q", told)
	}
	if all := a.findings(CheckOptions{}); len(all) != 0 {
		t.Errorf("findings %q", all)
	}
}

// An index is there once a majority has built it: a member that is down holds up
// nobody.
func TestIndexesNeedAMajority(t *testing.T) {
	server, spy := newServer(t), &spy{}
	watched := spy.open(t, server, server.open(t, testOptions("")))
	again := []fieldIndex{{"again.1", "ow"}}
	if err := watched.build(t.Context(), watched.resources, again); err != nil {
		t.Fatal(err)
	}
	sent := spy.take("createIndexes", "resources")
	if len(sent) != 1 {
		t.Fatalf("sent %s", sent)
	}
	if quorum, _ := sent[0].Lookup("commitQuorum").StringValueOK(); quorum != "majority" {
		t.Errorf("built with %s", sent[0])
	}
}

// A resource that is too large is refused before it disturbs others; many keys do not make
// it so.
func TestLimits(t *testing.T) {
	a := newAuthor(t, newServer(t).open(t, testOptions("")))
	try := func(w store.Write) error {
		entry, err := storetest.Record(a.sealer, "create", "C", 201, "Patient/1")
		a.must(err)
		_, err = a.Commit(t.Context(), store.Change{Writes: []store.Write{w}, Entry: entry})
		return err
	}
	kind := func(err error, want fhir.Kind) {
		t.Helper()
		var known *fhir.Error
		if !errors.As(err, &known) || known.Kind != want {
			t.Errorf("got %v, want kind %v", err, want)
		}
	}
	large := smallWrite(fhir.Ref{Type: "Binary", ID: "1"}, 0, 1)
	large.Body = make([]byte, 16<<20)
	rand.Read(large.Body)
	large.Hash = sha256.Sum256(large.Body)
	kind(try(large), fhir.TooLarge)
	if err := try(large); !strings.Contains(err.Error(), "The resource is too large to be stored: compressed and with its search keys it may have 15 MB. Split it into several resources.") {
		t.Error(err)
	}
	if said := "The record of this request would have more than … MB, since it concerns so many patients. Ask for fewer resources at once (_count), or send fewer."; recordTooLarge().Error() != strings.ReplaceAll(said, "…", "15") {
		t.Error(recordTooLarge())
	}
	large.Body = large.Body[:14<<20]
	large.Hash = sha256.Sum256(large.Body)
	a.must(try(large))
	v, err := a.Get(t.Context(), large.Ref)
	if err != nil || !bytes.Equal(v.Body, large.Body) {
		t.Errorf("a large resource reads back with %d bytes: %v", len(v.Body), err)
	}
	many := smallWrite(fhir.Ref{Type: "Patient", ID: "1"}, 0, 1)
	for i := range keysInDocument + 1 {
		many.Index.Keys = append(many.Index.Keys, fmt.Sprintf("name^%05d", i))
	}
	a.must(try(many))
}

// What clients and operators are told about the database's troubles.
func TestUnavailable(t *testing.T) {
	for code, want := range map[int32]bool{14031: true, 10107: true, 11600: true, 189: true, 50: true, 43: true, 175: true, 237: true, 290: true, 2: false, 13: false, 121: false} {
		err := unavailable(fmt.Errorf("write: %w", mongo.CommandError{Code: code, Message: "secret"}))
		var known *fhir.Error
		if got := errors.As(err, &known) && known.Kind == fhir.Unavailable; got != want {
			t.Errorf("code %d: unavailable is %v, want %v", code, got, want)
		}
		if known != nil && strings.Contains(known.Detail, "secret") {
			t.Errorf("the sentence for the client leaks: %q", known.Detail)
		}
	}
}

// The operator of a node whose clock is wrong is told, and nobody else.
func TestWrongClock(t *testing.T) {
	server := newServer(t)
	for off, want := range map[time.Duration]bool{0: false, time.Minute: true, -time.Minute: true} {
		told := false
		o := testOptions("")
		o.Now = func() time.Time { return time.Now().Add(off) }
		o.Report = func(m string) { told = told || strings.Contains(m, "differ by 1m0s: synchronise") }
		if err := server.open(t, o).Close(); err != nil {
			t.Fatal(err)
		}
		if told != want {
			t.Errorf("%v: told is %v", off, told)
		}
	}
}

// A request whose client has gone is not tried again.
func TestCancelledRead(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := s.Get(ctx, fhir.Ref{Type: "Patient", ID: "1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.History(ctx, store.History{Limit: 1}); err == nil {
		t.Error("a history was read")
	}
}

// What is being read when a store is closed comes to its end: a snapshot that is left open
// on the server would keep others from changing a collection, for a minute.
func TestCloseWhileReading(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: a real server cannot be told to be slow")
	}
	s := server.open(t, testOptions(""))
	slow := server.standIn.Fail(mongotest.Fault{Command: "find", Do: mongotest.Slow})
	read, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "1"})
		read <- err
	}()
	waitFor(t, func() bool { return slow.Fired() == 1 })
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		t.Errorf("closed while a snapshot was open: %v", err)
	case <-time.After(time.Second):
	}
	slow.Remove()
	if err := <-read; !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), fhir.Ref{Type: "Patient", ID: "1"}); !errors.Is(err, group.ErrClosed) {
		t.Errorf("get after the end: %v", err)
	}
}

// Who judges the rows of a search reads Consents, in a snapshot inside that of the search:
// a store that is closed meanwhile waits for neither for ever.
func TestCloseWhileJudging(t *testing.T) {
	s := newServer(t).open(t, testOptions(""))
	a := newAuthor(t, s)
	a.commit(smallWrite(fhir.Ref{Type: "Patient", ID: "1"}, 0, 1))
	q, err := search.ParseQuery("Patient", nil, search.QueryOptions{Base: testBase})
	a.must(err)
	judging, closing := make(chan struct{}), make(chan struct{})
	read, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Search(t.Context(), store.Search{Query: q, Limit: 1, Visible: func(store.Row) (bool, error) {
			close(judging)
			<-closing
			_, _, err := s.Consents(t.Context(), "Patient/1")
			return true, err
		}})
		read <- err
	}()
	<-judging
	go func() { closed <- s.Close() }()
	waitFor(t, s.reading.hasEnded)
	close(closing)
	if err := <-read; !errors.Is(err, group.ErrClosed) {
		t.Errorf("search: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func (r *snapshots) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}
