package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kept is something that the server itself keeps beside resources: a client, a grant, a
// code. Nothing of it is a resource: it has no history and no search keys, and who may
// see it is not decided by Consents.
type Kept struct {
	Space string // what it is: "client", "grant" ...; without a slash
	Key   string // MUST NOT be a secret: the SHA-256 of it where it is one
	Value []byte // what its owner says, usually JSON; nil in a write removes it
	// Version is the one it has; in a write the one that must be current, 0 if there must
	// be none. Otherwise the write is ErrChanged.
	Version int64
	Expires time.Time // after it the row is as absent, and may be swept; zero: never
	Epoch   int64     // of what was read: the consent epoch of the snapshot
}

// The spaces of what opens data: grants, and declared emergencies while they run. To remove
// a row of them raises the consent epoch: nobody who was judged by it is answered after that.
const (
	GrantSpace     = "grant"
	EmergencySpace = "emergency"
)

// The bounds of a row.
const (
	MostKept    = 256 << 10 // bytes of a value
	mostKeptKey = 512       // bytes of a space and a key
)

// Keeper keeps such rows. They are written with Change.Keep.
type Keeper interface {
	// Kept returns a row, or ErrNotFound. It MUST NOT wait for a search, history or commit
	// that is going on.
	Kept(ctx context.Context, space, key string) (Kept, error)
	// EachKept returns up to limit rows of a space with keys above after, in the order of keys.
	EachKept(ctx context.Context, space, after string, limit int) ([]Kept, error)
	// SweepKept removes up to limit rows that have expired, and says how many.
	SweepKept(ctx context.Context, limit int) (int, error)
}

// Alone is implemented by stores that no other process writes to.
type Alone interface {
	// Epoch is the consent epoch of all that was acknowledged. It costs nothing.
	Epoch() int64
}

// GrantKey is by what Judged and ConsentChanges name a grant.
func GrantKey(key string) string { return "Grant/" + key }

// EmergencyKey is by what they name an emergency.
func EmergencyKey(key string) string { return "Emergency/" + key }

// IsKeptKey says whether a key of ConsentChanges names a grant or an emergency.
func IsKeptKey(key string) bool {
	return strings.HasPrefix(key, "Grant/") || strings.HasPrefix(key, "Emergency/")
}

// Ended are the keys (see Judged) of the grants and emergencies that a change removes.
func Ended(keep []Kept) (keys []string) {
	for i := range keep {
		switch k := &keep[i]; {
		case k.Value != nil:
		case k.Space == GrantSpace:
			keys = append(keys, GrantKey(k.Key))
		case k.Space == EmergencySpace:
			keys = append(keys, EmergencyKey(k.Key))
		}
	}
	return keys
}

// Gone says whether the row has expired.
func (k *Kept) Gone(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// CheckKeep refuses what no store can write.
func CheckKeep(keep []Kept) error {
	seen := map[[2]string]bool{}
	for i := range keep {
		k := &keep[i]
		id := [2]string{k.Space, k.Key}
		switch {
		case k.Space == "" || k.Key == "" || strings.ContainsAny(k.Space, "/\x00") || len(k.Space)+len(k.Key) > mostKeptKey:
			return errors.New("a kept row needs a space and a key")
		case len(k.Value) > MostKept:
			return fmt.Errorf("a kept row of space %s has %d bytes, more than %d", k.Space, len(k.Value), MostKept)
		case seen[id]:
			return fmt.Errorf("a kept row of space %s is written twice at once", k.Space)
		}
		seen[id] = true
	}
	return nil
}
