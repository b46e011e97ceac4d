package fabric

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	if err := s.profile().WriteTrust(dir, nil, Quorum{}); err == nil || !strings.Contains(err.Error(), "a new folder") {
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

// A folder that cannot be read is not one without members: then nobody would be asked
// for, and a record that is on no ledger would do.
func TestTrustFolderThatCannotBeRead(t *testing.T) {
	s := newScene(t, "log")
	odd := filepath.Join(t.TempDir(), "trust[1]*")
	s.must(s.profile().WriteTrust(odd, []string{s.vkey}, Quorum{1, 1}))
	s.must(os.WriteFile(filepath.Join(odd, "more.key"), []byte(s.vkey), 0o600))
	if trust, keys, err := ReadTrust(odd); err != nil || len(trust.Organizations.roots) != 2 || len(trust.Orderers.roots) != 1 || len(keys) != 2 {
		t.Errorf("a folder with an odd name: %v, %d organisations, %d keys", err, len(trust.Organizations.roots), len(keys))
	}
	for _, folder := range []string{"organizations", "orderers"} {
		dir := filepath.Join(t.TempDir(), "trust")
		s.must(s.profile().WriteTrust(dir, []string{s.vkey}, Quorum{1, 1}))
		s.must(os.RemoveAll(filepath.Join(dir, folder)))
		s.must(os.WriteFile(filepath.Join(dir, folder), nil, 0o600))
		if trust, _, err := ReadTrust(dir); err == nil {
			t.Errorf("%s cannot be listed: %d organisations, and no error", folder, len(trust.Organizations.roots))
		}
	}
}

func TestKeyTexts(t *testing.T) {
	s := newScene(t, "log")
	for name, test := range map[string]struct {
		key   chaincode.Key
		until int64
		want  string
	}{
		"all sizes":           {chaincode.Key{}, 0, ""},
		"from 5 on":           {chaincode.Key{From: 5}, 0, "@5-"},
		"below 7":             {chaincode.Key{Until: 7}, 0, "@0-6"},
		"never":               {chaincode.Key{Until: 1}, 0, "-"},
		"revoked at once":     {chaincode.Key{From: 5, Until: 5}, 0, "-"},
		"forked":              {chaincode.Key{}, 10, "@0-9"},
		"forked, added later": {chaincode.Key{From: 10}, 10, "-"},
		"forked, revoked":     {chaincode.Key{From: 3, Until: 7}, 10, "@3-6"},
		"never anchored":      {chaincode.Key{}, 1, "-"},
	} {
		test.key.Verifier = s.vkey
		got := keyTexts([]chaincode.Key{test.key}, test.until)
		if test.want == "-" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0] != s.vkey+test.want {
			t.Errorf("%s: %v", name, got)
		}
		if _, err := ledgerbridge.ParseKeys(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
