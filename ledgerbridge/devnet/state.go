package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/durable"
)

// Channel and Chaincode are the names that every network has.
const (
	Channel   = "aceso"
	Chaincode = "aceso"
)

// maxOrgs and maxOrderers keep a network within its block of ports.
const (
	maxOrgs     = 20
	maxOrderers = 10
	portBlock   = 64
)

// plan describes a network. It is fixed when its folder is first used, and kept there in
// network.json.
type plan struct {
	Version      int           `json:"version"`
	Orgs         []string      `json:"orgs"`
	Orderers     int           `json:"orderers"`
	BFT          bool          `json:"bft"`
	BatchTimeout time.Duration `json:"batchTimeout"` // nanoseconds
	Port         int           `json:"port"`         // first of portBlock
	Complete     bool          `json:"complete"`     // the channel exists and has the chaincode
}

var orgName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$`)

// newPlan makes a plan from options, with defaults for those left out.
func newPlan(o Options) (plan, error) {
	p := plan{Version: 1, Orgs: o.Orgs, Orderers: o.Orderers, BFT: o.BFT, BatchTimeout: o.BatchTimeout}
	if len(p.Orgs) == 0 {
		p.Orgs = OrgNames(1)
	}
	if p.Orderers == 0 {
		p.Orderers = 1
		if p.BFT {
			p.Orderers = 4
		}
	}
	if p.BatchTimeout == 0 {
		p.BatchTimeout = 200 * time.Millisecond
	}
	return p, p.check()
}

func (p plan) check() error {
	switch {
	case len(p.Orgs) > maxOrgs:
		return fmt.Errorf("%d organisations are more than %d", len(p.Orgs), maxOrgs)
	case p.Orderers < 1 || p.Orderers > maxOrderers:
		return fmt.Errorf("%d orderers: between 1 and %d", p.Orderers, maxOrderers)
	case p.BFT && p.Orderers < 4:
		return fmt.Errorf("%d orderers cannot agree when one of them is wrong: BFT needs 4", p.Orderers)
	case p.BatchTimeout < 10*time.Millisecond || p.BatchTimeout > time.Minute:
		return fmt.Errorf("batch timeout %s: between 10ms and 1m", p.BatchTimeout)
	}
	seen := map[string]bool{}
	for _, name := range p.Orgs {
		folded := strings.ToLower(name) // folders are named after them
		if !orgName.MatchString(name) || seen[folded] || slices.Contains(p.ordererNames(), folded) {
			return fmt.Errorf("organisation %q: names are 1 to 64 letters, digits, dots and hyphens, differ in more than case, and are not those of orderers", name)
		}
		seen[folded] = true
	}
	return nil
}

// agrees reports whether the given options fit the plan.
func (p plan) agrees(o Options) bool {
	return (len(o.Orgs) == 0 || slices.Equal(o.Orgs, p.Orgs)) &&
		(o.Orderers == 0 || o.Orderers == p.Orderers) &&
		(!o.BFT || p.BFT) &&
		(o.BatchTimeout == 0 || o.BatchTimeout == p.BatchTimeout)
}

// fill sets options that are left out to the values of an unfinished plan.
func (p plan) fill(o Options) Options {
	if len(o.Orgs) == 0 {
		o.Orgs = p.Orgs
	}
	if o.Orderers == 0 && (p.BFT || !o.BFT) {
		o.Orderers, o.BFT = p.Orderers, p.BFT
	}
	if o.BatchTimeout == 0 {
		o.BatchTimeout = p.BatchTimeout
	}
	return o
}

func (p plan) ordererNames() []string { return numbered("orderer", p.Orderers) }

// Ports: the process that runs the network holds the first one, so that no other network
// takes the block; then come two of each orderer, then two of each organisation.

func (p plan) ordererPort(i int) int      { return p.Port + 1 + 2*i }
func (p plan) ordererAdminPort(i int) int { return p.Port + 2 + 2*i }
func (p plan) peerPort(i int) int         { return p.Port + 1 + 2*p.Orderers + 2*i }
func (p plan) chaincodePort(i int) int    { return p.Port + 2 + 2*p.Orderers + 2*i }

func (p plan) ports() int { return 1 + 2*p.Orderers + 2*len(p.Orgs) }

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func planFile(dir string) string { return filepath.Join(dir, "network.json") }

// readPlan returns os.ErrNotExist for a folder without network.
func readPlan(dir string) (p plan, err error) {
	data, err := os.ReadFile(planFile(dir))
	if err != nil {
		return p, fmt.Errorf("read network: %w", err)
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("%s: %w", planFile(dir), err)
	}
	if p.Version != 1 {
		return p, fmt.Errorf("%s: version %d is not known here", planFile(dir), p.Version)
	}
	if err := p.check(); err != nil { // folders are named after what is in it, and removed
		return p, fmt.Errorf("%s: %w", planFile(dir), err)
	}
	if p.Port < 0 || p.Port+portBlock > 1<<16 {
		return p, fmt.Errorf("%s: port %d", planFile(dir), p.Port)
	}
	return p, nil
}

// vacant refuses a folder without network that holds other files.
func vacant(dir string) error {
	if _, err := os.Stat(planFile(dir)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the folder of the network: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if name != "lock" && name != "logs" && !strings.HasSuffix(name, ".new") { // left by a killed start
			return fmt.Errorf("%s has %s and no network: use a folder that is empty or does not exist", dir, name)
		}
	}
	return nil
}

func (p plan) write(dir string) error { return writeJSON(planFile(dir), p) }

// writeFile replaces a file as a whole, in a folder that it creates if there is none.
func writeFile(path string, data []byte) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = durable.WriteFile(path, data)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// hold takes the plan's block of ports, or chooses one. The ports lie below those that
// systems use for outgoing connections.
func (p *plan) hold(ctx context.Context) (net.Listener, error) {
	if p.Port != 0 {
		return p.holdAgain(ctx)
	}
	const lowest, blocks = 10_240, 350
	first := os.Getpid() // so that networks that start together look at different blocks
	for i := range blocks {
		port := lowest + (first*7+i)%blocks*portBlock
		if l, err := p.holdAt(port); err == nil {
			p.Port = port
			return l, nil
		}
	}
	return nil, errors.New("there is no free block of ports on 127.0.0.1")
}

// holdAgain takes the network's earlier ports. After a kill they are free in a moment.
func (p *plan) holdAgain(ctx context.Context) (net.Listener, error) {
	for tries := 0; ; tries++ {
		l, err := p.holdAt(p.Port)
		if err == nil || tries == 50 || ctx.Err() != nil {
			return l, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p *plan) holdAt(port int) (net.Listener, error) {
	held, err := net.Listen("tcp", address(port))
	if err != nil {
		return nil, fmt.Errorf("the port of this network: %w", err)
	}
	for i := 1; i < p.ports(); i++ {
		l, err := net.Listen("tcp", address(port+i))
		if err != nil {
			_ = held.Close()
			return nil, fmt.Errorf("a port of this network is taken by another program: %w", err)
		}
		_ = l.Close()
	}
	return held, nil
}
