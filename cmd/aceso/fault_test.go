package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/node/nodetest"
)

func wantWhole(t *testing.T, dir string) {
	t.Helper()
	if code, out := verifyLog(dir); code != 0 {
		t.Errorf("verify log: exit %d\n%s", code, out)
	}
}

// newOutage loads what the requests of an outage ask for.
func newOutage(t *testing.T, n *testNode) *nodetest.Outage {
	t.Helper()
	o := &nodetest.Outage{T: t, System: n.as("system", "HOPERAT"), Doctor: n.as("practitioner", "TREAT"), Office: n.as("privacy-officer", "HOPERAT")}
	o.Patient = n.as("patient", "PATRQT", func(g *node.Grant) { g.Patient = "p1" })
	o.Begin()
	return o
}

// readers is more than the connections that read resources at the same time.
const readers = 20

// The log's open file is made unusable under the node, as if somebody had closed it.
func TestLogFileIsClosed(t *testing.T) {
	dir := t.TempDir()
	n := startNode(t, dir)
	o := newOutage(t, n)
	for range 3 {
		if closeFile(t, filepath.Join(dir, "access.db-wal")) == 0 {
			t.Fatal("the log is not open")
		}
		o.Refused([]response{o.Doctor.Get("/Patient/p1")})
		o.Doctor.Get("/Patient/p1").Want(200) // the node has opened it again by itself
	}
	o.Over(0)

	closeFile(t, filepath.Join(dir, "aceso.db-wal"))
	o.Refused([]response{o.System.Put("/Patient/y", patientJSON("y", nodetest.Secret))})
	for range readers { // each connection finds it out by itself
		if r := o.System.Put("/Patient/y", patientJSON("y", nodetest.Secret)); r.Status != 201 && r.Status != 200 {
			o.Refused([]response{r})
		}
		if r := o.Doctor.Get("/Patient/p1/_history/3"); r.Status != 404 { // by other connections than current versions
			o.Refused([]response{r})
		}
	}
	o.Doctor.Get("/Patient/y").Want(200)
	o.Doctor.Get("/Patient/p1/_history/3").Want(404)
	n.stop()
	wantWhole(t, dir)
}

// closeFile puts descriptors that can do nothing in the place of this process's
// descriptors of a file: every use is EBADF. The numbers stay taken, or the next
// connection would get one of them. It returns how many there were.
func closeFile(t *testing.T, path string) (closed int) {
	t.Helper()
	const oPath = 0x200000
	dead, err := syscall.Open(path, oPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(dead)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: this system does not list open files in /proc")
	}
	for _, e := range open {
		var fd int
		if link, err := os.Readlink("/proc/self/fd/" + e.Name()); err != nil || link != path {
			continue
		}
		if _, err := fmt.Sscan(e.Name(), &fd); err != nil || fd == dead {
			continue
		}
		if err := syscall.Dup3(dead, fd, syscall.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		closed++
	}
	return closed
}

// The kernel answers the system calls of the running binary with an error: on the
// two logs, and every sync whatever it is for.
func TestSystemCallsFail(t *testing.T) {
	dir := t.TempDir()
	n := startChild(t, dir)
	o := newOutage(t, n.testNode)
	logs := []string{"-P", filepath.Join(dir, "access.db-wal"), "-P", filepath.Join(dir, "aceso.db-wal")}
	rounds := 0
	for calls, where := range map[string][]string{"pwrite64": logs, "fsync,fdatasync": nil, "pwrite64,fsync,fdatasync": logs} {
		for _, fault := range []string{"EIO", "ENOSPC", "EBADF"} {
			tr := n.attach(append(where, "-o", os.DevNull, "-e", "trace="+calls, "-e", "inject="+calls+":error="+fault)...)
			o.Refused(o.Reads())
			o.BatchRefused()
			o.Refused(o.Writes(rounds))
			rounds++
			tr.detach()
			o.Doctor.Get("/Patient/p1").Want(200)
		}
	}
	o.Over(rounds)
	n.terminate()
	wantWhole(t, dir)
}

// While checkpoints cannot be written the node serves on, because records are
// durable without them, but says that it is not ready; then it catches up.
func TestCheckpointsCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	n := startChild(t, dir)
	o := newOutage(t, n.testNode)
	tr := n.attach("-P", filepath.Join(dir, local.FileName), "-o", os.DevNull, "-e", "trace=pwrite64,fsync", "-e", "inject=pwrite64,fsync:error=EIO")
	o.Doctor.Get("/Patient/p1").Want(200)
	n.waitReady(503)
	o.Doctor.Get("/Patient/p1").Want(200)
	o.System.Put("/Patient/y", patientJSON("y", "Y")).Want(201)
	tr.detach()
	o.Doctor.Get("/Patient/p1").Want(200)
	n.waitReady(200)
	n.terminate()
	wantWhole(t, dir)
}

// waitReady asks until readiness is as wanted.
func (c *childNode) waitReady(status int) {
	c.T.Helper()
	for range 3000 {
		r, err := c.Client.Get(c.Server.URL + "/readyz")
		if err != nil {
			c.T.Fatal(err)
		}
		if err := r.Body.Close(); err != nil {
			c.T.Fatal(err)
		}
		if r.StatusCode == status {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	c.T.Fatalf("readiness was never %d", status)
}

// Files may not grow: the kernel refuses with EFBIG and a signal.
func TestFilesMayNotGrow(t *testing.T) {
	dir := t.TempDir()
	n := startChild(t, dir)
	o := newOutage(t, n.testNode)
	for i := range 2 {
		limitFiles(t, n.cmd.Process.Pid, 1)
		o.Refused(o.Reads())
		o.BatchRefused()
		o.Refused(o.Writes(i))
		limitFiles(t, n.cmd.Process.Pid, ^uint64(0))
		o.Doctor.Get("/Patient/p1").Want(200)
	}
	o.Over(2)
	n.terminate()
	wantWhole(t, dir)
}

// limitFiles sets RLIMIT_FSIZE of another process, the soft limit only.
func limitFiles(t *testing.T, pid int, size uint64) {
	t.Helper()
	limit := syscall.Rlimit{Cur: size, Max: ^uint64(0)}
	_, _, failed := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if failed != 0 {
		t.Skipf("SKIPPED: the limits of a process cannot be changed here: %v", failed)
	}
}

// The disk is full until somebody makes room.
func TestDiskIsFull(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=32m"); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be mounted here (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "data")
	n := startChild(t, dir)
	o := newOutage(t, n.testNode)
	ballast := filepath.Join(disk, "ballast")
	for i := range 3 {
		fill(t, ballast)
		o.Refused(o.Reads())
		o.BatchRefused()
		o.Refused(o.Writes(i))
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		o.Doctor.Get("/Patient/p1").Want(200)
	}
	fill(t, ballast)
	o.Refused(o.Writes(3))
	n.kill() // and what it could not write is not found later
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n = startChild(t, dir)
	for _, u := range []*user{&o.System, &o.Doctor, &o.Patient, &o.Office} {
		u.Node = &n.Node
	}
	o.Over(4)
	n.terminate()
	wantWhole(t, dir)
}

// fill takes all the room that a disk has.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10, 1} {
		block := make([]byte, size)
		for err = nil; err == nil; {
			_, err = f.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}
