package main

import (
	"encoding/json"
	"path/filepath"
)

// patches is fhir-patch-tests.xml.
type patches struct {
	Cases []struct {
		Name   string `xml:"name,attr"`
		Input  inner  `xml:"input"`
		Diff   inner  `xml:"diff"`
		Output inner  `xml:"output"`
	} `xml:"case"`
}

type inner struct {
	XML []byte `xml:",innerxml"`
}

type patchCase struct {
	Name   string          `json:"name"`
	Input  json.RawMessage `json:"input"`
	Diff   json.RawMessage `json:"diff"`
	Output json.RawMessage `json:"output"` // null: the patch is refused
}

func patchCases(from, out string) error {
	var p patches
	if err := readXML(filepath.Join(from, "fhir-patch-tests.xml"), &p); err != nil {
		return err
	}
	var cases []patchCase
	for _, c := range p.Cases {
		one := patchCase{Name: c.Name}
		for _, side := range []struct {
			xml  []byte
			json *json.RawMessage
		}{{c.Input.XML, &one.Input}, {c.Diff.XML, &one.Diff}, {c.Output.XML, &one.Output}} {
			if len(side.xml) == 0 {
				*side.json = json.RawMessage("null")
				continue
			}
			data, err := fromXML(side.xml)
			if err != nil {
				return err
			}
			*side.json = data
		}
		cases = append(cases, one)
	}
	return writeLines(filepath.Join(out, "cases.json"), cases)
}
