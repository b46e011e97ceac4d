package devnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Fabric's tools are a module of their own, so that what they need stays out of
// Aceso's. Its two files have other names than go.mod and go.sum because a file below
// a go.mod cannot be embedded; `go -modfile` reads them as they are.
var (
	//go:embed tools/fabric.mod
	toolsMod []byte
	//go:embed tools/fabric.sum
	toolsSum []byte
)

// ErrNotDownloaded means that Fabric's modules are not in the module cache and may not be
// downloaded.
var ErrNotDownloaded = errors.New("the modules of Hyperledger Fabric are not in Go's module cache")

// ErrNoGo means that Fabric cannot be built because Go is missing.
var ErrNoGo = errors.New("there is no go command, with which Hyperledger Fabric is built; install Go, or give the folder of Fabric's own binaries")

var (
	toolNames   = []string{"configtxgen", "cryptogen", "orderer", "peer"}
	sampleNames = []string{"core.yaml", "orderer.yaml"}
)

const fabricModule = "github.com/hyperledger/fabric"

// Tools returns the folder of Fabric's binaries and its two sample configurations. The
// first call on a machine downloads the modules, unless offline, and builds them, which
// takes minutes; later calls find the result in the user's cache folder. Of several
// processes one builds, and the others wait.
func Tools(ctx context.Context, progress io.Writer, offline bool) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	cache = filepath.Join(cache, "aceso")
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	version, err := goCommand(ctx, cache, offline, "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	key := sha256.Sum256(slices.Concat(toolsMod, toolsSum, []byte(version)))
	dir := filepath.Join(cache, fmt.Sprintf("fabric-%x", key[:8]))
	if complete(dir) {
		return dir, nil
	}
	unlock, err := lock(ctx, dir+".lock", func() { fmt.Fprintln(progress, "waiting for another process that builds Hyperledger Fabric") })
	if err != nil {
		return "", err
	}
	defer unlock()
	if complete(dir) {
		return dir, nil
	}
	if err := build(ctx, dir, progress, offline); err != nil {
		return "", fmt.Errorf("build Hyperledger Fabric: %w", err)
	}
	return dir, nil
}

// ownTools checks a folder with Fabric's own binaries. The sample configurations lie
// beside them or, as in its releases, in ../config.
func ownTools(dir string) (string, error) {
	for _, name := range toolNames {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("binaries of Fabric: %w", err)
		}
	}
	if _, err := sample(dir, "core.yaml"); err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}

// sample reads a sample configuration that belongs to the binaries in bin.
func sample(bin, name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(bin, name))
	if errors.Is(err, os.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(bin, "..", "config", name))
	}
	if err != nil {
		return nil, fmt.Errorf("sample configuration of Fabric (beside its binaries or in ../config): %w", err)
	}
	return data, nil
}

func complete(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil // it was renamed into place when it was complete
}

// build makes the binaries in a folder beside dir, and renames it to dir. It needs the
// lock.
func build(ctx context.Context, dir string, progress io.Writer, offline bool) error {
	work := dir + ".building"
	_ = os.RemoveAll(work) // of a builder that was killed
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for name, data := range map[string][]byte{"go.mod": toolsMod, "go.sum": toolsSum} {
		if err := os.WriteFile(filepath.Join(work, name), data, 0o600); err != nil {
			return err
		}
	}
	out := filepath.Join(work, "out")
	if err := compile(ctx, work, out, progress, offline); err != nil {
		return err
	}
	source, err := goCommand(ctx, work, offline, "list", "-m", "-f", "{{.Dir}}", fabricModule)
	if err != nil {
		return err
	}
	for _, name := range sampleNames {
		data, err := os.ReadFile(filepath.Join(source, "sampleconfig", name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name), data, 0o600); err != nil {
			return err
		}
	}
	return os.Rename(out, dir)
}

// compile builds the four binaries and reports progress every ten seconds.
func compile(ctx context.Context, work, out string, progress io.Writer, offline bool) error {
	began := time.Now()
	fmt.Fprintln(progress, "building Hyperledger Fabric from its modules: once, some minutes")
	built := make(chan error, 1)
	go func() {
		_, err := goCommand(ctx, work, offline, "build", "-trimpath", "-ldflags", "-s -w", "-o", out+string(filepath.Separator), "tool")
		built <- err
	}()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-built:
			if err == nil {
				fmt.Fprintf(progress, "built Hyperledger Fabric in %s\n", time.Since(began).Round(time.Second))
			}
			return err
		case <-tick.C:
			fmt.Fprintf(progress, "building Hyperledger Fabric: %s\n", time.Since(began).Round(time.Second))
		}
	}
}

// goCommand runs go for this machine and returns what it prints.
func goCommand(ctx context.Context, dir string, offline bool, args ...string) (string, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return "", ErrNoGo
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if offline {
		cmd.Env = append(cmd.Env, "GOPROXY=off")
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	switch {
	case err != nil && offline && strings.Contains(said.String(), "GOPROXY=off"):
		return "", ErrNotDownloaded
	case err != nil:
		return "", fmt.Errorf("go %s: %w: %s", args[0], err, last(said.Bytes(), 10))
	}
	return strings.TrimSpace(string(out)), nil
}

// last returns the last lines of a text.
func last(text []byte, lines int) string {
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
