package fabric

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/chaincode"
)

// profile is a connection profile with the scene's authorities.
func (s *scene) profile() *Profile {
	return &Profile{
		Channel: "aceso", Chaincode: "aceso", MSP: "clinic",
		Organizations: []Organization{{MSP: "clinic", Roots: s.clinic.roots}, {MSP: "lab", Roots: s.lab.roots}},
		Orderers:      []Organization{{MSP: "orderers", Roots: s.ordering.roots}},
	}
}

// A folder written from a profile is all that is needed to verify a bundle.
func TestTrustFolder(t *testing.T) {
	s := newScene(t, "log")
	dir := filepath.Join(t.TempDir(), "trust")
	s.must(s.profile().WriteTrust(dir, []string{s.vkey}, Quorum{1, 1}))
	s.must(os.WriteFile(filepath.Join(dir, "more.key"), []byte("# of another log\n\n"+s.vkey+"@0-4\n"), 0o600))
	trust, keys, err := ReadTrust(dir)
	if err != nil || !slices.Equal(keys, []string{s.vkey + "@0-4", s.vkey}) {
		t.Fatal(keys, err)
	}
	if trust.Channel != "aceso" || trust.Chaincode != "aceso" || trust.Quorum != (Quorum{1, 1}) {
		t.Errorf("%+v", trust)
	}
	r, err := ledgerbridge.VerifyRecord(s.bundle(), keys, trust)
	if err != nil || r.Verdict != ledgerbridge.OK {
		t.Errorf("%s, %v", r.Verdict, err)
	}
	if err := s.profile().WriteTrust(dir, nil, Quorum{}); err == nil {
		t.Error("a folder that people may have compared was replaced")
	}
	s.must(os.WriteFile(filepath.Join(dir, "organizations", "lab.pem"), []byte(s.clinic.roots), 0o600))
	if _, _, err := ReadTrust(dir); err == nil {
		t.Error("one authority for two organisations")
	}
}

func TestTrustFolderWithoutAnything(t *testing.T) {
	s := newScene(t, "log")
	trust, keys, err := ReadTrust(t.TempDir())
	if err != nil || len(keys) > 0 {
		t.Fatal(keys, err)
	}
	if verdict, err := s.verify(s.bundle(), trust); err == nil || verdict != ledgerbridge.Incomplete {
		t.Errorf("%s, %v", verdict, err)
	}
	p := s.profile()
	p.Organizations[0].MSP = "../clinic"
	if err := p.WriteTrust(filepath.Join(t.TempDir(), "trust"), nil, Quorum{}); err == nil {
		t.Error("a file was written outside the folder")
	}
}

func TestKeyText(t *testing.T) {
	s := newScene(t, "log")
	for want, k := range map[string]chaincode.Key{
		s.vkey: {Verifier: s.vkey}, s.vkey + "@5-": {Verifier: s.vkey, From: 5}, s.vkey + "@0-6": {Verifier: s.vkey, Until: 7},
	} {
		keys, err := ledgerbridge.ParseKeys([]string{keyText(k)})
		if keyText(k) != want || err != nil || keys[0].From != k.From || k.Until > 0 && keys[0].To != k.Until-1 {
			t.Errorf("%+v is %s: %+v, %v", k, keyText(k), keys, err)
		}
	}
}
