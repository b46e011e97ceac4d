package search

import "testing"

func TestCutKey(t *testing.T) {
	for key, want := range map[string][2]string{
		"code=sys|c": {"code", "=sys|c"}, "¤cpt=Patient/1": {"¤cpt", "=Patient/1"}, "_id=x": {"_id", "=x"},
		"value-quantity|u": {"value-quantity", "|u"}, "plain": {"plain", ""}, "": {"", ""}, "name^=": {"name", "^="},
	} {
		if p, rest := CutKey(key); p != want[0] || rest != want[1] {
			t.Errorf("%q is %q and %q", key, p, rest)
		}
	}
}

func TestDrives(t *testing.T) {
	for key, want := range map[string]bool{
		"code=sys|c": true, "code=c": true, "code=sys|": false, "subject#sys|": false, "code?": false, "name^why?": true,
		"name^a|": true, "name!a|": true, "x=c$text|": true, "url>http://x?": true, "¤cpt=Patient/1": true,
		`code=a\|`: true, `code=a\\|`: false,
	} {
		if _, rest := CutKey(key); Drives(rest) != want {
			t.Errorf("%q drives: %v", key, !want)
		}
	}
}
