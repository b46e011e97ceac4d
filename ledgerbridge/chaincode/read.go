package chaincode

// pageSize is how many sources ListSources returns at once.
const pageSize = 100

// AnchorQuery is the argument of GetAnchor.
type AnchorQuery struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
}

// ListRequest is the argument of ListSources: sources after that origin, in order of
// their bytes; the empty string begins.
type ListRequest struct {
	After string `json:"after"`
}

// Head is the answer of Head: a source and the last state of its log. Before the
// first anchor, size is 0, root that of the empty tree, and the rest empty.
type Head struct {
	Source      Source `json:"source"`
	Size        int64  `json:"size"`
	Root        Hash   `json:"root"`
	Checkpoint  string `json:"checkpoint"`
	Transaction string `json:"transaction"`
}

// Sources is the answer of ListSources. More means that further sources follow.
type Sources struct {
	Sources []Source `json:"sources"`
	More    bool     `json:"more"`
}

func (c *call) headOf(q OriginRequest) (any, error) {
	s, e, err := c.loadSource(q.Origin)
	if err != nil {
		return nil, err
	}
	h := Head{Source: s, Size: e.Size, Root: e.Root, Transaction: e.Transaction}
	if e.Size == 0 {
		return h, nil
	}
	a, err := c.loadAnchor(q.Origin, e.Size)
	h.Checkpoint = a.Checkpoint
	return h, err
}

// getAnchor answers from one key, so that several peers sign the same answer at any
// later time.
func (c *call) getAnchor(q AnchorQuery) (any, error) {
	if err := checkOrigin(q.Origin); err != nil {
		return nil, err
	}
	if q.Size < 1 || q.Size > maxSize {
		return nil, refuse(Size, "the size is out of bounds")
	}
	return c.loadAnchor(q.Origin, q.Size)
}

func (c *call) loadAnchor(origin string, size int64) (a Anchor, err error) {
	found, err := c.load(anchorKey(origin, size), &a)
	if err == nil && !found {
		err = refuse(NotFound, "%s is not anchored at size %d", origin, size)
	}
	return a, err
}

func (c *call) listSources(q ListRequest) (any, error) {
	if q.After != "" {
		if err := checkOrigin(q.After); err != nil {
			return nil, err
		}
	}
	rows, err := c.stub.GetStateByRange(sourceKey(q.After), sourceEnd)
	if err != nil {
		return nil, refuse(State, "list: %v", err)
	}
	defer rows.Close()
	list := Sources{Sources: []Source{}}
	for rows.HasNext() {
		row, err := rows.Next()
		if err != nil {
			return nil, refuse(State, "list: %v", err)
		}
		var s Source
		if err := decode(row.GetValue(), &s); err != nil || s.Version != version {
			return nil, refuse(State, "%s is not what this version of the contract writes", row.GetKey())
		}
		if s.Origin == q.After {
			continue
		}
		if len(list.Sources) == pageSize {
			list.More = true
			break
		}
		list.Sources = append(list.Sources, s)
	}
	return list, nil
}
