package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aceso-health/aceso/kept"
)

// spaceWrong is where wrong passwords are counted for all nodes: by name, and by address.
const spaceWrong = "wrong"

// strikes are the wrong passwords of a name or an address.
type strikes struct {
	Count int       `json:"count"`
	Next  time.Time `json:"next"` // before it the next password is not looked at

	key  string
	free int
	row  kept.Row
}

// counters are those of a name and of an address. Their keys tell neither.
func counters(name, address string) []strikes {
	return []strikes{{key: counter("u\x00" + name), free: freeOfUser}, {key: counter("a\x00" + address), free: freeOfAddress}}
}

func counter(of string) string {
	sum := sha256.Sum256([]byte("aceso.wrong.v1\x00" + of))
	return hex.EncodeToString(sum[:])
}

// read gives what is kept of a counter.
func (s *strikes) read(ctx context.Context, k kept.Keeper) (err error) {
	s.row, err = k.Kept(ctx, spaceWrong, s.key)
	if errors.Is(err, kept.ErrNotFound) {
		s.Count, s.row = 0, kept.Row{}
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(s.row.Value, s); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// struck is the row with one more.
func (s *strikes) struck(now time.Time) (kept.Row, error) {
	s.Count++
	if wait := pause(s.Count, s.free); wait > 0 {
		s.Next = now.Add(wait)
	}
	value, err := json.Marshal(s)
	return kept.Row{Space: spaceWrong, Key: s.key, Value: value, Version: s.row.Version, Expires: now.Add(forget)}, err
}

// waits is how long the next password of a name, or from an address, has to wait because of
// those that were wrong at any node.
func (u *Users) waits(ctx context.Context, name, address string) (wait time.Duration, err error) {
	for _, s := range counters(name, address) {
		if err := s.read(ctx, u.Keeper); err != nil {
			return 0, err
		}
		wait = max(wait, s.Next.Sub(u.Backoff.now()))
	}
	return wait, nil
}

// strike counts one more with the record of a refusal.
func (s *Sessions) strike(ctx context.Context, call *kept.Call, e kept.Event, of []strikes) (err error) {
	for range mostTries {
		var rows []kept.Row
		for i := range of {
			if err := of[i].read(ctx, s.Keeper); err != nil {
				return err
			}
			row, err := of[i].struck(s.Now())
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		if err = s.Keeper.Commit(ctx, call, e, rows...); !errors.Is(err, kept.ErrChanged) {
			return err
		}
	}
	return s.Keeper.Commit(ctx, call, e) // very many at once: this one is not counted
}
