package devnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNewPlan(t *testing.T) {
	for name, test := range map[string]struct {
		options Options
		says    string // "" if it is good
	}{
		"nothing given":        {Options{}, ""},
		"names":                {Options{Orgs: []string{"A", "b.c-d"}}, ""},
		"BFT":                  {Options{BFT: true}, ""},
		"raft of three":        {Options{Orderers: 3}, ""},
		"too many":             {Options{Orgs: OrgNames(21)}, "more than 20"},
		"a slash":              {Options{Orgs: []string{"a/b"}}, `organisation "a/b"`},
		"a quote":              {Options{Orgs: []string{`a"b`}}, "organisation"},
		"a dot first":          {Options{Orgs: []string{".."}}, "organisation"},
		"empty":                {Options{Orgs: []string{""}}, "organisation"},
		"long":                 {Options{Orgs: []string{strings.Repeat("a", 65)}}, "organisation"},
		"twice":                {Options{Orgs: []string{"a", "A"}}, "in more than case"},
		"an orderer's name":    {Options{Orgs: []string{"Orderer1"}}, "orderers"},
		"negative orderers":    {Options{Orderers: -1}, "between 1 and 10"},
		"too many orderers":    {Options{Orderers: 11}, "between 1 and 10"},
		"BFT of three":         {Options{Orderers: 3, BFT: true}, "BFT needs 4"},
		"no batch timeout":     {Options{BatchTimeout: time.Microsecond}, "batch timeout"},
		"endless batch timout": {Options{BatchTimeout: time.Hour}, "batch timeout"},
	} {
		p, err := newPlan(test.options)
		if test.says == "" {
			if err != nil || p.ports() > portBlock {
				t.Errorf("%s: %v, %d ports", name, err, p.ports())
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: says %v, want %q", name, err, test.says)
		}
	}
	if p := (plan{Orgs: OrgNames(maxOrgs), Orderers: maxOrderers}); p.ports() > portBlock {
		t.Errorf("the largest network has %d ports", p.ports())
	}
}

// A folder with something else in it, such as a node's data, stays as it is.
func TestVacant(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	put := func(name string) {
		t.Helper()
		if err := writeJSON(filepath.Join(dir, name), 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "lock", "logs/peer.log", "network.json.new"} {
		if name != "" {
			put(name)
		}
		if err := vacant(dir); err != nil {
			t.Errorf("with %q: %v", name, err)
		}
	}
	put("aceso.db")
	err := (&Network{}).open(t.Context(), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "has aceso.db and no network") {
		t.Errorf("with a data folder's file: %v", err)
	}
	put("network.json")
	if err := vacant(dir); err != nil {
		t.Errorf("with a network: %v", err)
	}
}

// No two things of a network get the same port, and two networks share none.
func TestPorts(t *testing.T) {
	seen := map[int]string{}
	for network := range 3 {
		p, err := newPlan(Options{Orgs: OrgNames(3), Orderers: 2})
		if err != nil {
			t.Fatal(err)
		}
		held, err := p.hold(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		take := func(port int, what string) {
			if other, taken := seen[port]; taken {
				t.Errorf("port %d: %s of %d, and %s", port, what, network, other)
			}
			seen[port] = fmt.Sprint(what, " of ", network)
			if port >= p.Port+p.ports() {
				t.Errorf("port %d of %s is not among those looked at", port, what)
			}
		}
		take(p.Port, "network")
		for i := range p.Orderers {
			take(p.ordererPort(i), "orderer")
			take(p.ordererAdminPort(i), "admin")
		}
		for i := range p.Orgs {
			take(p.peerPort(i), "peer")
			take(p.chaincodePort(i), "chaincode")
		}
	}
}

// What an unfinished start left is thrown away; what is of another version is not
// touched.
func TestUnfinishedStart(t *testing.T) {
	dir := t.TempDir()
	left, err := newPlan(Options{Orgs: OrgNames(2)})
	if err == nil {
		err = left.write(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	crumb := filepath.Join(dir, "peer-org2")
	if err := os.Mkdir(crumb, 0o700); err != nil {
		t.Fatal(err)
	}
	n := &Network{dir: dir}
	if err := n.load(Options{}); err != nil || len(n.plan.Orgs) != 2 {
		t.Errorf("without options it is not begun again: %v, %+v", err, n.plan)
	}
	if err := n.load(Options{Orgs: OrgNames(1)}); err != nil || len(n.plan.Orgs) != 1 {
		t.Errorf("%v, %+v", err, n.plan)
	}
	if _, err := os.Stat(crumb); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old peer is still there: %v", err)
	}
	left.Version = 2
	if err := left.write(dir); err != nil {
		t.Fatal(err)
	}
	if err := n.load(Options{}); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("another version: %v", err)
	}
}

// Of several builders one builds while the others wait.
func TestLockWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := tryLock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLock(path); !errors.Is(err, errHeld) {
		t.Errorf("taken twice: %v", err)
	}
	waits, got := make(chan struct{}), make(chan error, 1)
	go func() {
		second, err := lock(t.Context(), path, func() { close(waits) })
		if err == nil {
			second()
		}
		got <- err
	}()
	<-waits
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer func(release func()) { release() }(must(tryLock(path)))
	if _, err := lock(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("waited beyond the context: %v", err)
	}
}

// Without modules and without leave to download, or without Go, it says what is missing.
func TestToolsMissing(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GOMODCACHE", t.TempDir())
	t.Setenv("GOCACHE", t.TempDir())
	if _, err := Tools(t.Context(), io.Discard, true); !errors.Is(err, ErrNotDownloaded) && !errors.Is(err, ErrNoGo) {
		t.Errorf("without modules: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Tools(t.Context(), io.Discard, true); !errors.Is(err, ErrNoGo) {
		t.Errorf("without Go: %v", err)
	}
	if _, err := ownTools(t.TempDir()); err == nil {
		t.Error("a folder without binaries was taken")
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// What a folder says of itself is checked like options: an edited file leads nowhere
// else.
func TestEditedPlan(t *testing.T) {
	dir := t.TempDir()
	good := plan{Version: 1, Orgs: []string{"org1"}, Orderers: 1, BatchTimeout: time.Second, Port: 10_240}
	if err := good.write(dir); err != nil {
		t.Fatal(err)
	}
	if p, err := readPlan(dir); err != nil || p.Port != good.Port {
		t.Fatal(p, err)
	}
	for name, edit := range map[string]func(*plan){
		"a folder elsewhere": func(p *plan) { p.Orgs = []string{"../../victim"} },
		"many orderers":      func(p *plan) { p.Orderers = 1000 },
		"a port too high":    func(p *plan) { p.Port = 65_530 },
		"a port below zero":  func(p *plan) { p.Port = -1 },
		"another version":    func(p *plan) { p.Version = 2 },
	} {
		bad := good
		edit(&bad)
		if err := bad.write(dir); err != nil {
			t.Fatal(err)
		}
		if p, err := readPlan(dir); err == nil || !strings.Contains(err.Error(), planFile(dir)) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}
