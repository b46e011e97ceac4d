package mongotest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// ApartVariable makes a test binary a stand-in: TestMain calls ServeApart then.
const ApartVariable = "ACESO_STAND_IN"

// StartApart begins a stand-in in a process of its own, which ends with the test: what this
// process allocates and computes is the client's. The connection string names a fresh
// database.
func StartApart(tb testing.TB) string {
	tb.Helper()
	c := exec.Command(os.Args[0])
	c.Env, c.Stderr = append(os.Environ(), ApartVariable+"=1"), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	uri, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("the stand-in of its own process does not say where it is: %v", err)
	}
	return inDatabase(tb, strings.TrimSpace(uri), "apart")
}

// ServeApart is the whole life of such a process: it says where it is, and ends with its
// standard input.
func ServeApart() int {
	var own process
	defer own.end()
	fmt.Println(Start(&own).URI())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// process is what a Server needs of a test, where there is none.
type process struct {
	testing.TB
	atEnd []func()
}

func (p *process) Helper() {}

func (p *process) Cleanup(f func()) { p.atEnd = append(p.atEnd, f) }

func (p *process) Logf(format string, a ...any) { fmt.Fprintf(os.Stderr, format+"\n", a...) }

func (p *process) Fatalf(format string, a ...any) {
	p.Logf(format, a...)
	os.Exit(1)
}

func (p *process) end() {
	for _, f := range p.atEnd {
		f()
	}
}
