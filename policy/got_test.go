package policy

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
)

// A test that fails says which line of it does not hold, and with what values.
func TestAFailedTestSaysWhatItGot(t *testing.T) {
	files := fstest.MapFS{}
	s, err := readSource(Base())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range s.files() {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	files["zz_test.rego"] = &fstest.MapFile{Data: []byte(`package aceso.access_test

import data.aceso.access.decision

test_wrong if {
	d := decision with input as {"agent": {}}
	d.reason == "local-permit"
}
`)}
	report, err := Test(context.Background(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range report.Tests {
		if strings.HasSuffix(one.Name, "test_wrong") != !one.Passed {
			t.Errorf("%+v", one)
		}
		if !one.Passed && (!strings.Contains(one.Got, `d.reason == "local-permit"`) || !strings.Contains(one.Got, "role-unknown")) {
			t.Errorf("got %q", one.Got)
		}
	}
}
