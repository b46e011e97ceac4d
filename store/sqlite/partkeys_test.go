package sqlite

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/storetest"
)

// flip stands for a real wrapping: it hides the key and needs the id to open it.
func flip(key, id []byte) ([]byte, error) {
	out := bytes.Clone(key)
	for i := range out {
		out[i] ^= id[i%len(id)] ^ 0x5a
	}
	return out, nil
}

// keysOf are the part keys of an open folder.
func keysOf(s *Store) *PartKeys { return s.PartKeys(flip, flip).(*PartKeys) }

// key is a patient's key, made if need be.
func (k *PartKeys) key(t testing.TB, patient string) ledgerbridge.Secret {
	t.Helper()
	all, err := k.Keys(t.Context(), []string{patient})
	if err != nil || len(all) != 1 || len(all[0].Key) != 32 {
		t.Fatal(all, err)
	}
	return all[0]
}

func (k *PartKeys) wantKey(t testing.TB, id string, key []byte) {
	t.Helper()
	if opened, err := k.Open(t.Context(), id); err != nil || !bytes.Equal(opened, key) {
		t.Errorf("key %s opened as %x, want %x: %v", id, opened, key, err)
	}
}

func (k *PartKeys) wantNoKey(t testing.TB, id string) {
	t.Helper()
	if _, err := k.Open(t.Context(), id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("key %s: %v", id, err)
	}
}

// sealing makes records whose parts are sealed with the folder's keys.
func sealing(t testing.TB, s *Store) *ledgerbridge.Sealer {
	t.Helper()
	secret := ledgerbridge.Secret{ID: "s", Key: make([]byte, 32)}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: storetest.Organization, Node: storetest.Node, Pseudonyms: secret,
		Requests: []ledgerbridge.Secret{secret}, Parts: keysOf(s),
	})
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// touch records that patients were read, which makes their keys durable.
func touch(t testing.TB, s *Store, patients ...string) error {
	t.Helper()
	p, err := storetest.Record(sealing(t, s), "read", "R", 200, patients...)
	if err != nil {
		return err
	}
	_, err = s.Record(t.Context(), p, store.Judged{})
	return err
}

func TestPartKeysLife(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	k := keysOf(s)
	if has, err := k.Has(t.Context(), "anna"); has || err != nil {
		t.Fatalf("a key that was never made: %v %v", has, err)
	}
	anna, ben := k.key(t, "anna"), k.key(t, "ben")
	if anna.ID == ben.ID || bytes.Equal(anna.Key, ben.Key) {
		t.Fatal(anna, ben)
	}
	for range 2 { // the second time from the file
		if again := k.key(t, "anna"); again.ID != anna.ID || !bytes.Equal(again.Key, anna.Key) {
			t.Errorf("the key became %v", again)
		}
		if has, err := k.Has(t.Context(), "anna"); !has || err != nil {
			t.Error(has, err)
		}
		k.wantKey(t, anna.ID, anna.Key)
		if err := errors.Join(s.Probe(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, options())
		k = keysOf(s)
	}
	if info, err := os.Stat(filepath.Join(dir, keysFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := errors.Join(k.Destroy(t.Context(), "anna"), k.Destroy(t.Context(), "nobody")); err != nil {
		t.Fatal(err)
	}
	k.wantNoKey(t, anna.ID)
	k.wantKey(t, ben.ID, ben.Key)
	if fresh := k.key(t, "anna"); fresh.ID == anna.ID || bytes.Equal(fresh.Key, anna.Key) {
		t.Errorf("after destruction the key is %v", fresh)
	}
}

func TestPartKeysIDs(t *testing.T) {
	k := keysOf(open(t, t.TempDir(), options()))
	for _, id := range []string{"", "x", "..", "../../secret", "../" + strings.Repeat("a", 60), strings.Repeat("a", 32) + "-" + strings.Repeat("b", 16)} {
		k.wantNoKey(t, id)
	}
}

// Those who use the folder at once have one key for a patient.
func TestPartKeysTogether(t *testing.T) {
	s := open(t, t.TempDir(), options())
	some := []*PartKeys{keysOf(s), keysOf(s), keysOf(s)}
	var wait sync.WaitGroup
	keys := make([]ledgerbridge.Secret, 32)
	for i := range keys {
		wait.Go(func() { keys[i] = some[i%3].key(t, "anna") })
	}
	wait.Wait()
	for _, k := range keys {
		if k.ID != keys[0].ID || !bytes.Equal(k.Key, keys[0].Key) {
			t.Fatalf("two keys for one patient: %v", keys)
		}
	}
}

// A wrapped key that does not fit into its place is refused, and says what to do.
func TestPartKeysThatDoNotFit(t *testing.T) {
	s := open(t, t.TempDir(), options())
	long := func(key, _ []byte) ([]byte, error) { return make([]byte, wrappedMost+1), nil }
	_, err := s.PartKeys(long, flip).Keys(t.Context(), []string{"anna"})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("has %d bytes, %d fit", wrappedMost+1, wrappedMost)) {
		t.Error(err)
	}
}

// wantNowhere fails if one of the secrets stands in a file of the folder, in any notation.
func wantNowhere(t *testing.T, dir string, secrets ...[]byte) {
	t.Helper()
	if found := whereIn(t, dir, secrets...); len(found) > 0 {
		t.Errorf("destroyed keys are left in %q", found)
	}
}

func whereIn(t *testing.T, dir string, secrets ...[]byte) (found []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		for _, secret := range secrets {
			for _, written := range [][]byte{secret, secret[:12], secret[20:], []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret))} {
				if bytes.Contains(data, written) {
					found = append(found, filepath.Base(path))
				}
			}
		}
		return err
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files: %v", files, err)
	}
	return found
}

// patients are those with the numbers from <= n < to.
func patients(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("Patient/%d", i))
	}
	return all
}

// A destroyed key is gone from the whole folder, sealed and unsealed: from the file of keys,
// both databases, their logs and everything beside them.
func TestDestroyedKeyIsNowhere(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	for i := range 10 {
		if err := touch(t, s, patients(100*i, 100*i+100)...); err != nil {
			t.Fatal(err)
		}
	}
	k, sealer := keysOf(s), sealing(t, s)
	var secrets [][]byte
	for _, i := range []int{0, 1, 500, 999} {
		patient := sealer.PatientPseudonym(fmt.Sprintf("Patient/%d", i))
		one := k.key(t, patient)
		wrapped, _ := flip(one.Key, []byte(one.ID))
		if found := whereIn(t, dir, wrapped); len(found) == 0 {
			t.Fatal("the test does not find the sealed key even before it is destroyed")
		}
		secrets = append(secrets, one.Key, wrapped)
		if err := k.Destroy(t.Context(), patient); err != nil {
			t.Fatal(err)
		}
	}
	wantNowhere(t, dir, secrets...)
	if err := touch(t, s, "Patient/500", "Patient/fresh"); err != nil { // their slots are used again
		t.Fatal(err)
	}
	wantNowhere(t, dir, secrets...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantNowhere(t, dir, secrets...)
	if s.keys.count != 2*grow+1 {
		t.Errorf("the file has %d slots for 1,000 keys", s.keys.count)
	}
}

// A key that was half written when it is destroyed does not come back, although no attempt
// to write it has succeeded.
func TestDestroyedKeyDoesNotComeBack(t *testing.T) {
	dir, o := t.TempDir(), options()
	var failing error
	o.Fault = func(op string) error {
		if op == keysFile+" sync" {
			return failing
		}
		return nil
	}
	s := open(t, dir, o)
	failing = errors.New("the disk is gone")
	wantUnavailable(t, touch(t, s, "Patient/1"))
	k, patient := keysOf(s), sealing(t, s).PatientPseudonym("Patient/1")
	one := k.key(t, patient)
	wrapped, _ := flip(one.Key, []byte(one.ID))
	if found := whereIn(t, dir, wrapped); len(found) == 0 {
		t.Fatal("nothing was written")
	}
	if err := k.Destroy(t.Context(), patient); err != nil {
		t.Fatal(err)
	}
	failing = nil
	if err := touch(t, s, "Patient/2"); err != nil {
		t.Fatal(err)
	}
	wantNowhere(t, dir, wrapped, one.Key)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	keysOf(open(t, dir, options())).wantNoKey(t, one.ID)
}

// A program that only reads the folder finds keys made since it has opened it, and not
// those that were destroyed.
func TestReaderFollowsKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	k := keysOf(s)
	r, err := OpenReadOnly(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	reader := keysOf(r)
	var all []ledgerbridge.Secret
	for i := range 20 {
		all = append(all, k.key(t, fmt.Sprint(i)))
		if err := s.keys.settle(); err != nil {
			t.Fatal(err)
		}
		reader.wantKey(t, all[i].ID, all[i].Key)
	}
	if err := k.Destroy(t.Context(), "7"); err != nil {
		t.Fatal(err)
	}
	fresh := k.key(t, "in the same slot")
	if err := s.keys.settle(); err != nil {
		t.Fatal(err)
	}
	reader.wantNoKey(t, all[7].ID)
	reader.wantKey(t, fresh.ID, fresh.Key)
	if _, err := reader.Keys(t.Context(), []string{"new"}); !errors.Is(err, errReadOnly) {
		t.Errorf("a reader made a key: %v", err)
	}
	if err := reader.Destroy(t.Context(), "0"); !errors.Is(err, errReadOnly) {
		t.Errorf("a reader destroyed a key: %v", err)
	}
}

// damage overwrites bytes of a slot.
func damage(t *testing.T, dir string, n, at int, with []byte) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, keysFile), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(with, int64(n*slotSize+at))
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a power cut left half written at the end of the file hinders nobody: neither its
// patient nor those who come later.
func TestHalfWrittenKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	if err := touch(t, s, "Patient/1", "Patient/2"); err != nil {
		t.Fatal(err)
	}
	half, _ := newSlot(ownerAndSuffix(t, sealing(t, s).PatientPseudonym("Patient/3")), bytes.Repeat([]byte{7}, 80))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damage(t, dir, 3, 0, half[:100])
	damage(t, dir, 5, 0, half[:40])
	damage(t, dir, grow+1, 0, half[:90]) // beyond the end, not even a slot
	o, told := options(), ""
	o.Report = func(m string) { told += m }
	s = open(t, dir, o)
	if !strings.Contains(told, "2 keys that were not written whole") {
		t.Errorf("told %q", told)
	}
	for i := range 8 {
		if err := touch(t, s, patients(i*grow/4, (i+1)*grow/4)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Error(all)
	}
	s = open(t, dir, options())
	k, sealer := keysOf(s), sealing(t, s)
	for i := range 2 * grow {
		if has, err := k.Has(t.Context(), sealer.PatientPseudonym(fmt.Sprintf("Patient/%d", i))); !has || err != nil {
			t.Errorf("Patient/%d has no key: %v", i, err)
		}
	}
}

func ownerAndSuffix(t *testing.T, patient string) (id keyID) {
	t.Helper()
	owner := ownerOf(patient)
	rand.Read(id[copy(id[:], owner[:]):])
	return id
}

// The check names the place of a damaged key; a patient whose key is damaged gets another
// one, and destroying it overwrites both.
func TestDamagedKeys(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, options())
	if err := errors.Join(touch(t, s, "Patient/1"), touch(t, s, "Patient/2"), s.Close()); err != nil {
		t.Fatal(err)
	}
	damage(t, dir, 1, wrappedAt+3, []byte("damaged"))
	if all := findings(t, dir); len(all) != 1 || !strings.Contains(all[0], "part.keys, table slots, row 1") {
		t.Errorf("findings %q", all)
	}
	s = open(t, dir, options())
	patient := sealing(t, s).PatientPseudonym("Patient/1")
	if err := touch(t, s, "Patient/1"); err != nil {
		t.Fatal(err)
	}
	if err := keysOf(s).Destroy(t.Context(), patient); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(dir, keysFile)); err != nil || bytes.Contains(data, []byte("damaged")) {
		t.Errorf("the damaged key was not overwritten: %v", err)
	}
	if all := findings(t, dir); len(all) > 0 {
		t.Errorf("findings %q", all)
	}
	damage(t, dir, 0, 0, []byte("x"))
	if all := findings(t, dir); len(all) != 1 || !strings.Contains(all[0], "is no file of keys of parts") {
		t.Errorf("findings %q", all)
	}
}

// What was sealed with a key that was destroyed since is not written, and the next record of
// the patient has a new key: a patient can be erased while others go on recording.
func TestNothingIsWrittenUnderADestroyedKey(t *testing.T) {
	s, err := Open(t.Context(), t.TempDir(), options())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sealer := sealing(t, s)
	prepare := func(patient string) *ledgerbridge.Pending {
		t.Helper()
		p, err := storetest.Record(sealer, "read", "R", 200, patient)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	record := func(p *ledgerbridge.Pending) error {
		_, err := s.Record(t.Context(), p, store.Judged{})
		return err
	}
	if err := record(prepare("Patient/anna")); err != nil {
		t.Fatal(err)
	}
	late, fresh, ben := prepare("Patient/anna"), prepare("Patient/cleo"), prepare("Patient/ben")
	for _, patient := range []string{"Patient/anna", "Patient/cleo"} {
		if err := keysOf(s).Destroy(t.Context(), sealer.PatientPseudonym(patient)); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []*ledgerbridge.Pending{late, fresh} {
		if err := record(p); !errors.Is(err, errDestroyed) {
			t.Errorf("a record sealed with a destroyed key: %v", err)
		}
	}
	for _, p := range []*ledgerbridge.Pending{ben, prepare("Patient/anna")} {
		if err := record(p); err != nil {
			t.Error(err)
		}
	}
}
