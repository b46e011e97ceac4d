package access

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// oldKeys are the part keys of a record that an older version wrote.
type oldKeys map[string]string

func (k oldKeys) Has(context.Context, string) (bool, error) { return false, errors.ErrUnsupported }
func (k oldKeys) Keys(context.Context, []string) ([]ledgerbridge.Secret, error) {
	return nil, fs.ErrNotExist
}
func (k oldKeys) Destroy(context.Context, string) error { return errors.ErrUnsupported }
func (k oldKeys) Open(_ context.Context, id string) ([]byte, error) {
	if k[id] == "" {
		return nil, fs.ErrNotExist
	}
	return hex.DecodeString(k[id])
}

// oldRecord is a record of version 1 about two patients, in a house that can open it.
func oldRecord(t *testing.T) (*house, record) {
	t.Helper()
	var g struct {
		Entry, Salt, Commitment, PseudonymKey string
		PartKeys                              map[string]string
		Parts                                 []struct{ Patient, Target, Key, Sealed, Salt, Commitment string }
	}
	text, err := os.ReadFile("../ledgerbridge/testdata/record-v1.json")
	if err == nil {
		err = json.Unmarshal(text, &g)
	}
	if err != nil {
		t.Fatal(err)
	}
	bytes := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	h := newHouse(t)
	h.Gate.Sealer, err = ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: oldKeys(g.PartKeys),
		Pseudonyms: ledgerbridge.Secret{ID: "pseudonyms-1", Key: bytes(g.PseudonymKey)},
		Requests:   []ledgerbridge.Secret{{ID: "requests-1", Key: bytes(g.PartKeys["requests-1"])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rec := record{log: logtest.New("clinic/n1/accesses.0"), row: ledgerbridge.Row{Entry: []byte(g.Entry)}}
	if rec.entry, err = ledgerbridge.ParseEntry(rec.row.Entry); err != nil || rec.entry.Schema != 1 {
		t.Fatalf("%+v, %v", rec.entry, err)
	}
	for _, p := range g.Parts {
		rec.row.Parts = append(rec.row.Parts, ledgerbridge.PartRow{
			Patient: p.Patient, Target: p.Target, Key: p.Key, Sealed: bytes(p.Sealed), Salt: [32]byte(bytes(p.Salt)), Commitment: [32]byte(bytes(p.Commitment)),
		})
	}
	return h, rec
}

// Records of version 1 say in the part of each patient what was asked. Once one of the
// patients is erased, neither AuditEvents nor proofs show it.
func TestOldRecordsDoNotNameTheErased(t *testing.T) {
	h, rec := oldRecord(t)
	r := h.review(h.as(agent.PrivacyOfficer, "HOPERAT"))
	query := base64.StdEncoding.EncodeToString([]byte("subject=Patient/1,Patient/2&_include=Observation:performer"))
	for _, erased := range []bool{false, true} {
		if erased {
			rec.row.Parts[1] = h.Sealer.Erasure(rec.row.Parts[1].Patient, "clinic/n1/changes.0/5").Empty(rec.row.Parts[1])
		}
		v, err := r.render(t.Context(), rec, report{})
		if err != nil {
			t.Fatal(err)
		}
		if text := string(v.Body); strings.Contains(text, query) == erased || strings.Contains(text, "Patient/1") == erased || !strings.Contains(text, "Patient/2") {
			t.Errorf("erased %v: %s", erased, text)
		}
		opened, err := r.shown(t.Context(), rec)
		if err != nil || opened[0].Empty() || opened[1].Empty() != erased || opened[2].Empty() != erased {
			t.Errorf("erased %v: a proof opens %d parts, %v", erased, len(opened), err)
		}
		own, err := r.render(t.Context(), rec, report{patient: "Patient/1"})
		if err != nil || (own == nil) != erased {
			t.Errorf("erased %v: the patient's report has %v, %v", erased, own, err)
		}
	}
}
