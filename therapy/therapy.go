// Package therapy is the closed loop from vein to vein: which steps a journey of cells has,
// by whom, and what each demands. The definitions ship as data (definitions/*.json).
//
// What decides about a step is package engine, which the contract of a channel runs as well.
// This package does not store, sign, speak HTTP, show FHIR resources or use a ledger: those
// parts are not built yet.
package therapy

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/aceso-health/aceso/therapy/engine"
)

// The nouns are the engine's.
type (
	// Journey is what is known of the cells of one patient.
	Journey = engine.State
	// Bag is a bag of cells, with one custodian.
	Bag = engine.Bag
	// Step is something that happens to a bag.
	Step = engine.Step
	// Gate is a condition of a step.
	Gate = engine.Gate
	// Verdict says what became of an event.
	Verdict = engine.Verdict
)

//go:embed definitions/*.json
var shipped embed.FS

// Definitions lists the ids of the definitions that ship.
func Definitions() ([]string, error) {
	files, err := fs.Glob(shipped, "definitions/*.json")
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".json")
	}
	return files, err
}

// Definition loads one that ships.
func Definition(id string) (*engine.Definition, error) {
	text, err := shipped.ReadFile("definitions/" + id + ".json")
	if err != nil {
		return nil, fmt.Errorf("no definition %q ships: %w", id, err)
	}
	return engine.Load(text)
}
