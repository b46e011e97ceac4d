// Package node is a node at work: it opens store, keys, logs, policies, ledger and
// leases and hands them to each other. It also has what operators do to the data of a
// node that does not serve: verify, check, copy, erase, mint a token.
//
// What a node may do without is an implementation that does nothing: unanchored has no
// network's ledger, alone no other nodes, unwitnessed no witness.
//
// The package decides nothing about who may read what, and knows neither flags nor
// what is printed.
package node
