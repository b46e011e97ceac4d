package store

import (
	"context"
	"fmt"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// Nodes is implemented by stores that several nodes share.
type Nodes interface {
	// Sources lists the logs of all nodes, including this one's.
	Sources(ctx context.Context) ([]string, error)
	// Log opens one of them. Only its own node may append to it.
	Log(source string) ledgerbridge.Log
}

// AllLogs returns the logs of all nodes that write to a store: first this node's
// change log and access log, then those of the others.
func AllLogs(ctx context.Context, s Store) ([]ledgerbridge.Log, error) {
	changes, accesses := s.Logs()
	logs := []ledgerbridge.Log{changes, accesses}
	shared, ok := s.(Nodes)
	if !ok {
		return logs, nil
	}
	sources, err := shared.Sources(ctx)
	if err != nil {
		return nil, fmt.Errorf("logs of all nodes: %w", err)
	}
	for _, source := range sources {
		if source != changes.Source() && source != accesses.Source() {
			logs = append(logs, shared.Log(source))
		}
	}
	return logs, nil
}
