package mongo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// wrap stands in for the keyring.
func wrap(key, context []byte) ([]byte, error) { return append(bytes.Clone(context), key...), nil }

func unwrap(wrapped, context []byte) ([]byte, error) {
	key, ok := bytes.CutPrefix(wrapped, context)
	if !ok {
		return nil, errors.New("wrapped for another key")
	}
	return key, nil
}

func TestPartKeys(t *testing.T) {
	nodes := openNodes(t)
	var keys []ledgerbridge.PartKeys
	for _, n := range nodes {
		keys = append(keys, n.PartKeys(wrap, unwrap))
	}
	ctx := t.Context()
	if _, _, err := keys[0].Key(ctx, "anna", false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key that nobody made: %v", err)
	}
	ids, values := make([]string, 12), make([][]byte, 12)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			var err error
			if ids[i], values[i], err = keys[i%3].Key(ctx, "anna", true); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for i := range ids {
		if ids[i] != ids[0] || !bytes.Equal(values[i], values[0]) || len(values[i]) != 32 {
			t.Errorf("two nodes made keys of their own for one patient: %v", ids)
		}
	}
	if key, err := keys[2].Open(ctx, ids[0]); err != nil || !bytes.Equal(key, values[0]) {
		t.Errorf("open: %x %v", key, err)
	}
	if err := keys[1].Destroy(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ids[0], "", "x", "x-y", ids[0] + "0"} {
		if _, err := keys[0].Open(ctx, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", id, err)
		}
	}
	if id, _, err := keys[1].Key(ctx, "anna", true); err != nil || id == ids[0] {
		t.Errorf("the next key is %s, after %s: %v", id, ids[0], err)
	}
}

// What was sealed with a key that another node has destroyed since is not written,
// and the next record of the patient has a new key.
func TestDestroyedKeyIsNotUsed(t *testing.T) {
	nodes := openNodes(t)
	other := nodes[1].PartKeys(wrap, unwrap)
	sealer := sealerWith(t, other)
	prepare := func(patient string) *ledgerbridge.Pending {
		t.Helper()
		p, err := storetest.Record(sealer, "read", "R", 200, patient)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	record := func(p *ledgerbridge.Pending) error {
		_, err := nodes[1].Record(context.Background(), p, store.Judged{})
		return err
	}
	if err := record(prepare("Patient/anna")); err != nil {
		t.Fatal(err)
	}
	before, late, ben := prepare("Patient/anna"), prepare("Patient/anna"), prepare("Patient/ben")
	if err := nodes[0].PartKeys(wrap, unwrap).Destroy(t.Context(), sealer.PatientPseudonym("Patient/anna")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*ledgerbridge.Pending{before, late} {
		var known *fhir.Error
		if err := record(p); !errors.As(err, &known) || known.Kind != fhir.Unavailable {
			t.Errorf("a record sealed with a destroyed key: %v", err)
		}
	}
	for _, p := range []*ledgerbridge.Pending{ben, prepare("Patient/anna")} {
		if err := record(p); err != nil {
			t.Error(err)
		}
	}
	_, log := nodes[1].Logs()
	anna, lost := sealer.PatientPseudonym("Patient/anna"), 0
	err := log.Rows(t.Context(), 0, 10, func(r ledgerbridge.Row) error {
		for _, p := range r.Parts {
			if _, err := other.Open(t.Context(), p.Key); p.Patient == anna && err != nil {
				lost++
			}
		}
		return nil
	})
	if err != nil || lost != 1 {
		t.Errorf("%d parts cannot be opened, want that of the first record: %v", lost, err)
	}
}

func sealerWith(t *testing.T, parts ledgerbridge.PartKeys) *ledgerbridge.Sealer {
	t.Helper()
	secret := func(id string) ledgerbridge.Secret {
		s := ledgerbridge.Secret{ID: id, Key: make([]byte, 32)}
		rand.Read(s.Key)
		return s
	}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: storetest.Organization, Node: "n2", Pseudonyms: secret("pseudonyms-1"),
		Requests: []ledgerbridge.Secret{secret("requests-1")}, Parts: parts,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}
