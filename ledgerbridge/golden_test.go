package ledgerbridge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"testing"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
)

var update = flag.Bool("update", false, "write the last golden file anew: only for a new version of the format")

// goldenFiles hold a record of each version of the format.
var goldenFiles = []string{"testdata/record-v1.json", "testdata/record-v2.json", "testdata/record-v3.json"}

// golden is one record with everything that docs/record-format.md says about it.
// Whatever a later program changes, it must go on reading this.
type golden struct {
	Trusted      string            `json:"trusted"`
	Entry        string            `json:"entry"`
	Salt         string            `json:"salt"`
	Commitment   string            `json:"commitment"`
	Leaf         string            `json:"leaf"`
	Receipt      string            `json:"receipt"`
	Parts        []goldenPart      `json:"parts"`
	PartKeys     map[string]string `json:"partKeys"`
	Pseudonyms   map[string]string `json:"pseudonyms"`
	PseudonymKey string            `json:"pseudonymKey"`
	ContentRoot  string            `json:"contentRoot"`
	Checkpoint   string            `json:"checkpoint"`
	Bundle       string            `json:"bundle"`
}

type goldenPart struct {
	Patient    string `json:"patient"`
	Target     string `json:"target"`
	Key        string `json:"key"`
	Sealed     string `json:"sealed"`
	Salt       string `json:"salt"`
	Commitment string `json:"commitment"`
}

// fixedKeys are part keys that a test states.
type fixedKeys map[string]string

func (k fixedKeys) Has(context.Context, string) (bool, error) { return false, fs.ErrInvalid }
func (k fixedKeys) Keys(context.Context, []string) ([]ledgerbridge.Secret, error) {
	return nil, fs.ErrInvalid
}
func (k fixedKeys) Open(_ context.Context, id string) ([]byte, error) {
	if text, ok := k[id]; ok {
		return hex.DecodeString(text)
	}
	return nil, fs.ErrNotExist
}
func (k fixedKeys) Destroy(context.Context, string) error { return fs.ErrInvalid }

func writeGolden(t *testing.T) {
	n := newNode(t)
	n.add(3)
	d := search()
	d.Target = "Patient/1"
	d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: ledgerbridge.Everyone, More: 7})
	d.Input = asked("Patient/1", "", "Organization/3").Input
	if _, err := n.log.Append(prepare(t, n.sealer, d)); err != nil {
		t.Fatal(err)
	}
	n.add(1)
	j := n.journal()
	c := checkpoint(t, j)
	row := n.rows()[3]
	g := golden{
		Trusted: n.vkey, Entry: string(row.Entry), Salt: hex.EncodeToString(row.Salt[:]),
		Commitment: hex.EncodeToString(row.Commitment[:]), Receipt: row.Receipt(source).String(),
		PartKeys: map[string]string{"requests-1": hex.EncodeToString(bytes.Repeat([]byte{2}, 32))},
		Pseudonyms: map[string]string{
			"agent Practitioner/12": n.sealer.AgentPseudonym("Practitioner/12"),
			"patient Patient/1":     n.sealer.PatientPseudonym("Patient/1"),
			"target Patient/1":      n.sealer.TargetPseudonym("Patient/1"),
		},
		PseudonymKey: hex.EncodeToString(bytes.Repeat([]byte{1}, 32)),
		Checkpoint:   string(c.Note), Bundle: string(n.bundle(j, 3, 0, 1, 3, 4, 5)),
	}
	leaf := sha256.Sum256(append([]byte{0}, row.Commitment[:]...))
	g.Leaf = hex.EncodeToString(leaf[:])
	content := ledgerbridge.ContentRoot(goldenItems())
	g.ContentRoot = hex.EncodeToString(content[:])
	for _, p := range row.Parts {
		g.Parts = append(g.Parts, goldenPart{p.Patient, p.Target, p.Key, hex.EncodeToString(p.Sealed), hex.EncodeToString(p.Salt[:]), hex.EncodeToString(p.Commitment[:])})
		if p.Patient != "" && p.Patient != "asked" {
			key, err := n.keys.Open(context.Background(), p.Key)
			if err != nil {
				t.Fatal(err)
			}
			g.PartKeys[p.Key] = hex.EncodeToString(key)
		}
	}
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(goldenFiles[len(goldenFiles)-1], append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readGolden(t testing.TB, file string) (g golden) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *golden) row(t *testing.T) ledgerbridge.Row {
	t.Helper()
	e, err := ledgerbridge.ParseEntry([]byte(g.Entry))
	if err != nil {
		t.Fatal(err)
	}
	row := ledgerbridge.Row{Seq: e.Seq, Time: e.Time, Entry: []byte(g.Entry), Agent: e.Agent, Action: e.Action, Outcome: int(e.Outcome)}
	copy(row.Salt[:], unhex(g.Salt))
	copy(row.Commitment[:], unhex(g.Commitment))
	for _, p := range g.Parts {
		row.Parts = append(row.Parts, ledgerbridge.PartRow{
			Patient: p.Patient, Target: p.Target, Key: p.Key, Sealed: unhex(p.Sealed),
			Salt: [32]byte(unhex(p.Salt)), Commitment: [32]byte(unhex(p.Commitment)),
		})
	}
	return row
}

func goldenItems() []ledgerbridge.Item {
	return []ledgerbridge.Item{
		{Ref: "Patient/1", Version: 1, Method: "POST", Hash: fhir.Hash(sha256.Sum256([]byte("a")))},
		{Ref: "Observation/7", Version: 2, Method: "PUT", Hash: fhir.Hash(sha256.Sum256([]byte("b")))},
		{Ref: "Observation/8", Version: 3, Method: "DELETE"},
	}
}

func TestGoldenRecord(t *testing.T) {
	if *update {
		writeGolden(t)
	}
	for _, file := range goldenFiles {
		t.Run(file, func(t *testing.T) { testGolden(t, readGolden(t, file)) })
	}
}

func testGolden(t *testing.T, g golden) {
	keys := fixedKeys(g.PartKeys)
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: keys,
		Pseudonyms: ledgerbridge.Secret{ID: "pseudonyms-1", Key: unhex(g.PseudonymKey)},
		Requests:   []ledgerbridge.Secret{{ID: "requests-1", Key: unhex(g.PartKeys["requests-1"])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := ledgerbridge.ParseEntry([]byte(g.Entry))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.AppendJSON(nil); err != nil || string(again) != g.Entry {
		t.Errorf("the entry is written as %s, %v", again, err)
	}
	row := g.row(t)
	if err := ledgerbridge.CheckRow(e.Source, e.Seq, &row); err != nil {
		t.Error(err)
	}
	if err := sealer.CheckParts(context.Background(), e.Source, &row); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		sealer.AgentPseudonym("Practitioner/12"): g.Pseudonyms["agent Practitioner/12"],
		sealer.PatientPseudonym("Patient/1"):     g.Pseudonyms["patient Patient/1"],
		sealer.TargetPseudonym("Patient/1"):      g.Pseudonyms["target Patient/1"],
		row.Receipt(e.Source).String():           g.Receipt,
	} {
		if name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
	if root := ledgerbridge.ContentRoot(goldenItems()); hex.EncodeToString(root[:]) != g.ContentRoot {
		t.Errorf("content root %x", root)
	}
	if _, err := ledgerbridge.VerifyCheckpoint([]byte(g.Checkpoint), parseKeys(t, g.Trusted)); err != nil {
		t.Error(err)
	}
	if r, err := ledgerbridge.VerifyRecord([]byte(g.Bundle), []string{g.Trusted}, nil); err != nil || r.Receipt.String() != g.Receipt {
		t.Errorf("%+v, %v", r, err)
	}
	if err := independent([]byte(g.Bundle), g.Trusted); err != nil {
		t.Error(err)
	}
	if e.Schema > 1 {
		if err := independentQuestion(g, e.Query, e.Target); err != nil {
			t.Error(err)
		}
	}
}
