package validate

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Package is what an implementation guide's npm-style package has that resources can be
// held against.
type Package struct {
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	Dependencies map[string]string `json:"dependencies,omitempty"`
	FHIRVersions []string          `json:"fhirVersions,omitempty"`
	// Profiles are StructureDefinitions, Terminology are ValueSets and CodeSystems; without
	// their prose.
	Profiles    []json.RawMessage `json:"-"`
	Terminology []json.RawMessage `json:"-"`
}

// The bounds of a package.
const (
	MostPackageFiles = 50_000
	MostPackageBytes = 500 << 20 // of all files
	mostPackageFile  = 64 << 20
)

// Missing are the packages that it needs and nobody has, as name#version.
func (p *Package) Missing(known func(name string) bool) []string {
	var missing []string
	for name, version := range p.Dependencies {
		if name != "hl7.fhir.r4.core" && !known(name) { // the core is built in
			missing = append(missing, name+"#"+version)
		}
	}
	slices.Sort(missing)
	return missing
}

// ReadArchive reads a package from a .tgz file.
func ReadArchive(r io.Reader) (*Package, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("read package: %w", err)
	}
	var b packageReader
	files := tar.NewReader(z)
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return b.finish()
		}
		if err != nil {
			return nil, fmt.Errorf("read package: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := b.file(strings.TrimPrefix(path.Clean(h.Name), "package/"), files); err != nil {
			return nil, fmt.Errorf("read package: %s: %w", h.Name, err)
		}
	}
}

// ReadFolder reads a package that is unpacked: its folder, or the one around its folder
// package.
func ReadFolder(folder fs.FS) (*Package, error) {
	if inner, err := fs.Sub(folder, "package"); err == nil {
		if _, err := fs.Stat(inner, "package.json"); err == nil {
			folder = inner
		}
	}
	names, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, err
	}
	var b packageReader
	for _, name := range names {
		f, err := folder.Open(name)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(b.file(name, f), f.Close()); err != nil {
			return nil, fmt.Errorf("read package: %s: %w", name, err)
		}
	}
	return b.finish()
}

// packageReader collects the files of a package.
type packageReader struct {
	p     Package
	named bool
	files int
	bytes int64
}

// file reads one file; those in folders, such as examples, are none of the package's rules.
func (b *packageReader) file(name string, r io.Reader) error {
	if path.Ext(name) != ".json" || strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(r, mostPackageFile+1))
	if err != nil {
		return err
	}
	b.files++
	b.bytes += int64(len(data))
	if b.files > MostPackageFiles || b.bytes > MostPackageBytes || len(data) > mostPackageFile {
		return fmt.Errorf("a package may have %d files and %d MB, a file %d MB", MostPackageFiles, MostPackageBytes>>20, mostPackageFile>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if name == "package.json" {
		b.named = true
		return json.Unmarshal(data, &b.p)
	}
	return b.resource(data)
}

func (b *packageReader) resource(data []byte) error {
	var head struct {
		ResourceType string `json:"resourceType"`
		Kind         string `json:"kind"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	switch head.ResourceType {
	case "StructureDefinition":
		if head.Kind == "logical" {
			return nil
		}
		bare, err := withoutProse(data, append([]string{"mapping", "contact", "jurisdiction", "useContext"}, prose...))
		b.p.Profiles = append(b.p.Profiles, bare)
		return err
	case "ValueSet", "CodeSystem":
		bare, err := withoutProse(data, []string{"text", "contact", "copyright", "jurisdiction", "useContext"})
		b.p.Terminology = append(b.p.Terminology, bare)
		return err
	}
	return nil
}

// prose are members that explain and demand nothing.
var prose = []string{"text", "definition", "comment", "requirements", "short", "alias", "example", "description", "purpose", "copyright",
	"meaningWhenMissing", "isModifierReason", "isSummary", "mustSupport", "human", "base", "code", "condition", "keyword"}

// withoutProse drops members of a resource and of its elements.
func withoutProse(data []byte, drop []string) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	for _, name := range drop {
		delete(members, name)
	}
	for _, view := range []string{"snapshot", "differential"} {
		if members[view] == nil {
			continue
		}
		var v struct {
			Element []map[string]json.RawMessage `json:"element"`
		}
		if err := json.Unmarshal(members[view], &v); err != nil {
			return nil, err
		}
		for _, e := range v.Element {
			for _, name := range drop {
				delete(e, name)
			}
		}
		bare, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		members[view] = bare
	}
	return json.Marshal(members)
}

func (b *packageReader) finish() (*Package, error) {
	switch {
	case !b.named || b.p.Name == "" || b.p.Version == "":
		return nil, errors.New("read package: it has no package.json with a name and a version")
	case !plainName(b.p.Name) || !plainName(b.p.Version):
		return nil, errors.New("read package: its name and version may have letters, digits, dots, hyphens and underscores")
	case len(b.p.FHIRVersions) > 0 && !slices.ContainsFunc(b.p.FHIRVersions, func(v string) bool { return strings.HasPrefix(v, "4.0") }):
		return nil, fmt.Errorf("package %s is of FHIR %s; this server has R4 (4.0.1)", b.p.Name, strings.Join(b.p.FHIRVersions, ", "))
	}
	return &b.p, nil
}

// plainName says whether a name can be one of a file.
func plainName(name string) bool {
	return len(name) <= 100 && name[0] != '.' && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// Pack is the form in which a package is kept: gzipped lines of JSON, first of the package
// itself, then of its resources.
func (p *Package) Pack() ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	e := json.NewEncoder(z)
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	for _, r := range slices.Concat(p.Profiles, p.Terminology) {
		err = cmp.Or(err, e.Encode(r))
	}
	err = cmp.Or(err, z.Close())
	return out.Bytes(), err
}

// Unpack is the inverse of Pack.
func Unpack(data []byte) (*Package, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("unpack package: %w", err)
	}
	lines := json.NewDecoder(z)
	p := new(Package)
	if err := lines.Decode(p); err != nil {
		return nil, fmt.Errorf("unpack package: %w", err)
	}
	for {
		var r json.RawMessage
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("unpack package: %w", err)
		}
		var head struct {
			ResourceType string `json:"resourceType"`
		}
		if err := json.Unmarshal(r, &head); err != nil {
			return nil, fmt.Errorf("unpack package: %w", err)
		}
		if head.ResourceType == "StructureDefinition" {
			p.Profiles = append(p.Profiles, r)
		} else {
			p.Terminology = append(p.Terminology, r)
		}
	}
}
