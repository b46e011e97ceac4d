package sqlite

import (
	"context"
	"errors"
	"sync"
)

// pool holds the reading connections of one file. They are opened when all others are in
// use, and the one used last is used next: its page cache is warm.
type pool struct {
	path  string
	mode  mode
	slots chan struct{} // full: as many reads run as may
	mu    sync.Mutex
	free  []conn
}

func newPool(path string, m mode, size int) *pool {
	return &pool{path: path, mode: m, slots: make(chan struct{}, size)}
}

// read runs do on a connection inside one read transaction: one snapshot.
func (p *pool) read(ctx context.Context, do func(conn) error) error {
	return p.use(ctx, func(c conn) error {
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		return errors.Join(do(c), c.exec("ROLLBACK"))
	})
}

// use runs do on a connection. A connection that met a fault of the disk, is still inside
// a transaction, or saw do panic, is closed and not used again.
func (p *pool) use(ctx context.Context, do func(conn) error) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	defer func() { <-p.slots }()
	c, err := p.take()
	if err != nil {
		return unavailable(err)
	}
	sound := false
	defer func() {
		if sound {
			p.give(c)
			return
		}
		c.Close()
	}()
	err = do(c)
	sound = !diskFault(err) && c.AutocommitEnabled()
	if !sound {
		return unavailable(err)
	}
	return err
}

// enter waits for a slot.
func (p *pool) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}: // usually: then nobody waits for the context
		return nil
	default:
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) take() (conn, error) {
	if c, ok := p.idle(); ok {
		return c, nil
	}
	return openConn(p.path, p.mode)
}

// idle takes a connection that nobody uses.
func (p *pool) idle() (c conn, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return c, false
	}
	c, p.free = p.free[n-1], p.free[:n-1]
	return c, true
}

func (p *pool) give(c conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, c)
}

// rest closes the connections that nobody uses, and with them their page caches.
func (p *pool) rest() {
	for c, ok := p.idle(); ok; c, ok = p.idle() {
		c.Close()
	}
}

// close waits for all readers and closes their connections.
func (p *pool) close() error {
	for range cap(p.slots) {
		p.slots <- struct{}{}
	}
	var errs []error
	for c, ok := p.idle(); ok; c, ok = p.idle() {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
