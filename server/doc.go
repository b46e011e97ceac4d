// Package server speaks HTTP: it turns requests into calls of the gate and the
// gate's results, or errors, into answers. One file is one interaction;
// routes.go lists them all, outcome.go says which error has which status.
//
// It does not decide, record, store or authenticate, and it writes no byte of an
// answer before the gate has returned.
package server
