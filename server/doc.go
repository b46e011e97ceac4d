// Package server speaks HTTP: it turns requests into calls of the gate, and the
// gate's results and errors into answers. Each interaction has a file; routes.go
// lists them all, outcome.go answers errors.
//
// It does not decide, record, store or authenticate, and it writes no byte of an
// answer before the gate has returned.
package server
