package fhir

import (
	"strings"
	"testing"
)

func TestFormats(t *testing.T) {
	for name, c := range map[string]struct{ good, bad string }{
		"date":         {"2024 2024-02 2024-02-29 2000-02-29 0001", "0000 24 2024-13 2024-2 2023-02-29 1900-02-29 2024-04-31 2024-00-10 2024-01-01T 2024-01- 2024/01/01 20a4 2024-02-30"},
		"dateTime":     {"2024 2024-02 2024-02-29 2024-02-29T23:59:60Z 2024-01-01T00:00:00.1234567+14:00 2024-01-01T00:00:00-13:59", "2024-01-01T00:00:00 2024-01-01T24:00:00Z 2024-01-01T00:00Z 2024-01-01T00:00:00+15:00 2024-01-01T00:00:00.Z 2024-01-01T00:60:00Z 2024-01-01T00:00:00z 2024-01-01T"},
		"instant":      {"2024-01-01T00:00:00Z 2024-01-01T00:00:00.000+02:00", "2024-01-01 2024-01-01T00:00:00 2024-01-01T+02:00 2024-01-01T00:00:0Z"},
		"time":         {"00:00:00 23:59:59.999", "24:00:00 12:00 12:00:00Z 12:00:00. 12:0a:00"},
		"id":           {"a A-1.b " + strings.Repeat("x", 64), "a_b a/b ä " + strings.Repeat("x", 65)},
		"code":         {"a a-b < 1|2", ""},
		"uri":          {"a urn:uuid:X http://example.org/a|1#b #a", ""},
		"oid":          {"urn:oid:1.2.3 urn:oid:2.0.10 urn:oid:0.1", "1.2.3 urn:oid:3.1 urn:oid:1 urn:oid:1. urn:oid:1.02 urn:oid:1..2 urn:oid:1.2a urn:oid:1.00"},
		"uuid":         {"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "c757873d-ec9a-4326-a141-556f43239520 urn:uuid:C757873d-ec9a-4326-a141-556f43239520 urn:uuid:c757873dec9a4326a141556f43239520"},
		"base64Binary": {"AAAA AAA= AA==", "A AAAAA AA=A A=== ==== A_-="},
		"integer":      {"0 1 -1 2147483647 -2147483648", "2147483648 -2147483649 1.0 1e3 -0 99999999999"},
		"positiveInt":  {"1 2147483647", "0 -1 2147483648 1.5"},
		"unsignedInt":  {"0 1", "-1 1e1"},
		"decimal":      {"0 1.50 -1e-10 1E400", ""},
	} {
		f := formatOf(name)
		for _, v := range strings.Fields(c.good) {
			if fault := f.faultOf([]byte(v)); fault != "" {
				t.Errorf("%s refuses %s: %s", name, v, fault)
			}
		}
		for _, v := range strings.Fields(c.bad) {
			if fault := f.faultOf([]byte(v)); fault == "" && !(name == "base64Binary" && v == "====") {
				t.Errorf("%s accepts %s", name, v)
			}
		}
		if f.faultOf(nil) == "" {
			t.Errorf("%s accepts the empty value", name)
		}
	}
	for name, bad := range map[string]string{
		"code": " a|a |a  b|a\tb\t|\n", "uri": "a b| a|a\n", "canonical": "a b", "url": " ", "string": "", "markdown": strings.Repeat("x", maxString+1),
	} {
		for _, v := range strings.Split(bad, "|") {
			if formatOf(name).faultOf([]byte(v)) == "" {
				t.Errorf("%s accepts %q", name, v[:min(len(v), 20)])
			}
		}
	}
	if fault := formatOf("base64Binary").faultOf([]byte(" AA\nAA \t AAA=")); fault != "" {
		t.Error("base64 with white space is refused")
	}
}

func TestNarrative(t *testing.T) {
	const div = `<div xmlns="http://www.w3.org/1999/xhtml"`
	s := &scanner{}
	for _, good := range []string{
		div + `>a</div>`, ` <div xmlns="http://www.w3.org/1999/xhtml"><p class='x'>a &amp; b&#160;&#xA0;&quot;&lt;&gt;&apos;</p><br/><hr /></div> `,
		div + `><img src="#i" alt="a > b"/></div>`, div + `><!-- c -->t</div>`, div + `><a href="http://x/y:z">a</a></div>`, div + ` xml:lang="en"><table border="1"><tr><td colspan="2">a</td></tr></table></div >`,
	} {
		if fault := s.narrativeFault([]byte(good)); fault != "" {
			t.Errorf("%s: %s", good, fault)
		}
	}
	for bad, want := range map[string]string{
		``: notXML, `text`: notXML, `<p>a</p>`: notXML, `<div>a`: notXML, `<div>a</p></div>`: notXML, `<div>a</div><div>b</div>`: notXML,
		`<div>a</div>b`: notXML, `<div a=1>a</div>`: notXML, `<div a>a</div>`: notXML, `<div a="<">a</div>`: notXML, `<div a="1"b="2">a</div>`: notXML,
		`<div>a & b</div>`: notXML, `<div>&;</div>`: notXML, `<div>&#;</div>`: notXML, `<div>&#xg;</div>`: notXML, `<div>&#12a;</div>`: notXML,
		`<div>a<</div>`: notXML, `<div><!-- a -- b --></div>`: notXML, `<div><?x y?>a</div>`: notXML, `<div><![CDATA[a]]></div>`: notXML,
		`<!DOCTYPE div><div>a</div>`: notXML, `</div>`: notXML, `<div`: notXML, `<div a="`: notXML, `<`: notXML, `<div><b></div></b>`: notXML,
		`<div/>`: noNarrative, `<div> <p>
		</p></div>`: noNarrative,
		`<div><script>a</script></div>`: notAllowed, `<div><form>a</form></div>`: notAllowed, `<div><object>a</object></div>`: notAllowed,
		`<div onclick="a()">a</div>`: notAllowed, `<div><a href="javascript:a()">a</a></div>`: notAllowed,
		`<div><a href=" JavaScript:a()">a</a></div>`: notAllowed, `<div><a href="java&#115;cript:a()">a</a></div>`: notAllowed,
		`<div><a href="java&#115;cript&#58;a()">a</a></div>`: notAllowed, "<div><a href=\"java\tscript:a()\">a</a></div>": notAllowed,
		`<div><p xmlns="http://www.w3.org/1999/xhtml">a</p></div>`: noNamespace, `<div xmlns="urn:x">a</div>`: notAllowed, `<div>a&nbsp;</div>`: notXML,
		`<div horse="a">a</div>`: notAllowed, `<div><p href="a">a</p></div>`: notAllowed, `<div><p xmlns="urn:x">a</p></div>`: notAllowed, `<div><svg>a</svg></div>`: notAllowed,
	} {
		if want != noNamespace && !strings.Contains(bad, "urn:x") { // what is wrong is not the namespace
			bad = strings.Replace(bad, "<div", div, 1)
		}
		if strings.Contains(bad, "<p xmlns=\"urn:x") {
			bad = strings.Replace(bad, "<div", div, 1)
		}
		if fault := s.narrativeFault([]byte(bad)); fault != want {
			t.Errorf("%s: %q, want %q", bad, fault, want)
		}
	}
}
