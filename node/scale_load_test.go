package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/keyring"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// hospital is a ward of a size, under a name that a folder may have.
type hospital struct {
	nodetest.Ward
	name     string
	patients int
}

// usualHospital has so many resources, of whose patients some have Consents.
func usualHospital(size int) hospital {
	w := nodetest.UsualWard
	w.Consents = nodetest.WardConsents(nodetest.UsualResearch)
	return hospital{w, fmt.Sprint(size), size / perPatient}
}

// sharedHospital is a small one in which a researcher sees as many rows as in a usual one
// of the size: the same pages.
func sharedHospital(size int) hospital {
	w := nodetest.UsualWard
	w.Consents = nodetest.WardConsents(max(1, nodetest.UsualResearch*smallSize/size))
	return hospital{w, fmt.Sprintf("%d-as-%d", smallSize, size), smallSize / perPatient}
}

// places are where hospitals are loaded.
type places struct {
	root     string // of the folders, those of a database, too
	database bool   // of its own for each hospital
}

// open starts a node with a hospital, which is loaded unless it is there.
func (p places) open(b *testing.B, h hospital) *testNode {
	b.Helper()
	at := Place{Folder: filepath.Join(p.root, h.name)}
	if p.database {
		uri, _ := mongotest.Database(b)
		at = Place{Folder: b.TempDir(), Database: Database{URI: uri, MasterKey: filepath.Join(b.TempDir(), "master.key")}}
		if _, err := keyring.CreateMaster(at.Database.MasterKey); err != nil {
			b.Fatal(err)
		}
		p.load(b, h, at)
	} else if _, err := os.Stat(at.Folder); errors.Is(err, os.ErrNotExist) {
		part := Place{Folder: at.Folder + ".part"}
		if err := os.RemoveAll(part.Folder); err != nil {
			b.Fatal(err)
		}
		p.load(b, h, part)
		if err := os.Rename(part.Folder, at.Folder); err != nil {
			b.Fatal(err)
		}
	}
	n := startNode(b, at.Folder, func(_ *Node, o *Options) { o.Database, o.Rate = at.Database, UsualRate })
	n.database = at.Database
	return n
}

// load writes a hospital as a copy of a node without data would.
func (p places) load(b *testing.B, h hospital, to Place) {
	b.Helper()
	start := time.Now()
	empty := startNode(b, b.TempDir())
	empty.stop()
	identity, err := empty.data.Identity()
	if err != nil {
		b.Fatal(err)
	}
	m := moving{records: records{log: quiet()}, from: empty.data, node: identity}
	if err = m.openOriginal(b.Context(), Database{}); err == nil {
		err = m.openTarget(b.Context(), to)
	}
	if err == nil {
		err = h.write(b.Context(), m.target)
	}
	if err == nil {
		err = m.finish(b.Context())
	}
	if err = errors.Join(err, m.close()); err != nil {
		b.Fatal(err)
	}
	size := h.patients * h.PerPatient()
	fmt.Printf("%s: %d resources of %d patients loaded with %.0f/s\n", h.name, size, h.patients, float64(size)/time.Since(start).Seconds())
}

// together is how many resources are written in one transaction: more of them change more
// rows of a page of an index while it is at hand.
const together = 20_000

// write writes everything, made beside in portions.
func (h hospital) write(ctx context.Context, to store.Target) (err error) {
	portion := max(1, together/h.PerPatient())
	var made errgroup.Group
	ready := make(chan chan []store.Stored, 2)
	made.Go(func() error {
		defer close(ready)
		for first := 0; first < h.patients; first += portion {
			batch := make(chan []store.Stored, 1)
			ready <- batch
			made.Go(func() error {
				all, err := h.versions(first, min(first+portion, h.patients))
				batch <- all
				return err
			})
		}
		return nil
	})
	for batch := range ready {
		if all := <-batch; err == nil {
			err = to.AddVersions(ctx, all)
		}
	}
	return errors.Join(err, made.Wait())
}

// versions is all that some patients have.
func (h hospital) versions(first, end int) (all []store.Stored, err error) {
	const most = 200 // documents of a patient
	for p := first; p < end; p++ {
		for i, text := range h.Documents(p) {
			one, err := storedOnce(text, int64(p)*most+int64(i))
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// storedOnce is the first version of a document, the n-th to be written.
func storedOnce(text string, n int64) (v store.Stored, err error) {
	at := time.UnixMilli(1_750_000_000_000 + n).UTC()
	text = strings.Replace(text, `,"id":`, fmt.Sprintf(`,"meta":{"versionId":"1","lastUpdated":"%s"},"id":`, at.Format("2006-01-02T15:04:05.000Z")), 1)
	doc, err := fhir.Open([]byte(text))
	if err != nil {
		return v, err
	}
	v.Ref = fhir.Ref{Type: doc.Type(), ID: doc.ID()}
	v.Version.Version, v.LastUpdated, v.Method, v.Owner, v.Seq = 1, at, http.MethodPut, "hospital", n
	v.Body, v.Hash = doc.Bytes(), sha256.Sum256(doc.Bytes())
	v.Stamp, v.Base = (at.UnixMilli()+1)<<store.StampShift, "http://127.0.0.1/fhir"
	v.Index, v.Facts, err = search.Describe(doc, v.Base)
	return v, err
}
