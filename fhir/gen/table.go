package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// table collects the lines of the output: a letter and tab-separated fields.
// Package fhir's definitions.go documents them.
type table struct{ strings.Builder }

func (t *table) line(fields ...string) {
	t.WriteString(strings.Join(fields, "\t"))
	t.WriteByte('\n')
}

// bundle reads the resources of one type from a file of the package.
func bundle[T any](dir, file, resourceType string) ([]T, error) {
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	var b struct {
		Entry []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []T
	for _, e := range b.Entry {
		var head struct{ ResourceType string }
		if err := json.Unmarshal(e.Resource, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if head.ResourceType != resourceType {
			continue
		}
		var r T
		if err := json.Unmarshal(e.Resource, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, r)
	}
	return all, nil
}

const (
	core    = "http://hl7.org/fhir/StructureDefinition/"
	release = "4.0.1"
)

// lastSegment is the part of a URL after the last slash.
func lastSegment(url string) string { return url[strings.LastIndexByte(url, '/')+1:] }
