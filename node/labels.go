package node

import "github.com/aceso-health/aceso/labels"

// labels is where the house chooses the rules by which its resources are labelled.
func (n *Node) labels() *labels.Office {
	return &labels.Office{Keeper: gateRows{keptRows{n.store}, n.gate}, Enforce: n.gate.Relabel, Progress: n.gate.Labelled}
}
