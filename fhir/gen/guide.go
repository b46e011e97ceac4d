package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// guide writes the package of an implementation guide as a small archive for tests: what
// its profiles and value sets demand, and its examples, without prose and narratives.
func guide(dir, out string) error {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	files := tar.NewWriter(z)
	for _, pattern := range []string{"package.json", "StructureDefinition-*.json", "ValueSet-*.json", "example/*.json"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, name := range names {
			if err := guideFile(files, dir, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if err := files.Close(); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(out, packed.Bytes(), 0o644)
}

func guideFile(files *tar.Writer, dir, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if strings.Contains(name, "example") {
		data, err = withoutNarrative(data)
	} else {
		data, err = bareGuide(data)
	}
	if err != nil {
		return err
	}
	short, err := filepath.Rel(dir, name)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: "package/" + filepath.ToSlash(short), Mode: 0o644, Size: int64(len(data))}
	if err := files.WriteHeader(header); err != nil {
		return err
	}
	_, err = files.Write(data)
	return err
}

// bareGuide keeps what demands something.
func bareGuide(data []byte) ([]byte, error) {
	var s map[string]json.RawMessage
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	keep(s, func(name string) bool {
		return slices.Contains([]string{"resourceType", "name", "version", "dependencies", "fhirVersions", "license", "url", "kind", "abstract", "type",
			"baseDefinition", "derivation", "context", "status", "compose", "snapshot", "differential"}, name)
	})
	for _, view := range []string{"snapshot", "differential"} {
		if s[view] == nil {
			continue
		}
		bare, err := bareElements(s[view])
		if err != nil {
			return nil, err
		}
		s[view] = bare
	}
	return json.Marshal(s)
}

// withoutNarrative compacts a document and shortens its narratives.
func withoutNarrative(data []byte) ([]byte, error) {
	var short bytes.Buffer
	if err := json.Compact(&short, data); err != nil {
		return nil, err
	}
	text := short.Bytes()
	const mark = `"div":"`
	var out []byte
	for {
		i := bytes.Index(text, []byte(mark))
		if i < 0 {
			return append(out, text...), nil
		}
		end := i + len(mark)
		for ; text[end] != '"'; end++ {
			if text[end] == '\\' {
				end++
			}
		}
		out = append(append(out, text[:i]...), `"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">text</div>"`...)
		text = text[end+1:]
	}
}
