package sqlite

import (
	"errors"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// faultError is a failure that Options.Fault asked for.
type faultError struct{ err error }

func (e *faultError) Error() string { return "injected: " + e.err.Error() }
func (e *faultError) Unwrap() error { return e.err }

// diskFault says whether an error comes from below SQLite. After one, nothing
// that the connection holds in memory can be trusted.
func diskFault(err error) bool {
	if err == nil {
		return false
	}
	var injected *faultError
	if errors.As(err, &injected) {
		return true
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultFull, sqlite.ResultCantOpen, sqlite.ResultReadOnly,
		sqlite.ResultNoMem, sqlite.ResultBusy, sqlite.ResultProtocol, sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return true
	}
	return false
}

// unavailable turns a fault of the disk into an answer for clients.
func unavailable(err error) error {
	var known *fhir.Error
	if err == nil || errors.As(err, &known) || !diskFault(err) {
		return err
	}
	return store.Unavailable(err)
}
