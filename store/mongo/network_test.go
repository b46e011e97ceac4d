package mongo

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// cable is a TCP connection to the server that can be cut: what is sent then goes
// nowhere, and nobody is told.
type cable struct {
	net.Listener
	to  string
	mu  sync.Mutex
	cut bool
	all []net.Conn
}

func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{Listener: l, to: to}
	go c.accept()
	t.Cleanup(func() {
		l.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, conn := range c.all {
			conn.Close()
		}
	})
	return c
}

func (c *cable) accept() {
	for {
		conn, err := c.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.to)
		if err != nil {
			conn.Close()
			continue
		}
		c.mu.Lock()
		c.all = append(c.all, conn, server)
		c.mu.Unlock()
		go c.carry(conn, server)
		go c.carry(server, conn)
	}
}

func (c *cable) carry(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	lost := false // a stream with a hole is never whole again
	for {
		n, err := from.Read(buffer)
		if errors.Is(err, io.EOF) || err != nil {
			return
		}
		c.mu.Lock()
		lost = lost || c.cut
		c.mu.Unlock()
		if !lost {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}

// A network that swallows everything for a while: writes that were under way come
// through on new connections, or their clients are told to try again; what was
// acknowledged is there, once.
func TestNetworkCut(t *testing.T) {
	server := newServer(t)
	if server.standIn == nil {
		t.Skip("SKIPPED: the address of a real server is known to its replica set; the stand-in's can be hidden")
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(server.uri, "mongodb://"), "/")
	wire := newCable(t, address)
	server.uri = "mongodb://" + wire.Addr().String() + "/?directConnection=true&heartbeatFrequencyMS=500&connectTimeoutMS=500"
	o := testOptions("")
	o.Patience = 6 * time.Second
	w := &writers{author: newAuthor(t, server.open(t, o)), acknowledged: map[string]int64{}}
	finish := w.start(t, 8)
	waitFor(t, func() bool { return w.count() > 50 })
	wire.set(true)
	time.Sleep(1500 * time.Millisecond)
	wire.set(false)
	healed := w.count()
	waitFor(t, func() bool { return w.count() > healed+50 })
	finish()
	w.verify(t)
}
