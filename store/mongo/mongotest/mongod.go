package mongotest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// A Set is a replica set of real servers on loopback, for tests on machines with mongod.
type Set struct {
	path    string // of mongod
	dir     string
	members []*Member
}

// A Member is one server of a Set.
type Member struct {
	address string
	process *exec.Cmd // nil while it is down
}

// StartSet starts n servers of the mongod at path on free ports and waits until the set is ready.
func StartSet(path string, n int) (*Set, error) {
	dir, err := os.MkdirTemp("", "aceso-mongod-")
	if err != nil {
		return nil, err
	}
	s := &Set{path: path, dir: dir}
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		s.members = append(s.members, &Member{address: l.Addr().String()})
		l.Close()
	}
	for _, m := range s.members {
		if err := s.Start(m); err != nil {
			s.Stop()
			return nil, err
		}
	}
	if err := s.initiate(); err != nil {
		err = fmt.Errorf("%w\n%s", err, s.said())
		s.Stop()
		return nil, err
	}
	return s, nil
}

// said is the end of each server's log.
func (s *Set) said() string {
	var all strings.Builder
	for _, m := range s.members {
		_, port, _ := net.SplitHostPort(m.address)
		text, _ := os.ReadFile(filepath.Join(s.dir, port+".log"))
		fmt.Fprintf(&all, "%s: %s\n", m.address, text[max(0, len(text)-2000):])
	}
	return all.String()
}

// URI is what a client needs to connect.
func (s *Set) URI() string {
	var all []string
	for _, m := range s.members {
		all = append(all, m.address)
	}
	return "mongodb://" + strings.Join(all, ",") + "/?replicaSet=rs0"
}

// Start starts a member, also after Kill.
func (s *Set) Start(m *Member) error {
	_, port, err := net.SplitHostPort(m.address)
	if err != nil {
		return err
	}
	data := filepath.Join(s.dir, port)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	m.process = exec.Command(s.path, "--replSet", "rs0", "--bind_ip", "127.0.0.1", "--nounixsocket", "--port", port,
		"--dbpath", data, "--logpath", filepath.Join(s.dir, port+".log"), "--wiredTigerCacheSizeGB", "0.5")
	m.process.Stderr = os.Stderr // for errors before there is a log
	return m.process.Start()
}

// Kill ends a server as a crash would.
func (s *Set) Kill(m *Member) {
	_ = m.process.Process.Kill()
	_ = m.process.Wait()
	m.process = nil
}

// Stop ends all servers and removes their data.
func (s *Set) Stop() {
	for _, m := range s.members {
		if m.process != nil {
			s.Kill(m)
		}
	}
	_ = os.RemoveAll(s.dir)
}

// ask runs a command on one member.
func (m *Member) ask(ctx context.Context, command bson.D, answer any) error {
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + m.address + "/?directConnection=true"))
	if err != nil {
		return err
	}
	defer client.Disconnect(context.WithoutCancel(ctx))
	return client.Database("admin").RunCommand(ctx, command).Decode(answer)
}

// initiate makes the servers a replica set.
func (s *Set) initiate() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var members bson.A
	var answer bson.M
	for i, m := range s.members {
		if err := m.ask(ctx, bson.D{{Key: "ping", Value: 1}}, &answer); err != nil {
			return fmt.Errorf("reach %s: %w", m.address, err)
		}
		members = append(members, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: m.address}})
	}
	config := bson.D{{Key: "_id", Value: "rs0"}, {Key: "members", Value: members}}
	if err := s.members[0].ask(ctx, bson.D{{Key: "replSetInitiate", Value: config}}, &answer); err != nil {
		return fmt.Errorf("initiate: %w", err)
	}
	return s.Ready(ctx)
}

// Ready waits until every member is primary or secondary, so that a majority survives the loss of any.
func (s *Set) Ready(ctx context.Context) error {
	if _, err := s.Primary(ctx); err != nil {
		return err
	}
	for _, m := range s.members {
		for {
			var hello struct {
				Primary   bool `bson:"isWritablePrimary"`
				Secondary bool `bson:"secondary"`
			}
			if m.ask(ctx, bson.D{{Key: "hello", Value: 1}}, &hello) == nil && (hello.Primary || hello.Secondary) {
				break
			}
			if err := pause(ctx); err != nil {
				return fmt.Errorf("wait for %s: %w", m.address, err)
			}
		}
	}
	return nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

// Primary waits until a member is primary.
func (s *Set) Primary(ctx context.Context) (*Member, error) {
	for {
		for _, m := range s.members {
			var hello struct {
				Primary bool `bson:"isWritablePrimary"`
			}
			if m.process != nil && m.ask(ctx, bson.D{{Key: "hello", Value: 1}}, &hello) == nil && hello.Primary {
				return m, nil
			}
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for a primary: %w", err)
		}
	}
}
