package devnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// maxSocketName is a length that every system takes.
const maxSocketName = 100

func socket(dir string) string { return filepath.Join(dir, "devnet.sock") }

// Serve answers status, kill, start and down to other processes of this user, until ctx
// ends or one asks for down. It calls ready when it listens, and stops the network before
// it returns.
func (n *Network) Serve(ctx context.Context, ready func()) error {
	defer n.Stop()
	path := socket(n.dir)
	if len(path) > maxSocketName {
		return fmt.Errorf("the folder's name is too long for a socket in it (%d characters at most): %s", maxSocketName, path)
	}
	_ = os.Remove(path) // of a process that was killed: the folder's lock is held
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), l.Close())
	}
	ctx, down := context.WithCancel(ctx)
	defer down()
	server := &http.Server{Handler: n.handler(down), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	ready()
	select {
	case err := <-ended:
		return fmt.Errorf("listen: %w", err)
	case <-ctx.Done():
	}
	n.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return server.Shutdown(ctx)
}

// handler answers each request with the status after it.
func (n *Network) handler(down func()) http.Handler {
	mux := http.NewServeMux()
	answer := func(pattern string, do func(*http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := do(r); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(n.Status()) // the client may have left
		})
	}
	answer("POST /status", func(*http.Request) error { return nil })
	answer("POST /kill", func(r *http.Request) error { return n.Kill(r.FormValue("name")) })
	answer("POST /start", func(r *http.Request) error { return n.StartProcess(r.Context(), r.FormValue("name")) })
	answer("POST /down", func(*http.Request) error { down(); n.Stop(); return nil })
	return mux
}

// Ask sends a verb to the process that serves the network of a folder: status, down, kill
// or start; the last two take the name of a process. It returns the status after that.
func Ask(ctx context.Context, dir, verb, name string) (s Status, err error) {
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket(dir))
	}}}
	defer client.CloseIdleConnections()
	body := strings.NewReader(url.Values{"name": {name}}.Encode())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://devnet/"+verb, body)
	if err != nil {
		return s, fmt.Errorf("speak to the network: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := client.Do(request)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return s, fmt.Errorf("no network runs in %s, or it is not up yet", dir)
	case err != nil:
		return s, fmt.Errorf("speak to the network: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<12))
		return s, errors.New(strings.TrimSpace(string(text)))
	}
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		return s, fmt.Errorf("speak to the network: %w", err)
	}
	return s, nil
}
