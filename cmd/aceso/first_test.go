package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/node"
)

// typed runs a command as a user would.
func typed(args ...string) (code int, out string) {
	var b bytes.Buffer
	code = run(args, &b, &b)
	return code, b.String()
}

// A mistake is answered with what is wrong and where to look, not with all flags.
func TestMistakesAreShort(t *testing.T) {
	for _, args := range [][]string{{"serve", "--nothing"}, {"token", "--role"}, {"import", "--workers", "many"}} {
		code, out := typed(args...)
		if code != exitUsage || strings.Count(out, "\n") != 2 || !strings.Contains(out, "`aceso "+args[0]+" --help` lists the flags.") {
			t.Errorf("%v: exit %d: %s", args, code, out)
		}
	}
	if code, out := typed("serve", "--help"); code != exitOK || strings.Count(out, "\n") < 20 {
		t.Errorf("help: exit %d: %s", code, out)
	}
}

// A variable that looks like a setting and is none is named.
func TestUnknownVariablesAreNamed(t *testing.T) {
	t.Setenv("ACESO_BASEURL", "http://x")
	t.Setenv("ACESO_BASE_URL", "http://x/fhir")
	t.Setenv("ACESO_SERVICE_HOST", "10.0.0.1")
	code, out := typed("version")
	if code != exitOK || !strings.Contains(out, "warning: ACESO_BASEURL is in the environment") || strings.Count(out, "warning") != 1 {
		t.Errorf("exit %d: %s", code, out)
	}
}

// The list of settings is that of the flags of all commands.
func TestSettingsAreFlags(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	defined := regexp.MustCompile(`\b(?:f|flags)\.[A-Z]\w*\((?:&[\w.]+, )?"([a-z0-9-]+)", `)
	var flags []string
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, m := range defined.FindAllStringSubmatch(string(source), -1) {
			flags = append(flags, m[1])
		}
	}
	slices.Sort(flags)
	if got := slices.Compact(flags); !slices.Equal(got, settings()) {
		t.Errorf("the flags are %q, the settings %q", got, settings())
	}
}

// A start that fails leaves no folder behind that it has made, and every other one alone.
func TestFailedStartsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	made, there := filepath.Join(dir, "a", "made"), filepath.Join(dir, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{made, there} {
		code, out := typed("serve", "--listen", "127.0.0.1:0", "--data", data, "--policies", filepath.Join(dir, "nothere"))
		if code != exitFailed || !strings.Contains(out, "there is no folder") || strings.Contains(out, "stat") {
			t.Errorf("%s: exit %d: %s", data, code, out)
		}
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("the folder is left behind: %v", err)
	}
	if _, err := os.Stat(there); err != nil {
		t.Errorf("the folder that was there: %v", err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if code, out := typed("serve", "--listen", busy.Addr().String(), "--data", made); code != exitFailed {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, err := os.Stat(made); !os.IsNotExist(err) {
		t.Errorf("a port in use leaves a folder: %v", err)
	}
}

// A demonstration without a folder of its own ends without one.
func TestDemonstrationLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told listening
	told.heard = stop
	if err := serve(ctx, serveOptions{listen: "127.0.0.1:0", demo: true}, &told, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// listening calls heard once the server listens.
type listening struct {
	once  sync.Once
	heard func()
}

func (l *listening) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Other tokens")) {
		l.once.Do(l.heard)
	}
	return len(p), nil
}

func TestVersionIsPrinted(t *testing.T) {
	if code, out := typed("version"); code != exitOK || strings.TrimSpace(out) != version() {
		t.Errorf("exit %d: %s", code, out)
	}
}

// What the HTTP library says is JSON like the rest of the log.
func TestLibraryLinesAreJSON(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := certificate(t, dir)
	var log syncBuffer
	out, printed := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	o := serveOptions{data: filepath.Join(dir, "data"), listen: "127.0.0.1:0", tls: tlsOptions{cert: cert, key: key}}
	go func() { ended <- serve(ctx, o, printed, slog.New(slog.NewJSONHandler(&log, nil))) }()
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(strings.TrimSpace(string(line[:n])), "listening on https://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // no TLS
	_, _ = io.ReadAll(conn)
	conn.Close()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "TLS handshake error") {
		t.Errorf("nothing is said: %s", log.String())
	}
	for line := range strings.Lines(log.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

// syncBuffer is a buffer that several goroutines write to.
type syncBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// A server limits clients without being told to: a Bundle costs its entries.
func TestRateIsOnByDefault(t *testing.T) {
	n := startChild(t, t.TempDir())
	doctor := n.as("practitioner", "TREAT")
	entries := strings.Repeat(`{"request":{"method":"GET","url":"Patient/p"}},`, 800)
	doctor.Post("/", `{"resourceType":"Bundle","type":"batch","entry":[`+strings.TrimSuffix(entries, ",")+`]}`).Want(200)
	r := doctor.Get("/Patient/p").Want(429)
	if wait := r.Header.Get("Retry-After"); wait == "" || wait == "0" {
		t.Errorf("Retry-After %q", wait)
	}
	n.as("practitioner", "TREAT", func(g *node.Grant) { g.Subject = "Practitioner/other" }).Get("/Patient/p").Want(404)
	n.as("system", "HOPERAT").Get("/Patient/p").Want(404)
	n.terminate()
}
