package chaincode

// ForkRequest is the argument of ReportFork: two signed checkpoints of one source,
// of the same size and with different roots.
type ForkRequest struct {
	Origin string `json:"origin"`
	First  string `json:"first"`
	Second string `json:"second"`
}

// reportFork marks a source whose keys signed two histories. Any member of the channel
// may show them: signatures need no trust in who brings them. It keeps the first
// evidence; later reports change nothing.
func (c *call) reportFork(q ForkRequest) (any, error) {
	s, _, err := c.loadSource(q.Origin)
	if err != nil {
		return nil, err
	}
	a, err := s.verify(q.First)
	if err != nil {
		return nil, err
	}
	b, err := s.verify(q.Second)
	if err != nil {
		return nil, err
	}
	if a.size != b.size {
		return nil, refuse(Size, "checkpoints of sizes %d and %d do not contradict each other by themselves", a.size, b.size)
	}
	if a.root == b.root {
		return nil, refuse(Checkpoint, "both checkpoints state the same root: that is no fork")
	}
	if s.State == forked {
		return s, nil
	}
	s.State = forked
	s.Fork = &Evidence{Size: a.size, First: q.First, Second: q.Second, Reporter: c.caller, Transaction: c.stub.GetTxID()}
	event, err := encode(s)
	if err != nil {
		return nil, err
	}
	if err := c.store(sourceKey(q.Origin), &s); err != nil {
		return nil, err
	}
	return s, c.tell(ForkEvent, event)
}
