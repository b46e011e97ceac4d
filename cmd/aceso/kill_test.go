package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/local"
	"github.com/aceso-health/aceso/server"
	"github.com/aceso-health/aceso/store/sqlite"
)

const (
	killings = 30
	clients  = 64 // half of them write
)

// held is what clients hold after their server was killed: of every answer that
// they got, however much of it, the receipts; of every acknowledged write the version.
type held struct {
	mu       sync.Mutex
	answers  int
	receipts []string
	versions []keptVersion
	enough   chan struct{} // closed once there are as many answers as wanted
	wanted   int
}

// keptVersion is a version whose writing was acknowledged.
type keptVersion struct {
	path string // Type/id/_history/n
	body []byte // nil if the answer did not carry it
}

// add notes an answer; err says that it broke off.
func (k *held) add(r response, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answers++
	if k.answers == k.wanted {
		close(k.enough)
	}
	if receipts := r.Header.Get(server.RecordHeader); receipts != "" {
		k.receipts = append(k.receipts, strings.Split(receipts, ", ")...)
	} else if r.Status != 0 && r.Status < 500 {
		r.T.Errorf("%s: status %d without a receipt", r.What, r.Status)
	}
	if err == nil && (r.Status == 200 || r.Status == 201) && !strings.HasPrefix(r.What, "GET ") {
		k.versions = append(k.versions, written(r)...)
	}
}

// written is what an acknowledged write or transaction wrote.
func written(r response) []keptVersion {
	if r.JSON()["resourceType"] != "Bundle" {
		version := strings.Trim(r.Header.Get("ETag"), `W/"`)
		m := r.JSON()
		return []keptVersion{{fmt.Sprintf("%v/%v/_history/%s", m["resourceType"], m["id"], version), r.Body}}
	}
	var all []keptVersion
	for _, e := range r.Entries() {
		location := e["response"].(map[string]any)["location"].(string)
		if _, path, ok := strings.Cut(location, "/fhir/"); ok {
			location = path
		}
		all = append(all, keptVersion{path: location})
	}
	return all
}

// load runs all clients until the server dies under them.
func (k *held) load(n *testNode, round int) *sync.WaitGroup {
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			for step := 0; ; step++ {
				var r response
				var err error
				if i%2 == 0 {
					r, err = write(system, i, fmt.Sprintf("%d-%d-%d", round, i, step), step)
				} else {
					r, err = read(doctor, i, step)
				}
				if r.Status != 0 {
					k.add(r, err)
				}
				if err != nil {
					return
				}
				if r.Status >= 400 && r.Status != 404 {
					n.T.Errorf("%s: %d %s", r.What, r.Status, r.Body)
				}
			}
		})
	}
	return &running
}

func write(u user, client int, unique string, step int) (response, error) {
	switch own := fmt.Sprintf("w%d", client); step % 3 {
	case 0:
		return u.Try("PUT", "/Patient/"+own, patientJSON(own, unique))
	case 1:
		return u.Try("POST", "/Patient", strings.Replace(patientJSON("x", unique), `"id":"x",`, "", 1))
	}
	p, o := "p"+unique, "o"+unique
	return u.Try("POST", "/", `{"resourceType":"Bundle","type":"transaction","entry":[
		{"resource":`+patientJSON(p, unique)+`,"request":{"method":"PUT","url":"Patient/`+p+`"}},
		{"resource":`+observationJSON(o, p, 1)+`,"request":{"method":"PUT","url":"Observation/`+o+`"}}]}`)
}

func read(u user, client, step int) (response, error) {
	other := fmt.Sprintf("w%d", client-1)
	switch step % 3 {
	case 0:
		return u.Try("GET", "/Patient/"+other, "")
	case 1:
		return u.Try("GET", "/Patient?_id="+other, "")
	}
	return u.Try("GET", "/Patient/"+other+"/_history?_count=2", "")
}

// A server that is killed again and again under load loses nothing that it has
// acknowledged, has the record of every answer, and continues its logs.
func TestKilledUnderLoad(t *testing.T) {
	rounds := killings
	if testing.Short() {
		rounds = 5
	}
	dir, witness := t.TempDir(), t.TempDir()
	all := &held{}
	var last *held
	for round := range rounds {
		n := startChild(t, dir, "--witness", witness, "--rate", "0")
		if last != nil {
			stillThere(n.testNode, last.versions)
		}
		last = &held{enough: make(chan struct{}), wanted: 64 + rand.IntN(256)}
		checkpoints := sizeOf(filepath.Join(dir, local.FileName))
		running := last.load(n.testNode, round)
		<-last.enough
		for round%5 == 4 && sizeOf(filepath.Join(dir, local.FileName)) == checkpoints { // these die while a checkpoint is made
			time.Sleep(time.Millisecond)
		}
		n.kill()
		running.Wait()
		if round%10 == 9 {
			verifyWith(t, dir, witness, last.receipts[:20])
		}
		all.receipts = append(all.receipts, last.receipts...)
		all.versions = append(all.versions, last.versions...)
		if t.Failed() {
			t.Fatalf("stopped after %d rounds", round+1)
		}
	}
	recorded(t, dir, all)
	n := startChild(t, dir, "--witness", witness, "--rate", "0")
	n.as("practitioner", "TREAT").Get("/Patient/w0").Want(200)
	n.terminate()
	verifyWith(t, dir, witness, last.receipts[len(last.receipts)-20:])
	t.Logf("%d receipts and %d versions held by clients", len(all.receipts), len(all.versions))
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// stillThere reads acknowledged versions from the restarted server.
func stillThere(n *testNode, versions []keptVersion) {
	n.T.Helper()
	doctor := n.as("practitioner", "TREAT")
	var running sync.WaitGroup
	for some := range slices.Chunk(versions, 1+len(versions)/clients) {
		running.Go(func() {
			for _, v := range some {
				got, err := doctor.Try("GET", "/"+v.path, "")
				if err != nil || got.Status != 200 || v.body != nil && !bytes.Equal(got.Body, v.body) {
					n.T.Errorf("%s was acknowledged as %s, is %d %s (%v)", v.path, v.body, got.Status, got.Body, err)
				}
			}
		})
	}
	running.Wait()
}

// recorded looks in the stopped folder for everything that clients hold.
func recorded(t *testing.T, dir string, k *held) {
	t.Helper()
	ctx := context.Background()
	r, err := sqlite.OpenReadOnly(ctx, dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	there := map[string]bool{}
	changes, accesses := r.Logs()
	for _, log := range []ledgerbridge.Log{changes, accesses} {
		size, err := log.Size(ctx)
		if err != nil {
			t.Fatal(err)
		}
		err = log.Rows(ctx, 0, size, func(row ledgerbridge.Row) error {
			there[row.Receipt(log.Source()).String()] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, receipt := range k.receipts {
		if !there[receipt] {
			t.Errorf("a client holds %s, the log does not", receipt)
		}
	}
	for _, v := range k.versions {
		name, number, _ := strings.Cut(v.path, "/_history/")
		ref, err := fhir.ParseRef(name)
		if err != nil {
			t.Fatal(err)
		}
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.GetVersion(ctx, ref, version)
		if err != nil || v.body != nil && !bytes.Equal(got.Body, v.body) {
			t.Errorf("%s was acknowledged as %s, is %s (%v)", v.path, v.body, got.Body, err)
		}
	}
}

// verifyWith runs the command with receipts and the witness's copy.
func verifyWith(t *testing.T, dir, witness string, receipts []string) {
	t.Helper()
	args := []string{"verify", "log", "--data", dir, "--witness", filepath.Join(witness, "hospital.n1.checkpoints.log")}
	for _, r := range receipts {
		args = append(args, "--receipt", r)
	}
	var out bytes.Buffer
	if code := run(args, &out, &out); code != 0 {
		t.Errorf("verify log: exit %d\n%s", code, out.String())
	}
}
