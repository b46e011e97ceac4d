package labels

import "testing"

// Only levels at or above that of what has no label can be the highest.
func TestAbove(t *testing.T) {
	for level, want := range map[string]string{"N": "R", "R": "V", "V": "", "M": "", "U": "", "x": "", "": ""} {
		got, err := Above(level)
		if want == "" && err == nil || want != "" && got != Confidentialities()[0]+"|"+want {
			t.Errorf("%s: %s, %v", level, got, err)
		}
	}
}

// A sensitivity is a known code, or a label with its system.
func TestSensitivity(t *testing.T) {
	for word, want := range map[string]string{
		"PSY": ActCodes()[0] + "|PSY", "urn:own|x": "urn:own|x", "_InformationSensitivityPolicy": ActCodes()[0] + "|_InformationSensitivityPolicy",
		"PYS": "", "": "", "|x": "", "urn:own|": "",
	} {
		if got, err := Sensitivity(word); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
}
