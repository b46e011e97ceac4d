package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/description"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// durably is the write concern of everything: on the journals of a majority.
func durably() *writeconcern.WriteConcern {
	journaled := true
	return &writeconcern.WriteConcern{W: "majority", Journal: &journaled}
}

// commandTimeout bounds a command that has no deadline of its own, so that a network
// that drops everything is noticed. timeoutMS in the connection string changes it.
const commandTimeout = 15 * time.Second

// connect opens a client and refuses what cannot carry transactions.
func connect(ctx context.Context, uri string, o Options) (*Store, error) {
	if o.Database == "" {
		o.Database = "aceso"
	}
	set := options.Client().ApplyURI(uri)
	if err := set.Validate(); err != nil {
		return nil, fmt.Errorf("the address of the database is not a MongoDB connection string (mongodb://host:port/?replicaSet=name): %s", misspelt(err, uri))
	}
	set.SetAppName("aceso").SetWriteConcern(durably()).SetReadConcern(readconcern.Majority()).SetReadPreference(readpref.Primary())
	if set.ServerSelectionTimeout == nil {
		set.SetServerSelectionTimeout(10 * time.Second)
	}
	if set.Timeout == nil {
		set.SetTimeout(commandTimeout)
	}
	client, err := mongo.Connect(set)
	if err != nil {
		return nil, fmt.Errorf("connect to MongoDB: %s", redact(err.Error(), uri))
	}
	s := newStore(client, o)
	s.nameUnknownOptions(uri)
	if err := s.checkServer(ctx, set.Hosts); err != nil {
		return nil, errors.Join(s.explain(err), s.Close())
	}
	return s, nil
}

// checkServer refuses a standalone server: it has no transactions.
func (s *Store) checkServer(ctx context.Context, hosts []string) error {
	var hello struct {
		Set string        `bson:"setName"`
		Msg string        `bson:"msg"`
		At  bson.DateTime `bson:"localTime"`
	}
	before := s.opts.Now()
	err := s.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	if err != nil {
		return err
	}
	s.compareClocks(before, hello.At.Time(), s.opts.Now())
	if hello.Set == "" && hello.Msg != "isdbgrid" {
		return fmt.Errorf("the MongoDB server at %s is a standalone server, which has no transactions: "+
			"make it a replica set, of which one node is enough: start mongod with --replSet rs0 and run rs.initiate() once in its shell", strings.Join(hosts, ","))
	}
	return nil
}

// clockTolerance is how far apart clocks may be before the operator is warned.
const clockTolerance = 2 * time.Second

// compareClocks warns if the server's clock differs from this machine's. The server read
// its clock between before and after.
func (s *Store) compareClocks(before, server, after time.Time) {
	off := max(before.Sub(server), server.Sub(after))
	if off > clockTolerance {
		s.opts.Report(fmt.Sprintf("the clock of this machine and that of the MongoDB server differ by %v: synchronise both, for lastUpdated and _since are times of the nodes' clocks", off.Round(time.Second)))
	}
}

// explain turns an error of the start into one sentence for operators.
func (s *Store) explain(err error) error {
	text := err.Error()
	var selection topology.ServerSelectionError
	switch {
	case strings.Contains(text, "AuthenticationFailed") || strings.Contains(text, "auth error"):
		return errors.New("MongoDB does not accept the user name and password of the connection string: correct them, or name the database of the user with authSource=")
	case hasCode(err, 13): // Unauthorized
		return fmt.Errorf("the MongoDB user may not use the database %q: give it the role readWrite there", s.opts.Database)
	case errors.As(err, &selection) && slices.ContainsFunc(selection.Desc.Servers, answered):
		return errors.New("the MongoDB replica set has no primary: check with rs.status() why none is elected")
	case errors.As(err, &selection):
		return fmt.Errorf("no MongoDB server answers: check the addresses in the connection string, the network, and the name of the replica set: %s", lastErrors(selection))
	}
	return err
}

// answered says whether a server is there: without an error it is in a set, or waits
// for rs.initiate().
func answered(s description.Server) bool { return s.Kind != description.Unknown }

// nameUnknownOptions reports the options that the driver silently ignores, such as a
// misspelt name.
func (s *Store) nameUnknownOptions(uri string) {
	read, err := connstring.Parse(uri)
	if err != nil || len(read.UnknownOptions) == 0 {
		return
	}
	s.opts.Report("these options of the connection string are not known, and have no effect: " +
		strings.Join(slices.Sorted(maps.Keys(read.UnknownOptions)), ", "))
}

// lastErrors says why each server was not used. The driver forgets those of another set.
func lastErrors(e topology.ServerSelectionError) string {
	if len(e.Desc.Servers) == 0 {
		return "none of the servers that answer is in the replica set that replicaSet= names; a standalone server is in none"
	}
	var why []string
	for _, server := range e.Desc.Servers {
		text := server.Addr.String()
		if server.LastError != nil {
			text += ": " + server.LastError.Error()
		}
		why = append(why, text)
	}
	return strings.Join(why, "; ")
}

// misspelt says why the driver does not understand a connection string. The driver's own
// error quotes the text that it rejects, which may be a part of the password.
func misspelt(err error, uri string) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "escape"):
		return "characters of the user name and the password other than letters and digits are written as %XX: @ as %40, : as %3A, / as %2F, % as %25"
	case strings.Contains(text, "invalid host"):
		return "after :// follow USER:PASSWORD@ if the server wants them, and host:port, several separated by commas"
	}
	return redact(text, uri)
}

// redact takes the credentials of a connection string out of a text.
func redact(text, uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	end := strings.LastIndexByte(rest, '@')
	if end < 0 {
		return text
	}
	user, password, _ := strings.Cut(rest[:end], ":")
	for _, secret := range []string{password, user} {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, "***")
		if plain, err := url.QueryUnescape(secret); err == nil && plain != "" {
			text = strings.ReplaceAll(text, plain, "***")
		}
	}
	return text
}
