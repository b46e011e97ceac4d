package mongotest

import (
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// A Server is one member, the primary, of a replica set named rs0.
type Server struct {
	// Now is the clock of transaction lifetimes and of generated ids.
	Now func() time.Time
	// TransactionLifetime is the age at which a transaction that others wait for
	// is aborted; 60 s, as transactionLifetimeLimitSeconds.
	TransactionLifetime time.Duration

	tb         testing.TB
	standalone bool
	address    string

	mu       sync.Mutex // guards everything below
	ended    *sync.Cond // a transaction has ended, or the server has stopped
	listener net.Listener
	conns    map[net.Conn]bool
	serving  *sync.WaitGroup
	life     uint64 // counts Stop and Restore
	stopped  bool

	state    *state
	serial   uint64 // the last record number
	clock    bson.Timestamp
	sessions map[string]*session
	claims   map[string]*transaction // keys that open transactions have touched
	touched  map[string]uint64       // keys that commits have touched since the oldest open transaction began
	active   map[*transaction]bool
	cursors  map[int64]*cursor
	rules    []*Rule
	gone     chan struct{} // closed by Stop
	counts   Counts
	commands map[string]command
}

// Start begins a replica set of one member, which ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, false)
}

// StartStandalone begins a server that belongs to no replica set.
func StartStandalone(tb testing.TB) *Server {
	tb.Helper()
	return start(tb, true)
}

func start(tb testing.TB, standalone bool) *Server {
	tb.Helper()
	s := &Server{
		Now: time.Now, TransactionLifetime: time.Minute, tb: tb, standalone: standalone, address: "127.0.0.1:0", stopped: true,
		state: &state{collections: map[string]*collection{}}, sessions: map[string]*session{},
		conns: map[net.Conn]bool{}, counts: Counts{}, commands: commandTable(), touched: map[string]uint64{},
	}
	s.ended = sync.NewCond(&s.mu)
	s.Restart()
	tb.Cleanup(s.Stop)
	return s
}

// URI is what a client needs to connect.
func (s *Server) URI() string {
	if s.standalone {
		return fmt.Sprintf("mongodb://%s/?directConnection=true", s.address)
	}
	return fmt.Sprintf("mongodb://%s/?replicaSet=rs0", s.address)
}

// Stop ends the server as a crash would: connections break, open transactions
// and cursors are gone. Acknowledged writes stay for Restart.
func (s *Server) Stop() {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	s.stopped = true
	close(s.gone)
	_ = s.listener.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	s.forget()
	serving := s.serving
	s.mu.Unlock()
	serving.Wait()
}

// Restart starts the server again, on the same port, after a Stop.
func (s *Server) Restart() {
	s.tb.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.tb.Fatalf("mongotest: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.listener, s.address = false, listener, listener.Addr().String()
	s.serving, s.gone = new(sync.WaitGroup), make(chan struct{})
	s.forget()
	s.serving.Go(func() { s.accept(listener, s.serving) })
}

// forget drops what a real server keeps in memory only.
func (s *Server) forget() {
	s.life++
	for t := range s.active {
		t.status = aborted
	}
	s.claims, s.active = map[string]*transaction{}, map[*transaction]bool{}
	s.cursors = map[int64]*cursor{}
	clear(s.touched)
	s.ended.Broadcast()
}

// A Backup is all data at one moment.
type Backup struct {
	state  *state
	serial uint64
}

// Backup keeps the committed data.
func (s *Server) Backup() *Backup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Backup{s.state, s.serial}
}

// Restore replaces the data by a backup of any Server, as on a new server: sessions,
// open transactions and cursors are gone.
func (s *Server) Restore(b *Backup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial = max(s.serial, b.serial)
	s.state = &state{seq: s.state.seq + b.state.seq + 1, collections: b.state.collections}
	s.sessions = map[string]*session{}
	s.forget()
}

// Counts says how many commands have arrived, by name.
type Counts map[string]int

// Counts counts all commands since Start but the driver's handshakes and pings, which come
// by the clock.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Since is what has arrived after an earlier count.
func (c Counts) Since(earlier Counts) Counts {
	more := Counts{}
	for name, n := range c {
		if n > earlier[name] {
			more[name] = n - earlier[name]
		}
	}
	return more
}

func (s *Server) accept(l net.Listener, serving *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.stopped || s.listener != l {
			_ = c.Close()
			s.mu.Unlock()
			return
		}
		s.conns[c] = true
		s.mu.Unlock()
		serving.Go(func() {
			s.serve(c)
			_ = c.Close()
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, c)
			s.ended.Broadcast()
		})
	}
}

// number is the next record number. The caller holds mu.
func (s *Server) number() uint64 {
	s.serial++
	return s.serial
}

// tick advances the cluster time. The caller holds mu.
func (s *Server) tick() bson.Timestamp {
	if now := uint32(time.Now().Unix()); now > s.clock.T {
		s.clock = bson.Timestamp{T: now}
	}
	s.clock.I++
	return s.clock
}
