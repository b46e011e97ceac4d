package node

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/node/nodetest"
)

// What the usual ward has.
var (
	wardCode   = nodetest.WardCode
	wardID     = nodetest.WardID
	perPatient = nodetest.UsualWard.PerPatient()
	visits     = nodetest.UsualWard.Visits
	perVisit   = nodetest.UsualWard.PerVisit
)

// ward is the usual ward in a node.
type ward struct {
	n        *testNode
	patients int
	created  atomic.Int64
}

// fill adds patients until there are size resources, one transaction for each.
func (w *ward) fill(b *testing.B, size int) {
	b.Helper()
	system := w.n.as("system", "HOPERAT")
	start, before := time.Now(), w.patients
	var group errgroup.Group
	group.SetLimit(4)
	for ; w.patients < size/perPatient; w.patients++ {
		bundle := nodetest.UsualWard.Bundle(w.patients)
		group.Go(func() error {
			r, err := system.Try(http.MethodPost, "", bundle)
			if err == nil && r.Status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", r.Status, r.Body)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	added := (w.patients - before) * perPatient
	b.Logf("%d resources, %d of them added with %.0f/s", w.patients*perPatient, added, float64(added)/time.Since(start).Seconds())
}

// requests are what is measured; each request concerns another patient, all over the ward.
func (w *ward) requests() []namedRequest {
	doctors := staff(w.n)
	patient := func(i int64) int { return int(i * 2_654_435_761 % int64(w.patients)) }
	return []namedRequest{
		{"GET by id", func(i int64) string {
			v, o := int(i)%visits, int(i)%perVisit
			return nodetest.GetRequest(doctors(i), "/Observation/"+wardID(patient(i), "visit", v, "observation", o))
		}},
		{"search patient and code", func(i int64) string {
			return nodetest.GetRequest(doctors(i), "/Observation?patient=Patient/"+wardID(patient(i))+"&code=http://loinc.org|"+wardCode(int(i)))
		}},
		{"create", func(i int64) string {
			number := int(w.created.Add(1))
			p := patient(i)
			body := nodetest.WardObservation("x", wardID(p), wardID(p, "visit", number%visits), number%30, time.Date(2025, 1, 1+number%300, 0, 0, 0, 0, time.UTC))
			body = strings.Replace(body, `"id":"x",`, "", 1)
			return nodetest.PostRequest(doctors(i), "/Observation", body)
		}},
	}
}

type namedRequest struct {
	name    string
	request func(i int64) string
}
