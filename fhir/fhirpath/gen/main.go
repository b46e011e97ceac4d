// Command gen writes the official test cases of FHIRPath and FHIRPath Patch for R4 as
// facts: expression, input, what is expected, and the inputs as JSON.
//
// To run it, set FHIRPATH_CASES to the folder with tests-fhir-r4.xml, fhir-patch-tests.xml
// (github.com/FHIR/fhir-test-cases, r4/fhirpath and r4/patch) and their inputs, and call
// go generate. It does not download anything.
package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "folder with the cases")
	out := flag.String("out", "testdata", "folder for the cases of FHIRPath")
	patches := flag.String("patches", "../patch/testdata", "folder for those of FHIRPath Patch")
	flag.Parse()
	if err := run(*from, *out, *patches); err != nil {
		log.Fatal(err)
	}
}

func run(from, out, patches string) error {
	if err := expressions(from, out); err != nil {
		return err
	}
	return patchCases(from, patches)
}

// suite is tests-fhir-r4.xml.
type suite struct {
	Groups []struct {
		Name  string `xml:"name,attr"`
		Tests []struct {
			Name       string `xml:"name,attr"`
			Input      string `xml:"inputfile,attr"`
			Predicate  string `xml:"predicate,attr"`
			Mode       string `xml:"mode,attr"`
			Ordered    string `xml:"ordered,attr"`
			Expression struct {
				Invalid string `xml:"invalid,attr"`
				Mode    string `xml:"mode,attr"`
				Text    string `xml:",chardata"`
			} `xml:"expression"`
			Outputs []struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"output"`
		} `xml:"test"`
	} `xml:"group"`
}

// testCase is one case as the test reads it.
type testCase struct {
	Group      string   `json:"group"`
	Name       string   `json:"name"`
	Input      string   `json:"input,omitempty"`
	Expression string   `json:"expression"`
	Strict     bool     `json:"strict,omitempty"`
	Invalid    string   `json:"invalid,omitempty"` // syntax, semantic or execution
	Predicate  bool     `json:"predicate,omitempty"`
	Unordered  bool     `json:"unordered,omitempty"`
	Output     []output `json:"output,omitempty"`
}

type output struct {
	Type  string `json:"type,omitempty"`
	Value string `json:"value"`
}

func expressions(from, out string) error {
	var s suite
	if err := readXML(filepath.Join(from, "tests-fhir-r4.xml"), &s); err != nil {
		return err
	}
	var cases []testCase
	inputs := map[string]bool{}
	for _, g := range s.Groups {
		for _, t := range g.Tests {
			c := testCase{Group: g.Name, Name: t.Name, Expression: t.Expression.Text, Invalid: t.Expression.Invalid}
			c.Strict = t.Mode == "strict" || t.Expression.Mode == "strict"
			c.Predicate, c.Unordered = t.Predicate == "true", t.Ordered == "false"
			if t.Input != "" {
				inputs[t.Input] = true
				c.Input = strings.TrimSuffix(t.Input, filepath.Ext(t.Input)) + ".json"
			}
			for _, o := range t.Outputs {
				c.Output = append(c.Output, output{o.Type, o.Text})
			}
			cases = append(cases, c)
		}
	}
	for name := range inputs {
		if err := input(filepath.Join(from, name), out); err != nil {
			return err
		}
	}
	return writeLines(filepath.Join(out, "cases.json"), cases)
}

// input writes an input as JSON.
func input(path, out string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)) + ".json"
	if filepath.Ext(path) == ".xml" {
		if data, err = fromXML(data); err != nil {
			return err
		}
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(data), "", " "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, name), append(indented.Bytes(), '\n'), 0o644)
}

func readXML(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return xml.Unmarshal(data, into)
}

// writeLines writes a JSON array with one item in a line.
func writeLines[T any](path string, items []T) error {
	var b bytes.Buffer
	for i, item := range items {
		b.WriteString([]string{"[", ","}[min(i, 1)])
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(item); err != nil {
			return err
		}
	}
	b.WriteString("]\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}
