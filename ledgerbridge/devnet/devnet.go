// Package devnet runs a real Hyperledger Fabric network on one machine, as child
// processes on loopback: orderers, a peer for each organisation, and for each the
// contract as a service. It writes a connection profile for each organisation.
//
// It is for development and tests, not for work: all keys of all organisations are in
// one folder. It does not anchor anything, and does not contain the contract: its caller
// names the command that serves it.
package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options describe a network. For a folder that already holds one, an option that is left
// out keeps its value, and a given one must not differ.
type Options struct {
	Dir          string        // folder of the network: data, keys, logs, profiles
	Orgs         []string      // organisations, each with a peer; their MSP ids; default one, org1
	Orderers     int           // default 1, with BFT 4
	BFT          bool          // SmartBFT instead of raft
	BatchTimeout time.Duration // how long an orderer waits for more transactions; default 200 ms
	Bin          string        // folder of Fabric's own binaries; default: they are built, see Tools
	Chaincode    []string      // command that serves the contract as CHAINCODE_SERVER_ADDRESS and CHAINCODE_ID say
	Progress     io.Writer     // lines for people; may be nil
}

// OrgNames are org1, org2 and so on.
func OrgNames(count int) []string { return numbered("org", count) }

func numbered(word string, count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprint(word, i+1)
	}
	return names
}

// startLimit is how long a network may take to come up, on a busy machine.
const startLimit = 3 * time.Minute

// Network is a running network.
type Network struct {
	dir, bin string
	plan     plan
	progress io.Writer
	spawner  *spawner
	unlock   func()
	held     net.Listener // the first port of the network's block

	orderers, peers, chaincodes []*process
	closed                      sync.Once
	saying                      sync.Mutex
}

// Start brings up the network of a folder, and creates it if there is none. It returns
// when clients of all organisations get endorsements. ctx limits only the start: the
// network runs until Stop, or until this process ends. After a restart orderers may need
// another second to elect a leader before they take transactions.
func Start(ctx context.Context, o Options) (_ *Network, err error) {
	if o.Dir == "" {
		return nil, errors.New("the folder of the network is missing")
	}
	if len(o.Chaincode) == 0 {
		return nil, errors.New("the command that serves the contract is missing")
	}
	if _, err := newPlan(o); err != nil { // before minutes are spent on building
		return nil, err
	}
	n := &Network{progress: o.Progress}
	if n.progress == nil {
		n.progress = io.Discard
	}
	if n.bin, err = n.tools(ctx, o.Bin); err != nil {
		return nil, err
	}
	if err := n.open(ctx, o); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := n.start(ctx, o.Chaincode); err != nil {
		n.Stop()
		return nil, err
	}
	return n, nil
}

func (n *Network) tools(ctx context.Context, own string) (string, error) {
	if own != "" {
		return ownTools(own)
	}
	return Tools(ctx, n.progress, false)
}

// open locks the folder, reads or makes the plan, and takes the ports.
func (n *Network) open(ctx context.Context, o Options) (err error) {
	if n.dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	if strings.ContainsAny(n.dir, ",[]$\n") {
		return fmt.Errorf("the folder's name %s has a comma, a bracket, a dollar sign or a line break, which Fabric's configuration cannot hold", n.dir)
	}
	if err := vacant(n.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(n.path("logs"), 0o700); err != nil {
		return err
	}
	n.unlock, err = tryLock(n.path("lock"))
	if errors.Is(err, errHeld) {
		return fmt.Errorf("a network runs in %s already", n.dir)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			n.unlock()
		}
	}()
	if err := n.load(o); err != nil {
		return err
	}
	if n.held, err = n.plan.hold(ctx); err != nil {
		return err
	}
	n.spawner = newSpawner()
	return nil
}

// load reads the plan, or makes a new one if it was never completed.
func (n *Network) load(o Options) (err error) {
	n.plan, err = readPlan(n.dir)
	switch {
	case err == nil && n.plan.Complete:
		if !n.plan.agrees(o) {
			return fmt.Errorf("%s holds a network of another kind (%s): leave the options out, or use another folder", n.dir, n.plan)
		}
		return nil
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err == nil {
		n.clear()
		o = n.plan.fill(o)
	}
	n.plan, err = newPlan(o)
	return err
}

// clear removes what an unfinished start left.
func (n *Network) clear() {
	for _, name := range append(n.plan.ordererNames(), "crypto", "profiles", "ccaas") {
		_ = os.RemoveAll(n.path(name))
	}
	for _, org := range n.plan.Orgs {
		_ = os.RemoveAll(n.path(peerName(org)))
	}
}

func (n *Network) start(ctx context.Context, command []string) error {
	began := time.Now()
	if !n.plan.Complete {
		n.say("making a network: %s", n.plan)
		if err := n.plan.write(n.dir); err != nil {
			return err
		}
		if err := n.material(ctx); err != nil {
			return err
		}
	}
	if err := n.processes(command); err != nil {
		return err
	}
	n.say("starting %d processes", len(n.all()))
	if err := parallel(n.all(), func(_ int, p *process) error { return p.start(ctx, n.spawner) }); err != nil {
		return err
	}
	if err := n.complete(ctx); err != nil {
		return err
	}
	if err := n.ready(ctx); err != nil {
		return err
	}
	n.say("up after %s", time.Since(began).Round(100*time.Millisecond))
	return nil
}

// complete makes the channel and the profiles, unless they exist.
func (n *Network) complete(ctx context.Context) error {
	if n.plan.Complete {
		return nil
	}
	n.say("making the channel, installing the chaincode")
	if err := n.create(ctx); err != nil {
		return err
	}
	if err := n.profiles(); err != nil {
		return err
	}
	n.plan.Complete = true
	return n.plan.write(n.dir)
}

// processes describes the network's processes.
func (n *Network) processes(command []string) error {
	if err := n.builder(); err != nil {
		return err
	}
	for i, name := range n.plan.ordererNames() {
		p, err := n.orderer(i, name)
		if err != nil {
			return err
		}
		n.orderers = append(n.orderers, p)
	}
	for i, org := range n.plan.Orgs {
		p, err := n.peer(i, org)
		if err != nil {
			return err
		}
		n.peers = append(n.peers, p)
		_, id, err := packageChaincode(address(n.plan.chaincodePort(i)))
		if err != nil {
			return err
		}
		n.chaincodes = append(n.chaincodes, n.service(i, org, id, command))
	}
	return nil
}

func (n *Network) all() []*process {
	return slices.Concat(n.orderers, n.peers, n.chaincodes)
}

// say writes a line of progress.
func (n *Network) say(format string, args ...any) {
	n.saying.Lock()
	defer n.saying.Unlock()
	fmt.Fprintf(n.progress, format+"\n", args...)
}

// Stop ends the network cleanly; its data stay. It may be called twice.
func (n *Network) Stop() {
	n.closed.Do(func() {
		n.spawner.close()
		for _, group := range [][]*process{n.chaincodes, n.peers, n.orderers} {
			_ = parallel(group, func(_ int, p *process) error { p.stop(); return nil })
		}
		n.spawner.end()
		_ = n.held.Close()
		n.unlock()
	})
}

// Kill ends a process as a crash would.
func (n *Network) Kill(name string) error {
	p, err := n.find(name)
	if err != nil {
		return err
	}
	return p.kill()
}

// StartProcess starts a process that ended or was killed, and returns when it listens.
func (n *Network) StartProcess(ctx context.Context, name string) error {
	p, err := n.find(name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return p.start(ctx, n.spawner)
}

// Orgs are the organisations' names, which are their MSP ids.
func (n *Network) Orgs() []string { return slices.Clone(n.plan.Orgs) }

// Profile is the path of an organisation's connection profile.
func (n *Network) Profile(org string) string { return n.path("profiles", org+".json") }

func (n *Network) find(name string) (*process, error) {
	var names []string
	for _, p := range n.all() {
		if p.name == name {
			return p, nil
		}
		names = append(names, p.name)
	}
	return nil, fmt.Errorf("there is no process %q; there are %s", name, strings.Join(names, ", "))
}

// parallel calls do for all members of a list in parallel, and joins their errors.
func parallel[T any](list []T, do func(i int, one T) error) error {
	failed := make([]error, len(list))
	var wait sync.WaitGroup
	for i, one := range list {
		wait.Go(func() { failed[i] = do(i, one) })
	}
	wait.Wait()
	return errors.Join(failed...)
}

func writeJSON(path string, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return writeFile(path, append(data, '\n'))
}
