package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// linesPerParcel keeps an NDJSON transaction at a size that any server takes.
const linesPerParcel = 200

// frame is the part of a bundle that planning needs.
type frame struct {
	ResourceType string       `json:"resourceType"`
	Type         string       `json:"type"`
	Entry        []frameEntry `json:"entry"`
}

type frameEntry struct {
	FullURL  string   `json:"fullUrl"`
	Resource resource `json:"resource"`
	Request  struct {
		Method, URL, IfNoneExist string
	} `json:"request"`
}

// resource is what identifies a resource.
type resource struct {
	ResourceType string          `json:"resourceType"`
	ID           string          `json:"id"`
	Identifier   json.RawMessage `json:"identifier"`
}

func scanFile(file string) ([]*parcel, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(filepath.Ext(file), ".ndjson") {
		return scanLines(file, data)
	}
	p, err := scanBundle(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	p.file, p.name, p.to, p.sum = file, file, int64(len(data)), sumOf(data)
	return []*parcel{p}, nil
}

func scanBundle(data []byte) (*parcel, error) {
	var f frame
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("is not JSON of a FHIR bundle: %w", err)
	}
	if f.ResourceType != "Bundle" {
		return nil, fmt.Errorf("is a %q, not a Bundle; put single resources into an .ndjson file", f.ResourceType)
	}
	if f.Type != "transaction" && f.Type != "batch" {
		return nil, fmt.Errorf("is a bundle of type %q; only transaction and batch bundles say what to do with their resources", f.Type)
	}
	p := &parcel{resources: len(f.Entry), idempotent: true, shared: true}
	for _, e := range f.Entry {
		p.add(e)
	}
	p.needs = references(data)
	return p, nil
}

// add notes what an entry provides.
func (p *parcel) add(e frameEntry) {
	if e.FullURL != "" {
		p.provides = append(p.provides, e.FullURL)
	}
	if e.Request.Method == "PUT" {
		p.provides = append(p.provides, e.Request.URL)
	}
	if e.Request.Method == "POST" && e.Request.IfNoneExist == "" {
		p.idempotent = false
	}
	if e.Resource.ResourceType == "Patient" {
		p.shared = false
	}
	for _, id := range e.Resource.identifiers() {
		query := e.Resource.ResourceType + "?identifier=" + id
		p.provides = append(p.provides, query)
		if e.Request.Method == "POST" && e.Request.IfNoneExist == "" {
			p.identifiable = append(p.identifiable, query)
		}
	}
}

// identifiers are those with system and value, as system|value.
func (r resource) identifiers() (list []string) {
	var all []struct{ System, Value string }
	if json.Unmarshal(r.Identifier, &all) != nil {
		return nil // absent, or single as in some types: not needed
	}
	for _, i := range all {
		if i.System != "" && i.Value != "" {
			list = append(list, i.System+"|"+i.Value)
		}
	}
	return list
}

// references lists the distinct values of all reference members, except those to
// contained resources. The data must be JSON.
func references(data []byte) (list []string) {
	seen := map[string]bool{}
	for {
		_, after, found := bytes.Cut(data, []byte(`"reference"`))
		if !found {
			return list
		}
		data = after
		text, isText := bytes.CutPrefix(bytes.TrimLeft(after, " \t\r\n:"), []byte{'"'})
		value, _, _ := bytes.Cut(text, []byte{'"'})
		if isText && len(value) > 0 && value[0] != '#' && !seen[string(value)] {
			seen[string(value)] = true
			list = append(list, string(value))
		}
	}
}

// scanLines cuts an NDJSON file into parcels.
func scanLines(file string, data []byte) ([]*parcel, error) {
	var parcels []*parcel
	var p *parcel
	line, from, to := 0, int64(0), int64(0)
	for text := range bytes.Lines(data) {
		line, from, to = line+1, to, to+int64(len(text))
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if p == nil || p.resources == linesPerParcel {
			name := fmt.Sprintf("%s:%d", file, line)
			p = &parcel{file: file, name: name, lines: true, from: from, idempotent: true, shared: true}
			parcels = append(parcels, p)
		}
		if err := p.addLine(text); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, line, err)
		}
		p.to = to
	}
	for _, p := range parcels {
		p.sum = sumOf(data[p.from:p.to])
	}
	return parcels, nil
}

func (p *parcel) addLine(text []byte) error {
	e, err := lineEntry(text)
	if err != nil {
		return err
	}
	p.resources++
	p.add(e)
	p.needs = append(p.needs, references(text)...)
	return nil
}

// lineEntry decides how a line is written: under its id if it has one.
func lineEntry(text []byte) (frameEntry, error) {
	var e frameEntry
	if err := json.Unmarshal(text, &e.Resource); err != nil {
		return e, fmt.Errorf("is not a JSON object: %w", err)
	}
	switch {
	case e.Resource.ResourceType == "":
		return e, errors.New("has no resourceType")
	case e.Resource.ResourceType == "Bundle":
		return e, errors.New("is a Bundle; give bundles as .json files")
	case e.Resource.ID != "":
		e.Request.Method, e.Request.URL = "PUT", e.Resource.ResourceType+"/"+e.Resource.ID
	default:
		e.Request.Method, e.Request.URL = "POST", e.Resource.ResourceType
	}
	return e, nil
}

// wrapLines makes one transaction of lines. The resources go in as they are, byte by byte.
func wrapLines(data []byte) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	comma := ""
	for text := range bytes.Lines(data) {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		e, err := lineEntry(text)
		if err != nil {
			return nil, err
		}
		url, err := json.Marshal(e.Request.URL)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `%s{"resource":%s,"request":{"method":"%s","url":%s}}`, comma, text, e.Request.Method, url)
		comma = ","
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}
