package devnet_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/devnet"
	"github.com/aceso-health/aceso/ledgerbridge/devnet/devnettest"
)

// One organisation: a log is anchored, and is there after a restart on the same
// folder, where it can be anchored further.
func TestOneOrganisation(t *testing.T) {
	dir := t.TempDir()
	n := devnettest.Start(t, devnet.Options{Dir: dir})
	if s := n.Status(); !strings.Contains(s.Warning, "development") || len(s.Processes) != 3 {
		t.Errorf("status: %+v", s)
	}
	s := join(t, n, "org1").register("n1")
	s.anchor()
	private(t, dir)
	if _, err := devnet.Start(t.Context(), devnettest.Complete(t, devnet.Options{Dir: dir})); err == nil || !strings.Contains(err.Error(), "runs in") {
		t.Errorf("a second network in one folder: %v", err)
	}
	n.Stop()
	if err := n.StartProcess(t.Context(), "peer-org1"); err == nil {
		t.Error("a process was started after Stop")
	}

	_, err := devnet.Start(t.Context(), devnettest.Complete(t, devnet.Options{Dir: dir, Orgs: devnet.OrgNames(2)}))
	if err == nil || !strings.Contains(err.Error(), "network of another kind") {
		t.Errorf("restarted as another network: %v", err)
	}
	n = devnettest.Start(t, devnet.Options{Dir: dir})
	s.member = join(t, n, "org1")
	s.awaitSize(s.origin, 1)
	s.anchor()
	s.awaitSize(s.origin, 2)
}

// private: nobody else may read the keys and profiles of a network.
func private(t *testing.T, dir string) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		secret := strings.HasSuffix(path, "_sk") || strings.HasSuffix(path, ".key") || filepath.Base(filepath.Dir(path)) == "profiles"
		info, err := d.Info()
		if err == nil && secret {
			found++
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
		}
		return err
	})
	if err != nil || found < 5 {
		t.Errorf("%d keys and profiles found: %v", found, err)
	}
}

// Three organisations: what one anchors, all have; each process may die and come
// back, and is not needed while it is away if it is not the only orderer or part of
// the organisation that anchors.
func TestThreeOrganisations(t *testing.T) {
	n := devnettest.Start(t, devnet.Options{Orgs: []string{"north-hospital", "south.clinic", "Lab3"}})
	if s := n.Status(); s.Warning != "" || len(s.Processes) != 7 {
		t.Errorf("status: %+v", s)
	}
	members := map[string]*member{}
	for _, org := range n.Orgs() {
		members[org] = join(t, n, org)
	}
	north := members["north-hospital"]
	seen := func(s *source, size int64) {
		t.Helper()
		for _, m := range members {
			m.awaitSize(s.origin, size)
		}
	}
	for i, p := range n.Status().Processes {
		log := north.register("n" + strconv.Itoa(i))
		if err := n.Kill(p.Name); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(p.Name, "Lab3") {
			log.anchor()
		}
		if err := n.StartProcess(t.Context(), p.Name); err != nil {
			t.Fatal(err)
		}
		if err := n.StartProcess(t.Context(), p.Name); err == nil {
			t.Errorf("%s was started twice", p.Name)
		}
		log.anchor()
		seen(log, int64(len(log.leaves)))
	}
	halted(t, n, members["Lab3"], north)
}

// halted: a peer that does not answer is not needed, and catches up when it goes on.
func halted(t *testing.T, n *devnet.Network, away, other *member) {
	t.Helper()
	if err := devnettest.Signal(n, "peer-Lab3", syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	log := other.register("halted")
	log.anchor()
	if err := devnettest.Signal(n, "peer-Lab3", syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	away.awaitSize(log.origin, 1)
}

// Four orderers that need not trust each other go on without their leader.
func TestByzantineOrderers(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: short")
	}
	n := devnettest.Start(t, devnet.Options{Orgs: devnet.OrgNames(2), BFT: true})
	log := join(t, n, "org1").register("n1")
	if err := n.Kill("orderer1"); err != nil {
		t.Fatal(err)
	}
	log.anchor()
	join(t, n, "org2").awaitSize(log.origin, 1)
}

// A network whose process is killed leaves nothing behind, and starts again at once.
func TestDeathOfTheParent(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: this test did not run: only Linux ends children with their parent")
	}
	o := devnettest.Complete(t, devnet.Options{Dir: t.TempDir()})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), "DEVNET_TEST_PARENT="+o.Dir, "DEVNET_TEST_BIN="+o.Bin)
	parent.Stderr = os.Stderr
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Process.Kill()
	var s devnet.Status
	for deadline := time.Now().Add(2 * time.Minute); len(s.Processes) == 0; time.Sleep(50 * time.Millisecond) {
		if s, err = devnet.Ask(t.Context(), o.Dir, "status", ""); time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	for _, p := range s.Processes {
		if p.PID == 0 {
			t.Errorf("%s did not run", p.Name)
		}
		for deadline := time.Now().Add(10 * time.Second); alive(p.PID); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s outlives its parent", p.Name)
			}
		}
	}
	devnettest.Start(t, devnet.Options{Dir: o.Dir})
}

// parent runs a network until it is killed.
func parent(dir, bin string) int {
	ctx := context.Background()
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	n, err := devnet.Start(ctx, devnet.Options{Dir: dir, Bin: bin, Chaincode: []string{self}, Progress: os.Stderr})
	if err == nil {
		err = n.Serve(ctx, func() {})
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// alive is false for zombies, too.
func alive(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}
