package devnet

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a process may take to end before it is killed.
const grace = 5 * time.Second

// process is one orderer, peer or chaincode of the network, running or not.
type process struct {
	name    string
	command []string
	env     []string
	dir     string   // where it runs
	log     string   // file that it writes to
	listens []string // addresses that say that it is up

	mu      sync.Mutex
	cmd     *exec.Cmd     // nil before the first start
	ended   chan struct{} // closed when cmd has ended
	stopped bool          // it was told to end
}

// spawner starts processes from one thread that lives until it is closed: Linux
// counts the thread as the parent whose death ends them.
type spawner chan func()

func newSpawner() spawner {
	s := make(spawner)
	go func() {
		runtime.LockOSThread()
		for start := range s {
			start()
		}
	}()
	return s
}

func (s spawner) start(cmd *exec.Cmd) error {
	result := make(chan error)
	s <- func() { result <- cmd.Start() }
	return <-result
}

// start runs the process and returns when it listens.
func (p *process) start(ctx context.Context, s spawner) error {
	if err := p.spawn(s); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	for _, address := range p.listens {
		if err := p.await(ctx, address); err != nil {
			return fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	return nil
}

func (p *process) spawn(s spawner) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return fmt.Errorf("it runs already")
	}
	log, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, append(inherited(), p.env...), log, log, attributes()
	if err := s.start(cmd); err != nil {
		return err
	}
	p.cmd, p.ended, p.stopped = cmd, make(chan struct{}), false
	go func(ended chan struct{}) {
		_ = cmd.Wait() // how it ended is in cmd.ProcessState
		close(ended)
	}(p.ended)
	return nil
}

// inherited is this process' environment without what configures Fabric or Aceso.
func inherited() (env []string) {
	for _, e := range os.Environ() {
		switch prefix, _, _ := strings.Cut(e, "_"); prefix {
		case "CORE", "ORDERER", "FABRIC", "CONFIGTX", "CHAINCODE", "ACESO":
		default:
			env = append(env, e)
		}
	}
	return env
}

// await returns when something listens on the address.
func (p *process) await(ctx context.Context, address string) error {
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("it does not listen on %s: %w; see %s", address, ctx.Err(), p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// failure says how the process ended and what it last wrote.
func (p *process) failure() error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("it ended (%v); the end of %s:\n%s", p.cmd.ProcessState, filepath.Base(p.log), last(text, 5))
}

// running wants the lock.
func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal to a running process.
func (p *process) signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return fmt.Errorf("%s does not run", p.name)
	}
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		p.stopped = true
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signal %s: %w", p.name, err)
	}
	return nil
}

// kill ends the process as a crash would, and returns when it is gone.
func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.ended
	return nil
}

// stop ends the process in good order, by force after a while.
func (p *process) stop() {
	if p.signal(syscall.SIGTERM) != nil {
		return // it does not run
	}
	_ = p.signal(syscall.SIGCONT) // it may have been halted
	select {
	case <-p.ended:
	case <-time.After(grace):
		_ = p.kill()
	}
}

// state is what status says of it.
func (p *process) state() Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Process{Name: p.name, State: "not started", Address: p.listens[0], Log: p.log}
	switch {
	case p.running():
		s.State, s.PID = "running", p.cmd.Process.Pid
	case p.cmd != nil && p.stopped:
		s.State = "stopped"
	case p.cmd != nil:
		s.State = "ended: " + p.cmd.ProcessState.String()
	}
	return s
}
