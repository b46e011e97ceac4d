package devnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
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
	listens []string // addresses on which it listens once it is up
	say     func(format string, args ...any)

	mu      sync.Mutex
	cmd     *exec.Cmd     // nil before the first start
	ended   chan struct{} // closed when cmd has ended
	stopped bool          // it was told to end
}

// spawner starts processes from one thread that lives until end: on Linux that thread is
// the parent whose death ends them.
type spawner struct {
	mu     sync.Mutex
	closed bool
	work   chan func()
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for start := range s.work {
			start()
		}
	}()
	return s
}

func (s *spawner) start(cmd *exec.Cmd) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the network is being stopped")
	}
	result := make(chan error)
	s.work <- func() { result <- cmd.Start() }
	return <-result
}

// close refuses further starts. Running processes go on until end.
func (s *spawner) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *spawner) end() { close(s.work) }

// start runs the process and returns when it listens.
func (p *process) start(ctx context.Context, s *spawner) error {
	ended, err := p.spawn(s)
	for i := 0; err == nil && i < len(p.listens); i++ {
		err = p.await(ctx, ended, p.listens[i])
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// spawn runs the process; the channel is closed when it has ended.
func (p *process) spawn(s *spawner) (ended <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running() {
		return nil, errors.New("it runs already")
	}
	log, err := os.OpenFile(p.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, append(inherited(), p.env...), log, log, attributes()
	if err := s.start(cmd); err != nil {
		return nil, err
	}
	p.cmd, p.ended, p.stopped = cmd, make(chan struct{}), false
	go p.wait(cmd, p.ended)
	return p.ended, nil
}

// wait waits for the end of a process and reports one that was not asked for.
func (p *process) wait(cmd *exec.Cmd, ended chan<- struct{}) {
	_ = cmd.Wait() // how it ended is in cmd.ProcessState
	close(ended)
	p.mu.Lock()
	told := p.stopped
	p.mu.Unlock()
	if !told {
		p.say("%s ended by itself (%v); its log is %s", p.name, cmd.ProcessState, p.log)
	}
}

// inherited is this process's environment without variables of Fabric and Aceso.
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
func (p *process) await(ctx context.Context, ended <-chan struct{}, address string) error {
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-ended:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("it ended; the end of %s:\n%s", p.log, last(text, 5))
		case <-ctx.Done():
			return fmt.Errorf("it does not listen on %s: %w; see %s", address, ctx.Err(), p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// running needs mu held.
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

// signal sends a signal to a running process; the channel is closed when it has ended.
func (p *process) signal(s syscall.Signal) (ended <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return nil, fmt.Errorf("%s does not run", p.name)
	}
	p.stopped = p.stopped || s == syscall.SIGKILL || s == syscall.SIGTERM
	if err := p.cmd.Process.Signal(s); err != nil {
		return nil, fmt.Errorf("signal %s: %w", p.name, err)
	}
	return p.ended, nil
}

// kill ends the process as a crash would, and returns when it is gone.
func (p *process) kill() error {
	ended, err := p.signal(syscall.SIGKILL)
	if err != nil {
		return err
	}
	<-ended
	return nil
}

// stop ends the process cleanly, by force after grace.
func (p *process) stop() {
	ended, err := p.signal(syscall.SIGTERM)
	if err != nil {
		return // it does not run
	}
	_, _ = p.signal(syscall.SIGCONT) // it may have been halted
	select {
	case <-ended:
	case <-time.After(grace):
		_ = p.kill()
	}
}

// state describes the process for Status.
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
