// Package kept says how what the server itself keeps beside resources is read and written:
// clients, grants, users, revisions of policies, declared emergencies. Every change of it,
// and every refusal, is an Event: policy decides it, and its record and the rows that it
// writes are one transaction.
//
// It keeps nothing: the node makes a Keeper of the gate and its store. Nor does it know
// what the rows say.
package kept

import (
	"context"
	"errors"
	"time"

	"github.com/aceso-health/aceso/agent"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("kept: there is no such row")

// ErrChanged says that a row was not in the version that a write expects.
var ErrChanged = errors.New("kept: changed meanwhile")

// Row is a row that the server keeps. Key is never a secret.
type Row struct {
	Space, Key string
	Value      []byte // nil in a write removes the row
	Version    int64  // in a write the one that must be current, 0: there must be none
	Expires    time.Time
}

// Keeper keeps rows, and records every event. The node makes it of the gate.
type Keeper interface {
	// Kept returns a row that has not expired, or ErrNotFound.
	Kept(ctx context.Context, space, key string) (Row, error)
	// EachKept returns up to limit rows of a space after a key, in the order of keys.
	EachKept(ctx context.Context, space, after string, limit int) ([]Row, error)
	// Commit asks the policy about an event, records it, and writes the rows in the
	// transaction of the record: all or nothing. A refusal of the policy is an
	// *fhir.Error, and is recorded. ErrChanged: nothing was written or recorded.
	Commit(ctx context.Context, call *Call, e Event, rows ...Row) error
}

// Call is one request, of HTTP or of an operator's command.
type Call struct {
	Request  string   // request id
	Address  string   // of the caller
	Receipts []string // of the records made
	Proved   bool     // who called has proved who it is, or had something that only it was given
}

// Event is something that the server does or refuses.
type Event struct {
	// Interaction is authorize, token, refresh, revoke, introspect, register, launch,
	// client-read, client-write, grant-read, user-read, user-write, sign-in or sign-out.
	Interaction string
	// Agent is who does it. Of a refusal it is who was claimed, as far as something was.
	Agent agent.Agent
	// Detail says what it is about, for the record, as a query: client=app&scope=...; of a
	// refusal what was claimed. No secret.
	Detail string
	// Patient is whose data the event gives access to, if it is one patient.
	Patient string
	// Patients are others whose data the event shows or is about.
	Patients []string
	// Refused is the code of a refusal or failure; "": it is done, if the policy permits.
	Refused string
	// Status is of the answer to a refusal, or to what was permitted and could not be done.
	Status int
}

// Each visits all rows of a space that have not expired, in the order of keys.
func Each(ctx context.Context, k Keeper, space string, visit func(Row) error) error {
	const atOnce = 200
	for after := ""; ; {
		rows, err := k.EachKept(ctx, space, after, atOnce)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := visit(r); err != nil {
				return err
			}
			after = r.Key
		}
		if len(rows) < atOnce {
			return nil
		}
	}
}
