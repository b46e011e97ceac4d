package mongotest

// A Fault is a rule about when and how a command fails.
type Fault struct{}

type fault struct{ Fault }

func (s *Server) fault(r *request) *fault { return nil }

func (f *fault) before(r *request) (reply document, drop, end bool) { return nil, false, false }

func (f *fault) after(r *request, reply document) (document, bool) { return reply, false }
