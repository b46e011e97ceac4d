package canonical

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

// What is canonical here is what an independent implementation of RFC 8785 writes.
func TestSameAsAnother(t *testing.T) {
	for _, text := range []string{
		`{}`, `[]`, ` { "b" : [ 1, -2 , true,false ,null, {} ], "a":"\u0041\/\u000b\u0008é\u2028\ud83d\ude00" } `, `"x"`, `12`, `{"a":{"z":[[]],"B":0}}`,
	} {
		ours, err := JSON([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if text[0] == '"' || text[0] == '1' {
			continue // the other one knows objects and lists only
		}
		theirs, err := jcs.Transform([]byte(text))
		if err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%s: %s, the other one writes %s (%v)", text, ours, theirs, err)
		}
	}
}

// What two readers might read differently has no canonical form.
func TestAmbiguousTextIsRefused(t *testing.T) {
	for text, says := range map[string]string{
		`{"a":1,"a":2}`:          "comes twice",
		`{"ä":1}`:                "not ASCII",
		`{"a":1.5}`:              "not an integer",
		`{"a":9007199254740992}`: "not an integer",
		`{} {}`:                  "text follows",
		`[1`:                     "EOF",
		strings.Repeat("[", 40):  "more than 32 levels",
		`{"a"`:                   "EOF",
		`{"a":1`:                 "EOF",
		strings.Repeat("[", 34) + strings.Repeat("]", 34): "more than 32 levels",
	} {
		if b, err := JSON([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %s, %v, want %q", text, b, err, says)
		}
	}
}
