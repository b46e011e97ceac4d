package search

import (
	"cmp"
	"context"
	"slices"

	"github.com/aceso-health/aceso/store"
)

// Passing is a HistoryReader that can list versions without reading them.
type Passing interface {
	Reader
	// Types are those that Stamps is asked for to list all versions.
	Types() []string
	// Stamps lists up to limit versions of a type, newest first, with stamps from lowest to
	// highest. It calls pass with the number of entries of an index that cost as much.
	Stamps(typ string, lowest, highest int64, limit int, pass func(entries int) error) ([]Stamped, error)
	// At reads versions by their stamps, which are in the order of a history. It ends early
	// when it has Enough.
	At(stamps []int64) ([]*Row, error)
}

// Stamped is a version that is not read.
type Stamped struct {
	Stamp int64
	Type  string
	Place int64 // of the resource; 0 if it is not known
}

// passer finds the versions that a history has to judge. It passes over those of resources
// that are certainly hidden now: the past of those is hidden, too (see store.Sight). What is
// deleted is in no set, and judged.
type passer struct {
	*searcher
	lowest  int64
	unseen  map[string]int // by type: versions that were judged, and hidden
	passes  bool           // whether it is worth while by now
	streams []*stream
	next    []int64 // stamps that were found, and not yet read
}

// stream lists versions of a type.
type stream struct {
	typ   string
	found []Stamped // what is not passed over
	below int64     // stamps up to here were not listed yet
	size  int       // of the next list
	vain  int       // versions that were listed and passed over ...
	told  int       // ... of which so many are among those of all searches
	seen  *keptSet  // a ranking to list from; nil: the index
	done  bool
}

// longestList is how many versions a stream lists at once.
const longestList = 1024

const tooFar = "The history would have to examine too many versions. Narrow it by resource or by _since."

func newPasser(ctx context.Context, o Options, h *store.History) *passer {
	p := &passer{searcher: &searcher{Reader: o.Passing, Options: o, ctx: ctx, visible: h.Visible, sight: h.Sight, spent: budget(h.Most, h.Work, tooFar)}}
	p.lowest = store.FirstStamp(h.Since)
	if h.ID == "" && h.Sight != nil && h.Visible != nil && o.Passing != nil {
		p.unseen, p.passes = map[string]int{}, o.Patience.Unseen == 0
	}
	return p
}

// judged notes that a version of a type was hidden.
func (p *passer) judged(typ string) {
	if p.unseen != nil {
		p.unseen[typ]++
		p.passes = p.passes || p.unseen[typ] >= p.Patience.Unseen
	}
}

// rows reads up to n of the versions that are to be judged, newest first, beginning at top.
func (p *passer) rows(typ string, top int64, n int) (rows []*Row, last bool, err error) {
	if p.streams == nil {
		p.begin(typ, top)
	}
	for len(p.next) < n {
		stamp, err := p.find()
		if err != nil {
			return nil, false, err
		}
		if stamp == 0 {
			last = true
			break
		}
		p.next = append(p.next, stamp)
	}
	if rows, err = p.Passing.At(p.next); err != nil {
		return nil, false, err
	}
	if !Enough(rows) {
		p.next = p.next[:0]
		return rows, last, nil
	}
	p.next = slices.DeleteFunc(p.next, func(stamp int64) bool { return stamp >= rows[len(rows)-1].Stamp })
	return rows, last && len(p.next) == 0, nil
}

func (p *passer) begin(typ string, top int64) {
	types := []string{typ}
	if typ == "" {
		types = p.Passing.Types()
	}
	p.streams = make([]*stream, len(types))
	for i, typ := range types {
		p.streams[i] = &stream{typ: typ, below: top, size: historyBatch}
	}
}

// top is where the next version of a stream may be.
func (s *stream) top() int64 {
	if len(s.found) > 0 {
		return s.found[0].Stamp
	}
	return s.below
}

// find gives the newest version of all streams, 0 if there are no more. A stream of which
// everything is passed over is not listed any further than the others.
func (p *passer) find() (stamp int64, err error) {
	for len(p.streams) > 0 {
		s := slices.MaxFunc(p.streams, func(a, b *stream) int { return cmp.Compare(a.top(), b.top()) })
		switch {
		case len(s.found) > 0:
			v := s.found[0]
			s.found = s.found[1:]
			if hidden, err := p.hides(v); err != nil || !hidden {
				return v.Stamp, err
			}
		case s.done:
			p.streams = slices.DeleteFunc(p.streams, func(t *stream) bool { return t == s })
		default:
			if err := p.list(s); err != nil {
				return 0, err
			}
		}
	}
	return 0, nil
}

// looks says whether it is asked what is certainly hidden of a type: the first one is judged
// for long, because to ask takes all patients for judged, and others for a while.
func (p *passer) looks(typ string) bool {
	return p.passes && p.unseen[typ] >= p.Patience.Unseen/8
}

// hides says whether a version is passed over.
func (p *passer) hides(v Stamped) (bool, error) {
	if !p.looks(v.Type) {
		return false, nil
	}
	of, err := p.view(v.Type)
	if err != nil || !of.isHidden(v.Place) {
		return false, err
	}
	live, err := p.live(v.Type)
	return contains(live, v.Place), err
}

// list lists more of a stream: the more, the more it passes over.
func (p *passer) list(s *stream) error {
	if err := p.pass(seekSteps); err != nil {
		return err
	}
	if err := p.rank(s); err != nil {
		return err
	}
	all, err := p.stamps(s)
	if err != nil {
		return err
	}
	s.found = s.found[:0]
	for _, v := range all {
		hidden, err := p.hides(v)
		if err != nil {
			return err
		}
		if !hidden {
			s.found = append(s.found, v)
		}
	}
	if s.done = len(all) < s.size; !s.done {
		s.below = all[len(all)-1].Stamp - 1
	}
	s.vain += len(all) - len(s.found)
	if len(s.found) < len(all)/2 {
		s.size = min(2*s.size, longestList)
	}
	return nil
}

// stamps are the next versions of a stream.
func (p *passer) stamps(s *stream) (all []Stamped, err error) {
	if s.seen == nil {
		return p.Passing.Stamps(s.typ, p.lowest, s.below, s.size, p.skim)
	}
	for e := range s.seen.from(&Entry{Value: stampValue(s.below + 1)}) {
		if len(all) == s.size || e.stamp() < p.lowest {
			break
		}
		all = append(all, Stamped{e.stamp(), s.typ, e.Place})
	}
	return all, p.skim(len(all))
}

// eachVersions is what it costs to find the versions of one resource, in versions that a
// stream passes over.
const eachVersions = 10

// rank lists a stream from a ranking from now on, if there is one, or if so much was passed over,
// in earlier histories, too, that to make one had cost less.
func (p *passer) rank(s *stream) error {
	if s.seen != nil || s.typ == "" || !p.looks(s.typ) {
		return nil // a stream of all types has no sets
	}
	v, err := p.view(s.typ)
	if err != nil || !v.narrow() || v.sight == nil {
		return err
	}
	of := pastVersions{outlook{v.sight}}
	if s.seen, err = p.ranking(s.typ, of); err != nil || s.seen != nil {
		return err
	}
	vain := p.Sets.inVain(s.typ, of, int64(s.vain-s.told))
	if s.told = s.vain; !p.worth(vain, v.open) {
		return nil
	}
	deleted, err := p.kept(s.typ, gone{}, func(to Sink) error { return p.Deleted(s.typ, to) })
	if err != nil {
		return err
	}
	all := union(v.open, deleted)
	if !p.worth(vain, all) || !p.spent.leaves(2*int64(all.GetCardinality())*briefSteps) {
		return nil
	}
	s.seen, err = p.makeRanking(s.typ, of, all)
	return err
}

// worth says whether a ranking of some resources is worth while, after so much was passed over.
func (p *passer) worth(vain int64, of set) bool {
	n := int64(of.GetCardinality())
	return n <= mostRanked && (p.Patience.Unseen == 0 || vain >= n*eachVersions)
}
