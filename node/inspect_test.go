package node

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge/fabric"
)

// What was inspected is believed if the node has signed it as that, and only then.
func TestInspectionsGoOnFromTheNodesOwnWord(t *testing.T) {
	eachStore(t, func(t *testing.T, n *verifiedNode) {
		n.work("p1")
		n.whole(false)
		r := records{log: quiet()}
		defer func() { _ = r.close() }()
		if served, err := r.keysOf(t.Context(), n.data, n.database); !served || err != nil {
			t.Fatal(served, err)
		}
		warnings := ""
		x := Extent{Say: func(text string, warn bool) { warnings += text }}
		if known := r.inspectedBefore(x); known != nil || warnings != "" {
			t.Fatalf("at first %+v, %q", known, warnings)
		}
		if err := r.keepInspected(x, &fabric.Known{Blocks: 3, Last: [32]byte{1}}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if known := r.inspectedBefore(x); known == nil || known.Blocks != 3 || known.Last != [32]byte{1} || warnings != "" {
			t.Errorf("%+v, %q", known, warnings)
		}
		signed, err := os.ReadFile(n.data.inspected())
		if err != nil {
			t.Fatal(err)
		}
		for name, forged := range map[string]string{
			"what was verified": string(n.read(t)), "more blocks": strings.Replace(string(signed), `"blocks":3`, `"blocks":9`, 1), "nothing": "",
		} {
			warnings = ""
			if err := os.WriteFile(n.data.inspected(), []byte(forged), 0o600); err != nil {
				t.Fatal(err)
			}
			if known := r.inspectedBefore(x); known != nil || !strings.Contains(warnings, "is not believed") {
				t.Errorf("%s: %+v, %q", name, known, warnings)
			}
		}
	})
	if served, err := new(records).keysOf(t.Context(), Folder(t.TempDir()), Database{}); served || err != nil {
		t.Errorf("a folder that was never served: %t, %v", served, err)
	}
}
