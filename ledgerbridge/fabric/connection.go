package fabric

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// deadlines bound the steps of a transaction, so that a hanging peer cannot hold
// everything up.
type deadlines struct{ evaluate, endorse, submit, status time.Duration }

var usualDeadlines = deadlines{5 * time.Second, 15 * time.Second, 5 * time.Second, 60 * time.Second}

// dial prepares a connection to a node. It connects on first use, and again when the
// connection breaks.
func (e *Endpoint) dial() (*grpc.ClientConn, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(e.TLSRoots))
	conn, err := grpc.NewClient(e.Address,
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: e.ServerName, MinVersion: tls.VersionTLS12})),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 3 * time.Second,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		// Peers end connections that ping more than once a minute.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 70 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to %s at %s: %w", e.Name, e.Address, err)
	}
	return conn, nil
}

// Channel is a channel as the nodes of one organisation reach it: through the gateway of
// one of their own peers, or of the next one when that does not answer.
type Channel struct {
	profile   *Profile
	deadlines deadlines
	gateways  []*gateway
	current   atomic.Int64
	follower  follower
}

type gateway struct {
	name    string
	conn    *grpc.ClientConn
	gateway *client.Gateway
}

// Open checks the profile's identity and prepares the connections. Check waits for the
// network.
func Open(p *Profile, now time.Time) (*Channel, error) {
	m, err := p.identity(now)
	if err != nil {
		return nil, err
	}
	c := &Channel{profile: p, deadlines: usualDeadlines}
	c.follower = follower{stream: c.stream, logs: map[*followed]bool{}}
	for _, e := range p.Organization(p.MSP).Nodes {
		g, err := open(&e, m)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.gateways = append(c.gateways, g)
	}
	return c, nil
}

func open(e *Endpoint, m *member) (*gateway, error) {
	conn, err := e.dial()
	if err != nil {
		return nil, err
	}
	g, err := client.Connect(m.id, client.WithSign(m.sign), client.WithClientConnection(conn))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", e.Name, err), conn.Close())
	}
	return &gateway{name: e.Name, conn: conn, gateway: g}, nil
}

// Profile is the profile that the channel was opened with.
func (c *Channel) Profile() *Profile { return c.profile }

// Close ends all connections.
func (c *Channel) Close() error {
	c.follower.close()
	var failed error
	for _, g := range c.gateways {
		failed = errors.Join(failed, g.gateway.Close(), g.conn.Close())
	}
	return failed
}

// use runs a step on the current gateway peer. If it does not answer, the next step goes
// to the next peer.
func (c *Channel) use(ctx context.Context, limit time.Duration, step func(context.Context, *client.Network) error) error {
	at := c.current.Load()
	g := c.gateways[int(at)%len(c.gateways)]
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := step(ctx, g.gateway.GetNetwork(c.profile.Channel))
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded {
		c.current.CompareAndSwap(at, at+1)
	}
	return err
}
