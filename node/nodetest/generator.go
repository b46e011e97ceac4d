package nodetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// GeneratorVariable makes a test binary a load generator: TestMain calls Generate then.
const GeneratorVariable = "ACESO_LOAD_GENERATOR"

// Load is what a generator sends: Total requests, the given ones in turn, over so many
// keep-alive connections.
type Load struct {
	Address     string
	Connections int
	Total       int64
	Requests    []string
}

// Measured is what a load came to. Server is the CPU time that the process which was asked,
// this one, has used meanwhile; the generator is another process.
type Measured struct {
	Elapsed, Server time.Duration
	Latencies       []time.Duration // sorted
}

// Rate is in requests per second.
func (m *Measured) Rate() float64 { return float64(len(m.Latencies)) / m.Elapsed.Seconds() }

// PerRequest is the CPU time of the server for one request, in microseconds.
func (m *Measured) PerRequest() float64 {
	return float64(m.Server.Nanoseconds()) / 1000 / float64(len(m.Latencies))
}

// Percentile is a latency in microseconds.
func (m *Measured) Percentile(p int) float64 {
	return float64(m.Latencies[(len(m.Latencies)-1)*p/100].Microseconds())
}

// Measure sends the load from a process of its own. begin is called when that is ready.
func Measure(l Load, begin func()) (*Measured, error) {
	c := exec.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), GeneratorVariable+"=1"), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	m, err := drive(l, in, json.NewDecoder(out), begin)
	return m, errors.Join(err, in.Close(), c.Wait())
}

func drive(l Load, in io.Writer, out *json.Decoder, begin func()) (*Measured, error) {
	send := json.NewEncoder(in)
	var ready bool
	if err := errors.Join(send.Encode(l), out.Decode(&ready)); err != nil {
		return nil, fmt.Errorf("start the load generator: %w", err)
	}
	begin()
	m, start, used := &Measured{}, time.Now(), CPU()
	if err := send.Encode(true); err != nil {
		return nil, err
	}
	if err := out.Decode(&ready); err != nil {
		return nil, fmt.Errorf("generate load: %w", err)
	}
	m.Elapsed, m.Server = time.Since(start), CPU()-used
	return m, out.Decode(&m.Latencies)
}

// CPU is the time that this process has used.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Generate is the whole life of a generator: it reads a load, and says when it is ready,
// when it is done, and the latencies.
func Generate() int {
	if err := generate(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "load generator:", err)
		return 1
	}
	return 0
}

func generate(in *json.Decoder, out *json.Encoder) error {
	var l Load
	if err := in.Decode(&l); err != nil {
		return err
	}
	connections := make([]net.Conn, l.Connections)
	for i := range connections {
		c, err := net.Dial("tcp", l.Address)
		if err != nil {
			return err
		}
		connections[i] = c
	}
	var begin bool
	if err := errors.Join(out.Encode(true), in.Decode(&begin)); err != nil {
		return err
	}
	latencies, err := l.send(connections)
	if err != nil {
		return err
	}
	return errors.Join(out.Encode(true), out.Encode(latencies))
}

// send returns the latencies of all requests, sorted.
func (l *Load) send(connections []net.Conn) (all []time.Duration, err error) {
	var sent atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range connections {
		wg.Go(func() {
			own, failed := l.drive(c, &sent)
			mu.Lock()
			defer mu.Unlock()
			all, err = append(all, own...), errors.Join(err, failed)
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all, err
}

// drive is one connection: requests one after the other, until all are sent.
func (l *Load) drive(c net.Conn, sent *atomic.Int64) ([]time.Duration, error) {
	defer c.Close()
	answers := bufio.NewReaderSize(c, 64<<10)
	var latencies []time.Duration
	for i := sent.Add(1); i <= l.Total; i = sent.Add(1) {
		start := time.Now()
		if _, err := io.WriteString(c, l.Requests[i%int64(len(l.Requests))]); err != nil {
			return latencies, err
		}
		if err := skipAnswer(answers); err != nil {
			return latencies, err
		}
		latencies = append(latencies, time.Since(start))
	}
	return latencies, nil
}

// skipAnswer reads as little of an answer as can be, so that the server has the processor:
// the status, how long the body is, and the body.
func skipAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 2")) {
		return fmt.Errorf("answer %s", bytes.TrimSpace(line))
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answer without a Content-Length")
	}
	_, err = r.Discard(length)
	return err
}
