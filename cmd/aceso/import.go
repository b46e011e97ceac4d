package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// importCommand loads bundles and NDJSON files through the server's front door.
func importCommand(args []string, stdout, stderr io.Writer) int {
	f := newFlags("import", "FILES-OR-FOLDERS", stderr)
	server := f.String("server", "", "`URL` of the server, with or without /fhir")
	token := f.String("token", "", "access token (of role system, to keep the ids in NDJSON files)")
	state := f.String("state", "aceso-import.state", "`file` that remembers what is done, so that an interrupted import can go on")
	workers := f.Int("workers", 4, "`number` of requests at the same time")
	paths, code, ok := parse(f, args)
	switch {
	case !ok:
		return code
	case *server == "" || *token == "":
		return misuse(stderr, "import", "--server and --token are needed")
	case len(paths) == 0:
		return misuse(stderr, "import", "name the files or folders to import")
	case *workers < 1 || *workers > 64:
		return misuse(stderr, "import", "--workers must be between 1 and 64")
	}
	ctx, stop := interruptible()
	defer stop()
	i := newImporter(*server, *token, *workers, stdout, stderr)
	if err := i.run(ctx, paths, *state); err != nil {
		return fail(stderr, "import", err)
	}
	return exitOK
}

// errIncomplete ends a run whose failures have been printed one by one.
var errIncomplete = errors.New("not everything was imported; run the same command again after correcting the cause")

// importer is one run of the command.
type importer struct {
	http           *http.Client
	base, token    string // of the server
	workers        int
	stdout, stderr io.Writer
	now            func() time.Time
	state          *importState
	show           *progress
}

func newImporter(server, token string, workers int, stdout, stderr io.Writer) *importer {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = workers
	base := strings.TrimSuffix(strings.TrimRight(server, "/"), "/fhir") + "/fhir"
	return &importer{
		http: &http.Client{Transport: transport}, base: base, token: token, workers: workers,
		stdout: stdout, stderr: stderr, now: time.Now,
	}
}

func (i *importer) run(ctx context.Context, paths []string, state string) (err error) {
	parcels, err := planImport(paths)
	if err != nil {
		return err
	}
	if i.state, err = openImportState(state, i.base, i.now); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.state.close()) }()
	i.show = newProgress(parcels, i.stdout, i.stderr, i.now)
	defer i.show.finish()
	for _, wave := range waves(parcels) {
		if err := i.send(ctx, wave); err != nil {
			return err
		}
	}
	if i.show.refused > 0 {
		return errIncomplete
	}
	return nil
}

// once sends one request and reads the whole answer.
func (i *importer) once(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, i.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+i.token)
	r.Header.Set("Accept", "application/fhir+json")
	if body != nil {
		r.Header.Set("Content-Type", "application/fhir+json")
		r.Header.Set("Prefer", "return=minimal")
	}
	w, err := i.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	answer, err := io.ReadAll(w.Body)
	if err != nil {
		return nil, &url.Error{Op: "read answer", URL: i.base, Err: err} // as broken as no answer
	}
	if w.StatusCode/100 != 2 {
		return nil, &refused{w.StatusCode, outcomeText(answer), w.Header.Get("Retry-After")}
	}
	return answer, nil
}
