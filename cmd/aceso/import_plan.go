package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// parcel is what one request carries: a bundle, or a run of lines of an NDJSON file.
type parcel struct {
	file         string
	name         string // for people: file, or file:first-last line
	from, to     int64  // bytes of the file
	lines        bool   // NDJSON: wrapped into a transaction when sent
	sum          string // SHA-256 of the bytes
	resources    int
	idempotent   bool // sending it twice changes nothing more than sending it once
	shared       bool // about no patient
	provides     []string
	needs        []string
	witness      string   // Type?identifier=system|value that only this parcel creates; "" if none
	identifiable []string // candidates for witness
}

// body reads what is sent.
func (p *parcel) body() ([]byte, error) {
	f, err := os.Open(p.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, p.to-p.from)
	if _, err := f.ReadAt(data, p.from); err != nil {
		return nil, fmt.Errorf("read %s: %w", p.name, err)
	}
	if sumOf(data) != p.sum {
		return nil, fmt.Errorf("%s changed during the import", p.name)
	}
	if p.lines {
		return wrapLines(data)
	}
	return data, nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// planImport reads every file before anything is sent: a mistake in the last file must
// not surface after an hour.
func planImport(paths []string) ([]*parcel, error) {
	files, err := listFiles(paths)
	if err != nil {
		return nil, err
	}
	found := make([][]*parcel, len(files))
	var group errgroup.Group
	group.SetLimit(4)
	for n, file := range files {
		group.Go(func() (err error) {
			found[n], err = scanFile(file)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	chooseWitnesses(all)
	return all, nil
}

func listFiles(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			ext := strings.ToLower(filepath.Ext(name))
			if !d.IsDir() && (name == path || ext == ".json" || ext == ".ndjson") {
				files = append(files, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no .json or .ndjson file in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

// chooseWitnesses finds for each parcel an identifier that no other one creates:
// when an answer was lost, looking for it tells whether the server has the parcel.
func chooseWitnesses(parcels []*parcel) {
	count := map[string]int{}
	for _, p := range parcels {
		for _, id := range p.identifiable {
			count[id]++
		}
	}
	for _, p := range parcels {
		for _, id := range p.identifiable {
			if count[id] == 1 && (p.witness == "" || strings.HasPrefix(id, "Patient?") && !strings.HasPrefix(p.witness, "Patient?")) {
				p.witness = id
			}
		}
		p.identifiable = nil
	}
}

// waves orders parcels so that each comes after those that it refers to, and
// shared ones (hospitals, practitioners) come as early as possible. Parcels of one
// wave do not depend on each other. Circular ones go together: the server decides.
func waves(parcels []*parcel) [][]*parcel {
	provider := map[string]*parcel{}
	for _, p := range parcels {
		for _, name := range p.provides {
			provider[name] = p
		}
	}
	var order [][]*parcel
	sent := map[*parcel]bool{}
	for waiting := slices.Clone(parcels); len(waiting) > 0; {
		wave := nextWave(waiting, provider, sent)
		for _, p := range wave {
			sent[p] = true
		}
		order = append(order, wave)
		waiting = slices.DeleteFunc(waiting, func(p *parcel) bool { return sent[p] })
	}
	return order
}

func nextWave(waiting []*parcel, provider map[string]*parcel, sent map[*parcel]bool) []*parcel {
	var shared, ready []*parcel
	for _, p := range waiting {
		if !p.ready(provider, sent) {
			continue
		}
		ready = append(ready, p)
		if p.shared {
			shared = append(shared, p)
		}
	}
	switch {
	case len(shared) > 0:
		return shared
	case len(ready) > 0:
		return ready
	}
	return slices.Clone(waiting)
}

func (p *parcel) ready(provider map[string]*parcel, sent map[*parcel]bool) bool {
	for _, need := range p.needs {
		if from := provider[need]; from != nil && from != p && !sent[from] {
			return false
		}
	}
	return true
}
