package server

// maxClients is how many clients one generation of recent remembers.
const maxClients = 10_000

// recent keeps something for each client. To bound its memory it forgets clients that stay
// away while maxClients others come. It is not safe for concurrent use.
type recent[T any] struct{ young, aged map[string]*T }

// of is what is kept for a client; fresh makes it for a new one.
func (r *recent[T]) of(client string, fresh func() *T) *T {
	if kept := r.young[client]; kept != nil {
		return kept
	}
	kept := r.aged[client]
	if kept == nil {
		kept = fresh()
	}
	if r.young == nil || len(r.young) >= maxClients {
		r.young, r.aged = make(map[string]*T), r.young
	}
	r.young[client] = kept
	return kept
}
