package fabric_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

var update = flag.Bool("update", false, "write testdata/anchored-v1.json anew, from a real network: only for a new version of the format")

// golden is a bundle that a real network of three organisations gave, with all that
// is needed to verify it. It has to verify for ever.
type golden struct {
	Bundle        string            `json:"bundle"`
	Keys          []string          `json:"keys"`
	Channel       string            `json:"channel"`
	Organizations map[string]string `json:"organizations"` // MSP: roots, PEM
	Orderers      map[string]string `json:"orderers"`
}

const goldenFile = "testdata/anchored-v1.json"

func writeGolden(t *testing.T, bundle []byte, keys []string, p *fabric.Profile) {
	t.Helper()
	g := golden{Bundle: string(bundle), Keys: keys, Channel: p.Channel, Organizations: map[string]string{}, Orderers: map[string]string{}}
	for _, o := range p.Organizations {
		g.Organizations[o.MSP] = o.Roots
	}
	for _, o := range p.Orderers {
		g.Orderers[o.MSP] = o.Roots
	}
	text := must(json.MarshalIndent(g, "", "  "))
	if err := os.WriteFile(goldenFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGoldenAnchor(t *testing.T) {
	var g golden
	if err := json.Unmarshal(must(os.ReadFile(goldenFile)), &g); err != nil {
		t.Fatal(err)
	}
	trust := &fabric.Trust{Channel: g.Channel}
	for msp, roots := range g.Organizations {
		if err := trust.Organizations.Add(msp, roots); err != nil {
			t.Fatal(err)
		}
	}
	for msp, roots := range g.Orderers {
		if err := trust.Orderers.Add(msp, roots); err != nil {
			t.Fatal(err)
		}
	}
	r, err := ledgerbridge.VerifyRecord([]byte(g.Bundle), g.Keys, trust)
	if err != nil || r.Verdict != ledgerbridge.OK {
		t.Fatalf("%s, %v", r.Verdict, err)
	}
	if r.Entry.Source != "org1/n1/changes.0" || r.Entry.Seq != 5 || r.Anchor.Size != 8 {
		t.Errorf("%+v, %+v", r.Entry, r.Anchor)
	}
	if err := independent([]byte(g.Bundle), g.Organizations, g.Orderers); err != nil {
		t.Errorf("the independent verifier refuses it: %v", err)
	}
	bothRefuse(t, g, trust)
}

// bothRefuse changes the evidence here and there. The independent verifier does not
// insist on one encoding, so it lets a few pass that change nothing.
func bothRefuse(t *testing.T, g golden, trust *fabric.Trust) {
	t.Helper()
	from := strings.Index(g.Bundle, `"evidence"`)
	to := strings.LastIndex(g.Bundle, `,"commitment":`)
	ours, theirs := 0, 0
	for at := from; at < to; at += 31 {
		bad := []byte(g.Bundle)
		bad[at] = 'A'
		if bad[at] == g.Bundle[at] {
			bad[at] = 'B'
		}
		if _, err := ledgerbridge.VerifyRecord(bad, g.Keys, trust); err != nil {
			ours++
		} else {
			t.Errorf("byte %d changed and accepted", at)
		}
		if independent(bad, g.Organizations, g.Orderers) != nil {
			theirs++
		}
	}
	if ours == 0 || theirs < ours*9/10 {
		t.Errorf("%d changes were refused here, %d by the independent verifier", ours, theirs)
	}
}
