package narrow

import (
	"io/fs"
	"testing"
)

// A mask that a rule of the house adds permits less, and one that it takes away more.
func TestMasksOfTheHouseNarrow(t *testing.T) {
	with := func(rule string) fs.FS {
		const last = `house_obligations contains "record"`
		return changed(t, "decision.rego", last, last+"\n\n"+rule)
	}
	one := with("house_obligations contains word if {\n\tlooking\n\tinput.purpose == \"HPAYMT\"\n\tsome word in [\"mask Patient.birthDate\", \"mask *.note\"]\n}")
	wider := with("house_obligations contains \"mask Patient.birthDate\" if {\n\tlooking\n\tinput.purpose == \"HPAYMT\"\n}")
	for name, c := range map[string]struct {
		before, after fs.FS
		verdict       Verdict
	}{
		"a mask more": {with(""), one, Narrower}, "fewer elements": {one, wider, Wider},
	} {
		if r := proof(t, c.before, c.after); r.Verdict != c.verdict {
			t.Errorf("%s: %s %v", name, r.Verdict, r.Why)
		}
	}
}
