package mongo

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// key is a patient's key, made if need be.
func key(t testing.TB, k ledgerbridge.PartKeys, patient string) ledgerbridge.Secret {
	t.Helper()
	all, err := k.Keys(t.Context(), []string{patient})
	if err != nil || len(all) != 1 || len(all[0].Key) != 32 {
		t.Fatal(all, err)
	}
	return all[0]
}

// durableKey is key after the key has been written, or that of another node found.
func durableKey(t testing.TB, s *Store, k ledgerbridge.PartKeys, patient string) ledgerbridge.Secret {
	t.Helper()
	key(t, k, patient)
	if err := s.settleKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	return key(t, k, patient)
}

func TestPartKeys(t *testing.T) {
	nodes := openNodes(t)
	var keys []ledgerbridge.PartKeys
	for _, n := range nodes {
		keys = append(keys, n.PartKeys(wrap, unwrap))
	}
	ctx := t.Context()
	if has, err := keys[0].Has(ctx, "anna"); has || err != nil {
		t.Errorf("a key that nobody made: %v %v", has, err)
	}
	all := make([]ledgerbridge.Secret, 12)
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i] = durableKey(t, nodes[i%3].Store, keys[i%3], "anna") })
	}
	wait.Wait()
	for _, k := range all {
		if k.ID != all[0].ID || !bytes.Equal(k.Key, all[0].Key) {
			t.Errorf("two nodes made keys of their own for one patient: %v", all)
		}
	}
	if has, err := keys[1].Has(ctx, "anna"); !has || err != nil {
		t.Error(has, err)
	}
	if key, err := keys[2].Open(ctx, all[0].ID); err != nil || !bytes.Equal(key, all[0].Key) {
		t.Errorf("open: %x %v", key, err)
	}
	if err := keys[1].Destroy(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{all[0].ID, "", "x", "x-y", all[0].ID + "0"} {
		if _, err := keys[0].Open(ctx, id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", id, err)
		}
	}
	if next := durableKey(t, nodes[1].Store, keys[1], "anna"); next.ID == all[0].ID {
		t.Errorf("the next key is %s again", next.ID)
	}
}

// Two nodes that make a key for the same new patient at once end up with one: what one of
// them has sealed with the other key is not written, and is sealed again.
func TestOneKeyForAPatientOfTwoNodes(t *testing.T) {
	nodes := openNodes(t)
	var sealers []*ledgerbridge.Sealer
	var pending []*ledgerbridge.Pending
	for _, n := range nodes {
		sealers = append(sealers, sealerWith(t, n.PartKeys(wrap, unwrap)))
		p, err := storetest.Record(sealers[len(sealers)-1], "read", "R", 200, "Patient/new")
		if err != nil {
			t.Fatal(err)
		}
		pending = append(pending, p)
	}
	for i, n := range nodes {
		_, err := n.Record(t.Context(), pending[i], store.Judged{})
		if i == 0 && err != nil || i > 0 && !errors.Is(err, store.ErrChanged) {
			t.Errorf("node %d: %v", i, err)
		}
		if i == 0 {
			continue
		}
		again, err := storetest.Record(sealers[i], "read", "R", 200, "Patient/new")
		if err == nil {
			_, err = n.Record(t.Context(), again, store.Judged{})
		}
		if err != nil {
			t.Errorf("node %d, again: %v", i, err)
		}
	}
	ids := map[string]bool{}
	for _, n := range nodes {
		_, log := n.Logs()
		err := log.Rows(t.Context(), 0, 10, func(r ledgerbridge.Row) error {
			for _, p := range r.Parts {
				if p.Patient != "" {
					ids[p.Key] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if len(ids) != 1 {
		t.Errorf("keys %v", ids)
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
		key := sha256.Sum256([]byte(t.Name() + id)) // the same on all nodes
		return ledgerbridge.Secret{ID: id, Key: key[:]}
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
