package node

import "github.com/aceso-health/aceso/labels/office"

// labels is where the house chooses the rules by which its resources are labelled.
func (n *Node) labels() *office.Office {
	return &office.Office{Keeper: gateRows{keptRows{n.store}, n.gate}, Enforce: n.gate.Relabel, Progress: n.gate.Labelled}
}
